"""What administrators do with the accounts of others."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from support.accounts import PASSWORD, SetClock, add, sign_in

from fedota_proto.errors import (
    ConflictError,
    FedotaError,
    ForbiddenError,
    NotFoundError,
    SignInError,
    UsageError,
)
from fedota_server.webserver.accounts import Account, Accounts
from fedota_server.webserver.audit import Audit
from fedota_server.webserver.database import Database
from fedota_server.webserver.permissions import NOBODY, Role, machine_actor

CALLS: list[Callable[..., Any]] = [
    lambda accounts, actor: accounts.users(actor),
    lambda accounts, actor: accounts.find_user(actor, "ada@example.org"),
    lambda accounts, actor: accounts.add_user(actor, "x@example.org", "X", {Role.ADMIN}),
    lambda accounts, actor: accounts.set_roles(actor, 1, set()),
    lambda accounts, actor: accounts.set_disabled(actor, 1, True),
    lambda accounts, actor: accounts.reset_password(actor, 1),
]


@pytest.mark.parametrize("call", CALLS)
def test_only_administrators_may(
    accounts: Accounts, ada: Account, bob: Account, call: Callable[..., Any]
) -> None:
    with pytest.raises(ForbiddenError, match="Bob may not manage users"):
        call(accounts, bob.actor)
    with pytest.raises(SignInError, match="Sign in to manage users"):
        call(accounts, NOBODY)
    assert accounts.users(ada.actor)[1] == 2
    sign_in(accounts, ada.email)


def test_who_sits_at_the_machine_may(accounts: Accounts, ada: Account, database: Database) -> None:
    root = machine_actor("root")
    password = accounts.reset_password(root, ada.user_id)
    sign_in(accounts, ada.email, password)
    entry = Audit(database).entries(root, action="reset")[0]
    assert (entry.actor, entry.actor_id) == ("root on this machine", None)


def test_an_added_account_must_change_its_first_password(
    accounts: Accounts, ada: Account, clock: SetClock
) -> None:
    dan, first = accounts.add_user(ada.actor, "Dan@example.org", " Dan ", [Role.SETTER])
    assert (dan.email, dan.name) == ("dan@example.org", "Dan")
    assert dan.roles == {Role.SETTER}
    assert dan.must_change_password
    assert dan.created_unix_s == clock.now
    assert dan.last_seen_unix_s is None
    assert len(first) >= 16
    found = accounts.by_session(sign_in(accounts, dan.email, first))
    assert found is not None
    assert found.must_change_password
    accounts.change_password(dan.actor, first, PASSWORD)
    assert not accounts.find_user(ada.actor, dan.email).must_change_password


def test_first_passwords_differ(accounts: Accounts, ada: Account) -> None:
    given = {accounts.add_user(ada.actor, f"x{i}@example.org", "X", ())[1] for i in range(10)}
    assert len(given) == 10


def test_additions_that_will_not_do_are_refused(
    accounts: Accounts, ada: Account, bob: Account
) -> None:
    with pytest.raises(ConflictError, match="There is an account"):
        accounts.add_user(ada.actor, "BOB@example.org", "Bob", {Role.HOLDER})
    with pytest.raises(UsageError, match="no e-mail address"):
        accounts.add_user(ada.actor, "dan", "Dan", {Role.HOLDER})
    with pytest.raises(UsageError, match="name is empty"):
        accounts.add_user(ada.actor, "dan@example.org", "", {Role.HOLDER})
    assert accounts.users(ada.actor)[1] == 2


def test_accounts_are_listed_by_name_searched_and_paged(accounts: Accounts, ada: Account) -> None:
    for name in ("bob", "Cem", "Dan_100%"):
        accounts.add_user(ada.actor, f"{name[:3].lower()}@uni.example.org", name, {Role.HOLDER})
    listed, count = accounts.users(ada.actor)
    assert ([account.name for account in listed], count) == (["Ada", "bob", "Cem", "Dan_100%"], 4)
    page, count = accounts.users(ada.actor, offset=1, limit=2)
    assert ([account.name for account in page], count) == (["bob", "Cem"], 4)
    for words, names in (
        ("CEM", ["Cem"]),
        (" UNI.example ", ["bob", "Cem", "Dan_100%"]),
        ("%", ["Dan_100%"]),
        ("_", ["Dan_100%"]),
        ("nobody", []),
        ("bo\x00b", ["bob"]),
    ):
        page, count = accounts.users(ada.actor, words)
        assert ([account.name for account in page], count) == (names, len(names)), words


def test_an_account_is_found_by_its_address(accounts: Accounts, ada: Account, bob: Account) -> None:
    assert accounts.find_user(ada.actor, " BOB@example.org ") == bob
    for unknown in ("dan@example.org", "", "\x00"):
        with pytest.raises(NotFoundError, match="No account has the e-mail address"):
            accounts.find_user(ada.actor, unknown)


@pytest.mark.parametrize("roles", [set(), {Role.HOLDER}, {Role.SETTER}, {Role.ADMIN}, set(Role)])
def test_roles_take_the_place_of_others(
    accounts: Accounts, ada: Account, bob: Account, roles: set[Role]
) -> None:
    assert accounts.set_roles(ada.actor, bob.user_id, roles).roles == roles
    assert accounts.find_user(ada.actor, bob.email).roles == roles


def test_disabling_ends_sessions_and_tokens(accounts: Accounts, ada: Account, bob: Account) -> None:
    session_token = sign_in(accounts, bob.email)
    api_token, _ = accounts.make_token(bob.actor, "script", None)
    assert accounts.set_disabled(ada.actor, bob.user_id, True).disabled
    assert accounts.by_session(session_token) is None
    assert accounts.by_token(api_token) is None
    assert not accounts.set_disabled(ada.actor, bob.user_id, False).disabled
    assert accounts.by_session(session_token) is None
    assert accounts.by_token(api_token) is None
    sign_in(accounts, bob.email)


def test_a_reset_password_is_new_and_must_be_changed(
    accounts: Accounts, ada: Account, bob: Account
) -> None:
    session_token = sign_in(accounts, bob.email)
    api_token, _ = accounts.make_token(bob.actor, "script", None)
    password = accounts.reset_password(ada.actor, bob.user_id)
    assert accounts.by_session(session_token) is None
    assert accounts.by_token(api_token) is None
    with pytest.raises(SignInError):
        sign_in(accounts, bob.email)
    found = accounts.by_session(sign_in(accounts, bob.email, password))
    assert found is not None
    assert found.must_change_password


def test_a_reset_lets_in_who_was_blocked(accounts: Accounts, ada: Account, bob: Account) -> None:
    for _ in range(5):
        with pytest.raises(SignInError):
            sign_in(accounts, bob.email, "wrong")
    sign_in(accounts, bob.email, accounts.reset_password(ada.actor, bob.user_id))


def test_the_last_administrator_stays(accounts: Accounts, ada: Account, bob: Account) -> None:
    for _ in range(2):
        with pytest.raises(ConflictError, match="Ada is the only administrator"):
            accounts.set_roles(ada.actor, ada.user_id, {Role.SETTER, Role.HOLDER})
        with pytest.raises(ConflictError, match="Ada is the only administrator"):
            accounts.set_disabled(ada.actor, ada.user_id, True)
        # One who cannot come in is none.
        accounts.set_roles(ada.actor, bob.user_id, {Role.ADMIN})
        accounts.set_disabled(ada.actor, bob.user_id, True)
    second = accounts.set_disabled(ada.actor, bob.user_id, False).actor
    assert accounts.set_roles(ada.actor, ada.user_id, {Role.HOLDER}).roles == {Role.HOLDER}
    with pytest.raises(ConflictError, match="Bob is the only administrator"):
        accounts.set_roles(second, bob.user_id, ())


def test_a_disabled_administrator_may_lose_the_role(
    accounts: Accounts, ada: Account, bob: Account
) -> None:
    accounts.set_roles(ada.actor, bob.user_id, {Role.ADMIN})
    accounts.set_disabled(ada.actor, bob.user_id, True)
    assert accounts.set_roles(ada.actor, bob.user_id, ()).roles == set()


def test_two_administrators_cannot_disable_each_other_at_once(
    accounts: Accounts, ada: Account
) -> None:
    dan = add(accounts, ada, "Dan", Role.ADMIN)

    def disable(pair: tuple[Account, Account]) -> bool:
        try:
            accounts.set_disabled(pair[0].actor, pair[1].user_id, True)
        except FedotaError as error:
            assert isinstance(error, ConflictError)  # noqa: PT017 - in a thread
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(disable, ((ada, dan), (dan, ada)))) == [False, True]


@pytest.mark.parametrize("user_id", [0, 99, -1])
def test_unknown_accounts_are_not_found(accounts: Accounts, ada: Account, user_id: int) -> None:
    for change in (
        lambda: accounts.set_roles(ada.actor, user_id, {Role.HOLDER}),
        lambda: accounts.set_disabled(ada.actor, user_id, True),
        lambda: accounts.reset_password(ada.actor, user_id),
    ):
        with pytest.raises(NotFoundError, match="no such account"):
            change()


def test_every_change_is_written_down(accounts: Accounts, ada: Account, database: Database) -> None:
    dan, _ = accounts.add_user(ada.actor, "dan@example.org", "Dan", {Role.HOLDER})
    accounts.set_roles(ada.actor, dan.user_id, {Role.SETTER, Role.HOLDER})
    accounts.set_disabled(ada.actor, dan.user_id, True)
    accounts.set_disabled(ada.actor, dan.user_id, False)
    password = accounts.reset_password(ada.actor, dan.user_id)
    entries = Audit(database).entries(ada.actor, who="dan@")
    assert [(entry.actor, entry.action, entry.detail) for entry in reversed(entries)] == [
        ("Ada", "add a user", "holder"),
        ("Ada", "change roles", "holder → holder, setter"),
        ("Ada", "disable a user", ""),
        ("Ada", "enable a user", ""),
        ("Ada", "reset a password", ""),
    ]
    assert password not in str(entries)


def test_what_is_refused_is_not_written_down(
    accounts: Accounts, ada: Account, database: Database
) -> None:
    before = Audit(database).entries(ada.actor)
    with pytest.raises(ConflictError):
        accounts.set_disabled(ada.actor, ada.user_id, True)
    assert Audit(database).entries(ada.actor) == before
