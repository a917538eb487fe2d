"""Who may register: what an administrator set, or what the settings said at first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from sqlmodel import Session

from fedota_server.webserver.permissions import Role
from fedota_server.webserver.tables import PlatformSetting

Mode = Literal["open", "code", "closed"]
MODES: tuple[Mode, ...] = ("open", "code", "closed")

# Who registers by themselves never becomes an administrator by that.
GIVEN_ROLES = frozenset({Role.SETTER, Role.HOLDER})

_MODE, _CODE, _ROLES = "registration_mode", "registration_code", "registration_roles"


@dataclass(frozen=True)
class RegistrationView:
    """Who may register.

    Parameters
    ----------
    mode
        ``open`` to everybody, to those with the ``code``, or ``closed``.
    has_code
        Whether a code is set; without one, nobody registers by code.
    roles
        What a new account is.
    """

    mode: Mode
    has_code: bool
    roles: frozenset[Role]


def read_rules(session: Session, first_mode: Mode) -> RegistrationView:
    """Read the rules in force.

    Parameters
    ----------
    first_mode
        In force until an administrator sets another.
    """
    said = _value(session, _MODE, first_mode)
    roles = _value(session, _ROLES, sorted(GIVEN_ROLES))
    return RegistrationView(
        mode=next((mode for mode in MODES if mode == said), "closed"),
        has_code=read_code_hash(session) is not None,
        roles=frozenset(role for role in GIVEN_ROLES if role.value in roles),
    )


def read_code_hash(session: Session) -> str | None:
    """Read the registration code's hash, None where no code is set."""
    kept = _value(session, _CODE, None)
    return None if kept is None else str(kept)


def write_rules(
    session: Session, mode: Mode, code_hash: str | None, roles: frozenset[Role]
) -> None:
    """Put rules in force."""
    for key, value in ((_MODE, mode), (_CODE, code_hash), (_ROLES, sorted(roles))):
        session.merge(PlatformSetting(key=key, value=value))


def _value(session: Session, key: str, default: object) -> Any:
    row = session.get(PlatformSetting, key)
    return default if row is None else row.value
