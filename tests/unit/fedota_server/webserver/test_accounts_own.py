"""What everybody may do with their own account."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support.accounts import PASSWORD, SetClock, sign_in

from fedota_proto.errors import (
    BusyError,
    ConflictError,
    NotFoundError,
    SignInError,
    UsageError,
)
from fedota_server.webserver.accounts import Account, Accounts
from fedota_server.webserver.audit import Audit
from fedota_server.webserver.database import Database
from fedota_server.webserver.permissions import NOBODY, Role, machine_actor

NEW = "another horse battery"

CALLS: list[Callable[..., Any]] = [
    lambda accounts, actor: accounts.change_name(actor, "X"),
    lambda accounts, actor: accounts.change_password(actor, PASSWORD, NEW),
    lambda accounts, actor: accounts.sessions(actor),
    lambda accounts, actor: accounts.end_session(actor, 1),
    lambda accounts, actor: accounts.sign_out_everywhere(actor),
    lambda accounts, actor: accounts.tokens(actor),
    lambda accounts, actor: accounts.make_token(actor, "x", None),
    lambda accounts, actor: accounts.revoke_token(actor, 1),
]


@pytest.mark.parametrize("call", CALLS)
def test_nobody_has_no_account(accounts: Accounts, ada: Account, call: Callable[..., Any]) -> None:
    with pytest.raises(SignInError, match="Sign in to"):
        call(accounts, NOBODY)


@pytest.mark.parametrize("call", [call for call in CALLS if call not in (CALLS[2], CALLS[5])])
def test_who_sits_at_the_machine_has_none_either(
    accounts: Accounts, ada: Account, call: Callable[..., Any]
) -> None:
    with pytest.raises(NotFoundError, match="no such account"):
        call(accounts, machine_actor("root"))


def test_a_name_changes(accounts: Accounts, ada: Account, bob: Account, database: Database) -> None:
    accounts.change_name(bob.actor, "  Robert  B. ")
    assert accounts.find_user(ada.actor, bob.email).name == "Robert B."
    newest = Audit(database).entries(ada.actor)[0]
    assert (newest.actor, newest.action) == ("Bob", "change the name")
    assert newest.detail == "Bob → Robert B."
    with pytest.raises(UsageError, match="name is empty"):
        accounts.change_name(bob.actor, " ")


def test_a_password_changes_and_other_browsers_are_signed_out(
    accounts: Accounts, bob: Account
) -> None:
    here, there = sign_in(accounts, bob.email), sign_in(accounts, bob.email)
    accounts.change_password(bob.actor, PASSWORD, NEW, session_token=here)
    assert accounts.by_session(here) is not None
    assert accounts.by_session(there) is None
    with pytest.raises(SignInError):
        sign_in(accounts, bob.email)
    sign_in(accounts, bob.email, NEW)


def test_without_a_session_named_all_of_them_end(accounts: Accounts, bob: Account) -> None:
    token = sign_in(accounts, bob.email)
    accounts.change_password(bob.actor, PASSWORD, NEW)
    assert accounts.by_session(token) is None


def test_tokens_outlive_a_change_of_password(accounts: Accounts, bob: Account) -> None:
    token, _ = accounts.make_token(bob.actor, "script", None)
    accounts.change_password(bob.actor, PASSWORD, NEW)
    assert accounts.by_token(token) is not None


@pytest.mark.parametrize(
    ("old", "new", "error", "said"),
    [
        ("wrong", NEW, SignInError, "old password is wrong"),
        ("", NEW, SignInError, "old password is wrong"),
        (PASSWORD, "short", UsageError, "10 or more"),
        (PASSWORD, "bob@example.org", UsageError, "is the e-mail address"),
        (PASSWORD, PASSWORD, UsageError, "take another"),
    ],
)
def test_changes_that_will_not_do_are_refused(
    accounts: Accounts, bob: Account, old: str, new: str, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        accounts.change_password(bob.actor, old, new)
    sign_in(accounts, bob.email)


def test_guessing_the_old_password_waits(accounts: Accounts, bob: Account) -> None:
    for _ in range(5):
        with pytest.raises(SignInError):
            accounts.change_password(bob.actor, "wrong", NEW)
    with pytest.raises(BusyError):
        accounts.change_password(bob.actor, PASSWORD, NEW)


def test_sessions_are_listed_newest_first_and_ended_one_by_one(
    accounts: Accounts, bob: Account, ada: Account, clock: SetClock
) -> None:
    first = sign_in(accounts, bob.email)
    clock.pass_by(10)
    second = sign_in(accounts, bob.email)
    shown = accounts.sessions(bob.actor, session_token=first)
    assert [view.current for view in shown] == [False, True]
    assert [view.browser for view in shown] == ["Firefox on Linux"] * 2
    assert shown[0].created_unix_s == clock.now
    accounts.end_session(ada.actor, shown[0].session_id)
    assert accounts.by_session(second) is not None
    accounts.end_session(bob.actor, shown[0].session_id)
    assert accounts.by_session(second) is None
    assert accounts.by_session(first) is not None


def test_tokens_are_listed_and_revoked(
    accounts: Accounts, bob: Account, ada: Account, database: Database
) -> None:
    token, _ = accounts.make_token(bob.actor, "one", 1)
    _, other = accounts.make_token(bob.actor, "two", None)
    listed = accounts.tokens(bob.actor)
    assert [view.name for view in listed] == ["two", "one"]
    assert listed[0] == other
    assert accounts.tokens(ada.actor) == []
    with pytest.raises(NotFoundError, match="no such token"):
        accounts.revoke_token(ada.actor, listed[1].token_id)
    accounts.revoke_token(bob.actor, listed[1].token_id)
    assert accounts.by_token(token) is None
    with pytest.raises(NotFoundError, match="no such token"):
        accounts.revoke_token(bob.actor, listed[1].token_id)
    actions = [(e.action, e.detail) for e in Audit(database).entries(ada.actor, action="token")]
    assert actions == [
        ("revoke an API token", "one"),
        ("make an API token", "two"),
        ("make an API token", "one"),
    ]


@pytest.mark.parametrize("days", [0.0, -1.0, 3661.0, float("nan"), float("inf")])
def test_days_out_of_bounds_are_refused(accounts: Accounts, bob: Account, days: float) -> None:
    with pytest.raises(UsageError, match="lasts up to 3660 days"):
        accounts.make_token(bob.actor, "x", days)


def test_a_token_needs_a_name(accounts: Accounts, bob: Account) -> None:
    with pytest.raises(UsageError, match="token's name is empty"):
        accounts.make_token(bob.actor, "", None)


def test_there_are_not_endlessly_many_tokens(accounts: Accounts, bob: Account) -> None:
    for _ in range(50):
        accounts.make_token(bob.actor, "x", None)
    with pytest.raises(ConflictError, match="You have 50 tokens: revoke one"):
        accounts.make_token(bob.actor, "x", None)


def test_a_password_that_somebody_else_chose_makes_no_token(
    accounts: Accounts, ada: Account
) -> None:
    dan, first = accounts.add_user(ada.actor, "dan@example.org", "Dan", {Role.HOLDER})
    with pytest.raises(ConflictError, match="Change your password first"):
        accounts.make_token(dan.actor, "x", None)
    accounts.change_password(dan.actor, first, NEW)
    accounts.make_token(dan.actor, "x", None)
