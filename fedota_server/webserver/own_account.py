"""What everybody may do with their own account."""

from __future__ import annotations

from sqlmodel import Session, col, delete

from fedota_proto.errors import ConflictError, NotFoundError, SignInError, UsageError
from fedota_server.webserver import audit
from fedota_server.webserver.account import SessionView, TokenView
from fedota_server.webserver.account_desk import AccountDesk
from fedota_server.webserver.account_fields import clean_name
from fedota_server.webserver.passwords import refuse_weak
from fedota_server.webserver.permissions import Action, Actor, require
from fedota_server.webserver.sessions import end_sessions, session_views
from fedota_server.webserver.tables import User, WebSession
from fedota_server.webserver.throttle import for_account
from fedota_server.webserver.tokens import add_token, end_token, token_views


class OwnAccount(AccountDesk):
    """Changes an account on its owner's behalf. All of it raises SignInError for nobody."""

    def change_name(self, actor: Actor, name: str) -> None:
        """Take another name.

        Raises
        ------
        UsageError
            It will not do.
        """
        require(actor, Action.CHANGE_OWN_ACCOUNT)
        name = clean_name(name)
        with self._database.session() as session, session.begin():
            user = self._locked(session, actor.user_id)
            before, user.name = user.name, name
            self._record(session, actor, "change the name", user, f"{before} → {name}")

    def change_password(self, actor: Actor, old: str, new: str, *, session_token: str = "") -> None:
        """Take another password; every other browser is signed out.

        Parameters
        ----------
        old
            Empty for an account that has none yet.
        session_token
            Of the session that asks, which goes on; without it, all sessions end.

        Raises
        ------
        SignInError
            The old password is wrong.
        UsageError
            The new one will not do.
        BusyError
            Too many attempts.
        ConflictError
            It was changed elsewhere at this moment.
        """
        require(actor, Action.CHANGE_OWN_ACCOUNT)
        with self._database.session() as session:
            user = session.get(User, actor.user_id)
        if user is None:
            raise NotFoundError("There is no such account.")
        refuse_weak(new, user.email)
        if new == old:
            raise UsageError("The new password is the old one: take another.")
        if user.password_hash is not None:
            self._throttle.count(for_account(user.email))
            if not self._passwords.check(user.password_hash, old).right:
                raise SignInError("The old password is wrong: type the one that you sign in with.")
        new_hash = self._passwords.hash(new)
        with self._database.session() as session, session.begin():
            self._throttle.forgive(session, wholly=(for_account(user.email),))
            current = self._locked(session, actor.user_id)
            if current.password_hash != user.password_hash:
                raise ConflictError("The password was changed elsewhere: sign in again.")
            current.password_hash = new_hash
            current.must_change_password = False
            end_sessions(session, actor.user_id, but_token=session_token)
            self._record(session, actor, "change the password", current)

    def sessions(self, actor: Actor, *, session_token: str = "") -> list[SessionView]:
        """List the browsers that are signed in, the last seen first.

        Parameters
        ----------
        session_token
            Of the session that asks; it is marked as the current one.
        """
        require(actor, Action.CHANGE_OWN_ACCOUNT)
        with self._database.session() as session:
            return session_views(session, actor.user_id, session_token, self._clock())

    def end_session(self, actor: Actor, session_id: int) -> None:
        """Sign one browser out; for one that is signed out already, do nothing."""
        require(actor, Action.CHANGE_OWN_ACCOUNT)
        with self._database.session() as session, session.begin():
            user = self._locked(session, actor.user_id)
            session.exec(
                delete(WebSession).where(
                    col(WebSession.id) == session_id, col(WebSession.user_id) == actor.user_id
                )
            )
            self._record(session, actor, "sign a browser out", user)

    def sign_out_everywhere(self, actor: Actor) -> None:
        """Sign every browser out, the asking one included; tokens for scripts go on."""
        require(actor, Action.CHANGE_OWN_ACCOUNT)
        with self._database.session() as session, session.begin():
            user = self._locked(session, actor.user_id)
            end_sessions(session, actor.user_id)
            self._record(session, actor, "sign out everywhere", user)

    def tokens(self, actor: Actor) -> list[TokenView]:
        """List the tokens for scripts, the newest first."""
        require(actor, Action.MAKE_TOKEN)
        with self._database.session() as session:
            return token_views(session, actor.user_id)

    def make_token(self, actor: Actor, name: str, days: float | None) -> tuple[str, TokenView]:
        """Make a token for scripts: it may do all that its owner may.

        Parameters
        ----------
        name
            What it is for.
        days
            How long it lasts; None: until it is revoked.

        Returns
        -------
        tuple of str and TokenView
            The token, shown this once, and what is shown of it later.

        Raises
        ------
        UsageError
            The name or the days will not do.
        ConflictError
            The password must be changed first, or there are very many tokens.
        """
        require(actor, Action.MAKE_TOKEN)
        with self._database.session() as session, session.begin():
            user = self._locked(session, actor.user_id)
            if user.must_change_password:
                raise ConflictError("Change your password first: somebody else chose it.")
            token, view = add_token(session, actor.user_id, name, days, self._clock())
            self._record(session, actor, "make an API token", user, view.name)
        return token, view

    def revoke_token(self, actor: Actor, token_id: int) -> None:
        """Have a token open nothing any more.

        Raises
        ------
        NotFoundError
            The account has no such token.
        """
        require(actor, Action.MAKE_TOKEN)
        with self._database.session() as session, session.begin():
            user = self._locked(session, actor.user_id)
            name = end_token(session, actor.user_id, token_id)
            self._record(session, actor, "revoke an API token", user, name)

    def _record(
        self, session: Session, actor: Actor, action: str, user: User, detail: str = ""
    ) -> None:
        audit.record(session, self._clock(), actor, action, subject=user.email, detail=detail)
