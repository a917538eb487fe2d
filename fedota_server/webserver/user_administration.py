"""What administrators do with the accounts of others."""

from __future__ import annotations

from collections.abc import Collection

from sqlmodel import Session, col, func, or_, select

from fedota_proto.errors import ConflictError, NotFoundError
from fedota_server.webserver import audit
from fedota_server.webserver.account import Account, account_of, give_roles, roles_of
from fedota_server.webserver.account_desk import AccountDesk
from fedota_server.webserver.account_fields import clean_email, clean_name, printable
from fedota_server.webserver.permissions import Action, Actor, Role, require
from fedota_server.webserver.secret_text import new_code
from fedota_server.webserver.sessions import end_sessions
from fedota_server.webserver.tables import User
from fedota_server.webserver.throttle import for_account
from fedota_server.webserver.tokens import end_tokens

_MOST_USERS = 500


class UserAdministration(AccountDesk):
    """Lists, adds and changes accounts, for those who may manage users.

    All of it raises SignInError and ForbiddenError for those who may not, and NotFoundError where
    there is no such account.
    """

    def users(
        self, actor: Actor, search: str = "", offset: int = 0, limit: int = 50
    ) -> tuple[list[Account], int]:
        """List accounts by name.

        Parameters
        ----------
        search
            Only those with these letters in their name or e-mail address.

        Returns
        -------
        tuple of list of Account and int
            Those of the page, and how many there are in all.
        """
        require(actor, Action.MANAGE_USERS)
        words = printable(search.strip())
        found = or_(
            col(User.name).icontains(words, autoescape=True),
            col(User.email).icontains(words, autoescape=True),
        )
        with self._database.session() as session:
            count = session.exec(select(func.count()).select_from(User).where(found)).one()
            rows = session.exec(
                select(User)
                .where(found)
                .order_by(func.lower(User.name), col(User.id))
                .offset(offset)
                .limit(min(limit, _MOST_USERS))
            )
            return [account_of(row) for row in rows], count

    def find_user(self, actor: Actor, email: str) -> Account:
        """Find the account with an e-mail address."""
        require(actor, Action.MANAGE_USERS)
        with self._database.session() as session:
            user = self._by_email(session, email.strip().lower())
        if user is None:
            raise NotFoundError(f"No account has the e-mail address {printable(email.strip())}.")
        return account_of(user)

    def add_user(
        self, actor: Actor, email: str, name: str, roles: Collection[Role]
    ) -> tuple[Account, str]:
        """Add an account.

        Returns
        -------
        tuple of Account and str
            The account, and its first password, which its owner must change.

        Raises
        ------
        UsageError
            The e-mail address or the name will not do.
        ConflictError
            The e-mail address has an account.
        """
        require(actor, Action.MANAGE_USERS)
        email, name = clean_email(email), clean_name(name)
        password = _first_password()
        password_hash = self._passwords.hash(password)
        with self._adding() as session:
            user = self._add(
                session,
                email=email,
                name=name,
                roles=frozenset(roles),
                password_hash=password_hash,
                must_change_password=True,
            )
            self._record(session, actor, "add a user", user, _words(frozenset(roles)))
            return account_of(user), password

    def set_roles(self, actor: Actor, user_id: int, roles: Collection[Role]) -> Account:
        """Give an account these roles, in place of those that it holds.

        Raises
        ------
        ConflictError
            No administrator would be left.
        """
        require(actor, Action.MANAGE_USERS)
        given = frozenset(roles)
        with self._database.session() as session, session.begin():
            user = self._changing(session, user_id)
            before = roles_of(user)
            if Role.ADMIN not in given:
                _keep_one_admin(session, user)
            give_roles(user, given)
            self._record(
                session, actor, "change roles", user, f"{_words(before)} → {_words(given)}"
            )
            return account_of(user)

    def set_disabled(self, actor: Actor, user_id: int, disabled: bool) -> Account:
        """Let an account in no more, or again; its sessions end and its tokens are revoked.

        Raises
        ------
        ConflictError
            No administrator would be left.
        """
        require(actor, Action.MANAGE_USERS)
        with self._database.session() as session, session.begin():
            user = self._changing(session, user_id)
            if disabled:
                _keep_one_admin(session, user)
                end_sessions(session, user_id)
                end_tokens(session, user_id)
            user.disabled = disabled
            self._record(session, actor, "disable a user" if disabled else "enable a user", user)
            return account_of(user)

    def reset_password(self, actor: Actor, user_id: int) -> str:
        """Give an account a new password; its sessions end and its tokens are revoked.

        Returns
        -------
        str
            The password, which its owner must change.
        """
        require(actor, Action.MANAGE_USERS)
        password = _first_password()
        password_hash = self._passwords.hash(password)
        with self._database.session() as session, session.begin():
            known = session.get(User, user_id)
            if known is not None:
                self._throttle.forgive(session, wholly=(for_account(known.email),))
            user = self._locked(session, user_id)
            user.password_hash = password_hash
            user.must_change_password = True
            end_sessions(session, user_id)
            end_tokens(session, user_id)
            self._record(session, actor, "reset a password", user)
        return password

    def _changing(self, session: Session, user_id: int) -> User:
        """Read an account whose roles or access change: one such change at a time."""
        self._database.alone(session, "admins")
        return self._locked(session, user_id)

    def _record(
        self, session: Session, actor: Actor, action: str, user: User, detail: str = ""
    ) -> None:
        audit.record(session, self._clock(), actor, action, subject=user.email, detail=detail)


def _keep_one_admin(session: Session, user: User) -> None:
    others = select(User.id).where(
        col(User.is_admin).is_(True), col(User.disabled).is_(False), col(User.id) != user.id
    )
    if user.is_admin and not user.disabled and session.exec(others.limit(1)).first() is None:
        raise ConflictError(f"{user.name} is the only administrator: make somebody else one first.")


def _first_password() -> str:
    return new_code(4).lower()


def _words(roles: frozenset[Role]) -> str:
    return ", ".join(sorted(roles)) or "no role"
