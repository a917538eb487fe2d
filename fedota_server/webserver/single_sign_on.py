"""Signing in at another service (OpenID Connect), which vouches for who somebody is."""

from __future__ import annotations

from sqlmodel import Session, select

from fedota_proto.errors import ConflictError, ForbiddenError, SignInError, UsageError
from fedota_server.webserver import audit
from fedota_server.webserver.account import account_of
from fedota_server.webserver.account_fields import NAME_MOST, clean_email, clean_name
from fedota_server.webserver.database import row_id
from fedota_server.webserver.registration_rules import read_rules
from fedota_server.webserver.sessions import end_sessions
from fedota_server.webserver.set_up import SetUp
from fedota_server.webserver.sign_in import SignIn
from fedota_server.webserver.tables import User
from fedota_server.webserver.tokens import end_tokens

_SUBJECT_MOST = 400


class SingleSignOn(SignIn, SetUp):
    """Lets in whom the configured service vouches for."""

    def sign_in_oidc(
        self,
        issuer: str,
        subject: str,
        email: str,
        name: str,
        email_verified: bool,
        *,
        browser: str,
    ) -> str:
        """Sign a browser in whose owner the service has named.

        An account is known by issuer and subject. At the first time, the account with the same
        e-mail address is linked, if the service has verified the address; whatever opened it
        before no longer does, since nobody had verified it then. Without one, an account is made
        where registration is open.

        Parameters
        ----------
        issuer, subject
            Claims ``iss`` and ``sub`` of a token whose signature was checked.
        email, name, email_verified
            Claims of the same names.

        Returns
        -------
        str
            The token of the new session.

        Raises
        ------
        SignInError
            The claims name nobody, or the account is disabled.
        ForbiddenError
            There is no account, and registration is not open.
        ConflictError
            The platform has no administrator yet, or the account was made at this moment.
        """
        key = f"{issuer}|{subject}"
        if not issuer or not subject or len(key) > _SUBJECT_MOST or not key.isprintable():
            raise SignInError("The sign-on service did not say who you are: try again.")
        if self.needs_setup():
            raise ConflictError("This platform has no administrator yet: set it up first.")
        with self._adding() as session:
            self._database.alone(session, "single sign-on")
            known = select(User).where(User.oidc_subject == key).with_for_update()
            user = session.exec(known).first()
            if user is None:
                user = self._first_time(session, key, email, name, email_verified)
            return self._enter(session, user, browser, "sign in by single sign-on")

    def _first_time(
        self, session: Session, key: str, email: str, name: str, verified: bool
    ) -> User:
        try:
            email = clean_email(email)
        except UsageError as error:
            raise SignInError(
                "The sign-on service named no e-mail address for you: ask its administrator."
            ) from error
        user = self._by_email(session, email)
        if user is not None:
            return self._link(session, user, key, verified)
        rules = read_rules(session, self._settings.registration)
        if rules.mode != "open":
            raise ForbiddenError(
                f"There is no account for {email}, and registration is not open: ask an "
                "administrator of this platform to add you."
            )
        user = self._add(
            session, email=email, name=_usable(name, email), roles=rules.roles, oidc_subject=key
        )
        audit.record(
            session,
            self._clock(),
            account_of(user).actor,
            "register",
            subject=email,
            detail="by single sign-on",
        )
        return user

    def _link(self, session: Session, user: User, key: str, verified: bool) -> User:
        if not verified or user.oidc_subject is not None:
            raise SignInError(
                f"There is an account for {user.email}, but the sign-on service does not vouch "
                "that it is yours: sign in with its password, or ask an administrator."
            )
        user_id = row_id(user.id)
        user = self._locked(session, user_id)
        user.oidc_subject = key
        user.password_hash = None
        user.must_change_password = False
        end_sessions(session, user_id)
        end_tokens(session, user_id)
        audit.record(
            session,
            self._clock(),
            account_of(user).actor,
            "link single sign-on",
            subject=user.email,
            detail="password, sessions and tokens from before no longer open the account",
        )
        return user


def _usable(name: str, email: str) -> str:
    """Take the name that the service tells, if it is one."""
    try:
        return clean_name(name[:NAME_MOST])
    except UsageError:
        return email.partition("@")[0]
