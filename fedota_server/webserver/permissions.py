"""Who may do what: one table, asked by every use case before it acts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from fedota_proto.errors import ForbiddenError, SignInError


class Role(StrEnum):
    """What an account may be; one account may be several."""

    ADMIN = "admin"
    SETTER = "setter"
    HOLDER = "holder"


class Relation(StrEnum):
    """What somebody is to the thing that is acted on."""

    ANYBODY = "anybody"  # also nobody signed in
    SIGNED_IN = "signed in"
    ADMIN = "admin"
    SETTER = "setter"  # of any problem
    HOLDER = "holder"  # may join problems
    OWNER = "owner"  # set this problem
    MEMBER = "member"  # has an approved membership of this problem


class Action(StrEnum):
    """Everything that can be asked of the platform."""

    REGISTER = "register"
    SIGN_IN = "sign in"
    CHANGE_OWN_ACCOUNT = "change one's own account"
    MAKE_TOKEN = "make an API token"  # noqa: S105

    CREATE_PROBLEM = "create a problem"
    EDIT_PROBLEM = "edit a problem"
    DRY_RUN = "run a problem dry"
    PUBLISH = "publish a problem"
    DELETE_DRAFT = "delete a draft"
    START = "start a problem"
    PAUSE = "pause a problem"
    RESUME = "resume a problem"
    STOP = "stop a problem"
    ROLL_BACK = "roll a problem back"
    SCALE = "scale a problem's selectors"
    ARCHIVE = "archive a problem"
    DECIDE_REQUEST = "decide on requests to join"
    REVOKE_MEMBER = "revoke a membership"
    SEE_MEMBERS = "see a problem's members"
    SEE_LOGS = "see the servers' logs"
    SEE_CHANGES = "see what was done to a problem"

    SEE_CATALOGUE = "see the catalogue"
    SEE_PROBLEM = "see a published problem"
    DOWNLOAD_MODEL = "download a round's model"
    JOIN = "join a problem"
    MAKE_INVITE = "enrol a client"
    LEAVE = "leave a problem"

    MANAGE_USERS = "manage users"
    SEE_ALL_PROBLEMS = "see every problem"
    SEE_SERVERS = "see every server"
    SEE_AUDIT = "see the audit log"
    CHANGE_SETTINGS = "change the platform's settings"
    SEE_METRICS = "see the platform's metrics"
    BACK_UP = "back the platform up or restore it"


_EVERYBODY = frozenset({Relation.ANYBODY})
_SIGNED_IN = frozenset({Relation.SIGNED_IN})
_ADMIN = frozenset({Relation.ADMIN})
_SETTER = frozenset({Relation.SETTER, Relation.ADMIN})
_OWNER = frozenset({Relation.OWNER, Relation.ADMIN})

ALLOWED: Mapping[Action, frozenset[Relation]] = {
    Action.REGISTER: _EVERYBODY,
    Action.SIGN_IN: _EVERYBODY,
    Action.CHANGE_OWN_ACCOUNT: _SIGNED_IN,
    Action.MAKE_TOKEN: _SIGNED_IN,
    Action.CREATE_PROBLEM: frozenset({Relation.SETTER}),
    Action.EDIT_PROBLEM: _OWNER,
    Action.DRY_RUN: _OWNER,
    Action.PUBLISH: _OWNER,
    Action.DELETE_DRAFT: _OWNER,
    Action.START: _OWNER,
    Action.PAUSE: _OWNER,
    Action.RESUME: _OWNER,
    Action.STOP: _OWNER,
    Action.ROLL_BACK: _OWNER,
    Action.SCALE: _OWNER,
    Action.ARCHIVE: _OWNER,
    Action.DECIDE_REQUEST: _OWNER,
    Action.REVOKE_MEMBER: _OWNER,
    Action.SEE_MEMBERS: _OWNER,
    Action.SEE_LOGS: _OWNER,
    Action.SEE_CHANGES: _OWNER,
    Action.SEE_CATALOGUE: _SIGNED_IN,
    Action.SEE_PROBLEM: _SIGNED_IN,
    Action.DOWNLOAD_MODEL: frozenset({Relation.OWNER, Relation.ADMIN, Relation.MEMBER}),
    Action.JOIN: frozenset({Relation.HOLDER}),
    Action.MAKE_INVITE: frozenset({Relation.MEMBER}),
    Action.LEAVE: frozenset({Relation.MEMBER}),
    Action.MANAGE_USERS: _ADMIN,
    Action.SEE_ALL_PROBLEMS: _ADMIN,
    Action.SEE_SERVERS: _ADMIN,
    Action.SEE_AUDIT: _ADMIN,
    Action.CHANGE_SETTINGS: _ADMIN,
    Action.SEE_METRICS: _ADMIN,
    Action.BACK_UP: _ADMIN,
}


@dataclass(frozen=True)
class Actor:
    """Whoever asks.

    Parameters
    ----------
    user_id
        0 for nobody signed in.
    name
        As it stands in the audit log.
    roles
        What the account is.
    at_machine
        Whether it is who sits at the platform's own machine, with its folder: no account, but an
        administrator by right of that.
    """

    user_id: int
    name: str
    roles: frozenset[Role]
    at_machine: bool = False

    @property
    def signed_in(self) -> bool:
        """Whether it is known who asks."""
        return self.user_id > 0 or self.at_machine

    @property
    def account_id(self) -> int | None:
        """The account's row, for the database; None for who has none."""
        return self.user_id if self.user_id > 0 else None

    def is_a(self, role: Role) -> bool:
        """Tell whether the account has a role."""
        return role in self.roles


NOBODY = Actor(0, "nobody", frozenset())


def machine_actor(login: str) -> Actor:
    """Name whoever uses `fedota` on the platform's own machine.

    Parameters
    ----------
    login
        Under which the operating system knows them.
    """
    return Actor(0, f"{login} on this machine", frozenset({Role.ADMIN}), at_machine=True)


def relations(actor: Actor, *, owner_id: int = 0, member: bool = False) -> frozenset[Relation]:
    """List what an actor is to a problem.

    Parameters
    ----------
    owner_id
        Whose problem it is; 0 where no problem is concerned.
    member
        Whether the actor has an approved membership of it.
    """
    found = {Relation.ANYBODY}
    if actor.signed_in:
        found |= {Relation.SIGNED_IN, *(Relation(role.value) for role in actor.roles)}
        if owner_id == actor.user_id and Role.SETTER in actor.roles:
            found.add(Relation.OWNER)
        if member:
            found.add(Relation.MEMBER)
    return frozenset(found)


def may(actor: Actor, action: Action, *, owner_id: int = 0, member: bool = False) -> bool:
    """Tell whether an actor may do something."""
    return bool(ALLOWED[action] & relations(actor, owner_id=owner_id, member=member))


def require(actor: Actor, action: Action, *, owner_id: int = 0, member: bool = False) -> None:
    """Let an action pass, or refuse it.

    Raises
    ------
    SignInError
        Nobody is signed in, and somebody must be.
    ForbiddenError
        The one who is may not.
    """
    if may(actor, action, owner_id=owner_id, member=member):
        return
    if not actor.signed_in:
        raise SignInError(f"Sign in to {action.value}.")
    raise ForbiddenError(
        f"{actor.name} may not {action.value}: ask an administrator of this platform, or the "
        "problem's setter."
    )
