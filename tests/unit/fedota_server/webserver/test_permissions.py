"""Who may do what: every action for every kind of person, written out."""

from __future__ import annotations

import pytest

from fedota_proto.errors import ForbiddenError, SignInError
from fedota_server.webserver.permissions import (
    ALLOWED,
    NOBODY,
    Action,
    Actor,
    Relation,
    Role,
    machine_actor,
    may,
    relations,
    require,
)

OWNER_ID = 7


def person(*roles: Role, user_id: int = 1) -> Actor:
    return Actor(user_id, "Kim", frozenset(roles))


# Who asks, whether with an approved membership, and their place in a row of the table below.
# A problem of somebody else is acted on, but by the owners.
ASKERS: dict[str, tuple[Actor, bool]] = {
    "nobody": (NOBODY, False),
    "without a role": (person(), False),
    "holder": (person(Role.HOLDER), False),
    "member": (person(Role.HOLDER), True),
    "setter": (person(Role.SETTER), False),
    "setter and member": (person(Role.SETTER, Role.HOLDER), True),
    "owner": (person(Role.SETTER, user_id=OWNER_ID), False),
    "owner and member": (person(Role.SETTER, Role.HOLDER, user_id=OWNER_ID), True),
    "owner no longer setter": (person(Role.HOLDER, user_id=OWNER_ID), False),
    "admin": (person(Role.ADMIN), False),
    "admin, setter and holder": (person(*Role), False),
    "at the machine": (machine_actor("root"), False),
}

# One column an asker, in their order: + may, . may not.
TABLE = {
    #                             nobody
    #                             | without a role
    #                             | | holder
    #                             | | | member
    #                             | | | | setter
    #                             | | | | | setter and member
    #                             | | | | | | owner
    #                             | | | | | | | owner and member
    #                             | | | | | | | | owner no longer setter
    #                             | | | | | | | | | admin
    #                             | | | | | | | | | | admin, setter and holder
    #                             | | | | | | | | | | | at the machine
    Action.REGISTER: "            + + + + + + + + + + + +",
    Action.SIGN_IN: "             + + + + + + + + + + + +",
    Action.CHANGE_OWN_ACCOUNT: "  . + + + + + + + + + + +",
    Action.MAKE_TOKEN: "          . + + + + + + + + + + +",
    Action.CREATE_PROBLEM: "      . . . . + + + + . . + .",
    Action.EDIT_PROBLEM: "        . . . . . . + + . + + +",
    Action.DRY_RUN: "             . . . . . . + + . + + +",
    Action.PUBLISH: "             . . . . . . + + . + + +",
    Action.DELETE_DRAFT: "        . . . . . . + + . + + +",
    Action.START: "               . . . . . . + + . + + +",
    Action.PAUSE: "               . . . . . . + + . + + +",
    Action.RESUME: "              . . . . . . + + . + + +",
    Action.STOP: "                . . . . . . + + . + + +",
    Action.ROLL_BACK: "           . . . . . . + + . + + +",
    Action.SCALE: "               . . . . . . + + . + + +",
    Action.ARCHIVE: "             . . . . . . + + . + + +",
    Action.DECIDE_REQUEST: "      . . . . . . + + . + + +",
    Action.REVOKE_MEMBER: "       . . . . . . + + . + + +",
    Action.SEE_MEMBERS: "         . . . . . . + + . + + +",
    Action.SEE_LOGS: "            . . . . . . + + . + + +",
    Action.SEE_CHANGES: "         . . . . . . + + . + + +",
    Action.SEE_CATALOGUE: "       . + + + + + + + + + + +",
    Action.SEE_PROBLEM: "         . + + + + + + + + + + +",
    Action.DOWNLOAD_MODEL: "      . . . + . + + + . + + +",
    Action.JOIN: "                . . + + . + . + + . + .",
    Action.MAKE_INVITE: "         . . . + . + . + . . . .",
    Action.LEAVE: "               . . . + . + . + . . . .",
    Action.MANAGE_USERS: "        . . . . . . . . . + + +",
    Action.SEE_ALL_PROBLEMS: "    . . . . . . . . . + + +",
    Action.SEE_SERVERS: "         . . . . . . . . . + + +",
    Action.SEE_AUDIT: "           . . . . . . . . . + + +",
    Action.CHANGE_SETTINGS: "     . . . . . . . . . + + +",
    Action.SEE_METRICS: "         . . . . . . . . . + + +",
    Action.BACK_UP: "             . . . . . . . . . + + +",
}


def allowed(action: Action) -> dict[str, bool]:
    cells = TABLE[action].split()
    return {asker: {"+": True, ".": False}[cell] for asker, cell in zip(ASKERS, cells, strict=True)}


def test_every_action_stands_in_both_tables() -> None:
    assert set(ALLOWED) == set(Action)
    assert set(TABLE) == set(Action)


def test_every_action_is_somebodys() -> None:
    assert all(ALLOWED.values())


@pytest.mark.parametrize("action", Action)
def test_each_may_what_the_table_says(action: Action) -> None:
    answers = {
        asker: may(actor, action, owner_id=OWNER_ID, member=member)
        for asker, (actor, member) in ASKERS.items()
    }
    assert answers == allowed(action)


@pytest.mark.parametrize("action", Action)
def test_who_may_not_is_told_so(action: Action) -> None:
    for asker, may_pass in allowed(action).items():
        actor, member = ASKERS[asker]
        if may_pass:
            require(actor, action, owner_id=OWNER_ID, member=member)
            continue
        error = ForbiddenError if actor.signed_in else SignInError
        with pytest.raises(error) as told:
            require(actor, action, owner_id=OWNER_ID, member=member)
        assert action.value in told.value.public_message


def test_nobody_owns_what_no_problem_is() -> None:
    for actor in (NOBODY, machine_actor("root"), Actor(0, "x", frozenset(Role))):
        assert Relation.OWNER not in relations(actor, owner_id=0)


def test_a_membership_is_nothing_to_who_is_not_signed_in() -> None:
    assert relations(NOBODY, owner_id=OWNER_ID, member=True) == {Relation.ANYBODY}
