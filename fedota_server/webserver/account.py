"""An account, as pages and API see it, and its parts that are listed."""

from __future__ import annotations

from dataclasses import dataclass

from fedota_server.webserver.database import row_id
from fedota_server.webserver.permissions import Actor, Role
from fedota_server.webserver.tables import User


@dataclass(frozen=True)
class Account:
    """An account, with nothing in it that must stay secret.

    Parameters
    ----------
    email
        In lower case; what one signs in with.
    must_change_password
        Whether somebody else chose the password.
    last_seen_unix_s
        None before the first sign-in; exact to a minute.
    has_password
        False for an account that is entered by single sign-on alone.
    """

    user_id: int
    email: str
    name: str
    roles: frozenset[Role]
    disabled: bool
    must_change_password: bool
    created_unix_s: float
    last_seen_unix_s: float | None
    has_password: bool

    @property
    def actor(self) -> Actor:
        """Whom the use cases ask about."""
        return Actor(self.user_id, self.name, self.roles)


@dataclass(frozen=True)
class SessionView:
    """A browser that is signed in.

    Parameters
    ----------
    current
        Whether it is the one that asks.
    """

    session_id: int
    browser: str
    created_unix_s: float
    last_seen_unix_s: float
    current: bool = False


@dataclass(frozen=True)
class TokenView:
    """A token for scripts, without the token.

    Parameters
    ----------
    expires_unix_s
        None for one that lasts until it is revoked.
    """

    token_id: int
    name: str
    created_unix_s: float
    last_used_unix_s: float | None
    expires_unix_s: float | None


def account_of(user: User) -> Account:
    """Show a row as an account."""
    return Account(
        user_id=row_id(user.id),
        email=user.email,
        name=user.name,
        roles=roles_of(user),
        disabled=user.disabled,
        must_change_password=user.must_change_password,
        created_unix_s=user.created_unix_s,
        last_seen_unix_s=user.last_seen_unix_s,
        has_password=user.password_hash is not None,
    )


def roles_of(user: User) -> frozenset[Role]:
    """List the roles that a row holds."""
    held = {
        Role.ADMIN: user.is_admin,
        Role.SETTER: user.is_setter,
        Role.HOLDER: user.is_holder,
    }
    return frozenset(role for role, has in held.items() if has)


def give_roles(user: User, roles: frozenset[Role]) -> None:
    """Write roles into a row, in place of those that it holds."""
    user.is_admin = Role.ADMIN in roles
    user.is_setter = Role.SETTER in roles
    user.is_holder = Role.HOLDER in roles
