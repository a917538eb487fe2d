"""Signing in, and finding who a session or a token belongs to."""

from __future__ import annotations

import contextlib

from sqlmodel import Session, col, delete

from fedota_proto.errors import DatabaseError, SignInError
from fedota_server.webserver import audit
from fedota_server.webserver.account import Account, account_of
from fedota_server.webserver.account_desk import AccountDesk
from fedota_server.webserver.database import row_id
from fedota_server.webserver.secret_text import sha256_of
from fedota_server.webserver.sessions import SEEN_EVERY_S, find_session, mark_seen, open_session
from fedota_server.webserver.tables import User, WebSession
from fedota_server.webserver.throttle import for_account, for_address
from fedota_server.webserver.tokens import find_token, mark_used

_EMAIL_MOST = 254


class SignIn(AccountDesk):
    """Opens and ends sessions."""

    def sign_in(self, email: str, password: str, *, address: str, browser: str) -> str:
        """Sign a browser in.

        Whoever guesses learns nothing of which accounts exist: neither from the words nor from the
        time that it takes.

        Parameters
        ----------
        address
            Where the request came from.
        browser
            What the browser says of itself.

        Returns
        -------
        str
            The token of the new session.

        Raises
        ------
        SignInError
            No account has this e-mail address and this password, or it is disabled.
        BusyError
            Too many attempts, for this account or from this address.
        """
        claimed = email.strip().lower()[:_EMAIL_MOST]
        account, origin = for_account(claimed), for_address(address)
        self._throttle.count(account, origin)
        with self._database.session() as session:
            user = self._by_email(session, claimed)
        check = self._passwords.check(user.password_hash if user else None, password)
        if user is None or not check.right:
            raise _wrong()
        with self._database.session() as session, session.begin():
            self._throttle.forgive(session, wholly=(account,), once=origin)
            current = self._locked(session, row_id(user.id))
            if current.password_hash != user.password_hash:
                raise _wrong()
            if check.new_hash is not None:
                current.password_hash = check.new_hash
            return self._enter(session, current, browser, "sign in")

    def by_session(self, token: str) -> Account | None:
        """Find whose session a token opens; None for one that is none, or no more."""
        now = self._clock()
        with self._database.session() as session:
            found = find_session(session, token, now)
        if found is None:
            return None
        opened, user = found
        if now - opened.last_seen_unix_s >= SEEN_EVERY_S:
            # A page is shown even where it cannot be written down that it was.
            with (
                contextlib.suppress(DatabaseError),
                self._database.session() as session,
                session.begin(),
            ):
                mark_seen(session, opened, now)
        return account_of(user)

    def by_token(self, token: str) -> Account | None:
        """Find whose a script's token is; None for one that is none, or no more."""
        now = self._clock()
        with self._database.session() as session:
            found = find_token(session, token, now)
        if found is None:
            return None
        held, user = found
        if held.last_used_unix_s is None or now - held.last_used_unix_s >= SEEN_EVERY_S:
            with (
                contextlib.suppress(DatabaseError),
                self._database.session() as session,
                session.begin(),
            ):
                mark_used(session, held, now)
        return account_of(user)

    def sign_out(self, token: str) -> None:
        """End a session; for one that is over already, do nothing."""
        now = self._clock()
        with self._database.session() as session, session.begin():
            found = find_session(session, token, now)
            if found is not None:
                audit.record(session, now, account_of(found[1]).actor, "sign out")
            session.exec(delete(WebSession).where(col(WebSession.token_sha256) == sha256_of(token)))

    def _enter(self, session: Session, user: User, browser: str, action: str) -> str:
        """Open a session for somebody who has shown who they are.

        Raises
        ------
        SignInError
            The account is disabled.
        """
        if user.disabled:
            raise SignInError("This account is disabled: ask an administrator of this platform.")
        now = self._clock()
        audit.record(session, now, account_of(user).actor, action)
        return open_session(session, user, browser, now, self._settings.session_days)


def _wrong() -> SignInError:
    return SignInError(
        "No account has this e-mail address and this password: check both; an administrator can "
        "reset the password."
    )
