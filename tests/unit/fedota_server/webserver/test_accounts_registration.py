"""People who make their own account."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import pytest
from support.accounts import ADDRESS, BROWSER, PASSWORD, accounts_in, set_up, sign_in

from fedota_proto.errors import (
    BusyError,
    ConflictError,
    FedotaError,
    ForbiddenError,
    SignInError,
    UsageError,
)
from fedota_server.webserver.accounts import Account, Accounts, RegistrationView
from fedota_server.webserver.audit import Audit
from fedota_server.webserver.database import Database
from fedota_server.webserver.permissions import NOBODY, Role

BOTH = frozenset({Role.SETTER, Role.HOLDER})
CODE = "open sesame"


def register(
    accounts: Accounts,
    email: str = "eva@example.org",
    *,
    name: str = "Eva",
    password: str = PASSWORD,
    code: str = "",
    address: str = ADDRESS,
) -> Account:
    token = accounts.register(email, name, password, code=code, address=address, browser=BROWSER)
    found = accounts.by_session(token)
    assert found is not None
    return found


def test_it_is_closed_unless_told(accounts: Accounts, ada: Account) -> None:
    assert accounts.registration() == RegistrationView("closed", False, BOTH)
    with pytest.raises(ForbiddenError, match="ask an administrator"):
        register(accounts)


@pytest.mark.parametrize("first", ["open", "code", "closed"])
def test_the_settings_rule_until_an_administrator_does(
    database: Database, first: Literal["open", "code", "closed"]
) -> None:
    accounts = accounts_in(database, registration=first)
    ada = set_up(accounts)
    assert accounts.registration().mode == first
    accounts.set_registration(ada.actor, "open")
    assert accounts.registration().mode == "open"
    later = accounts_in(database, registration="closed")
    assert later.registration().mode == "open"


def test_who_registers_is_setter_and_holder_and_signed_in(accounts: Accounts, ada: Account) -> None:
    accounts.set_registration(ada.actor, "open")
    eva = register(accounts, " Eva@Example.org ", name=" Eva ")
    assert (eva.email, eva.name, eva.roles) == ("eva@example.org", "Eva", BOTH)
    assert not eva.must_change_password
    sign_in(accounts, "eva@example.org")


def test_an_administrator_says_what_new_accounts_are(accounts: Accounts, ada: Account) -> None:
    accounts.set_registration(ada.actor, "open", roles={Role.HOLDER})
    assert register(accounts).roles == {Role.HOLDER}
    accounts.set_registration(ada.actor, "open")
    assert accounts.registration().roles == {Role.HOLDER}
    with pytest.raises(UsageError, match="an administrator is made"):
        accounts.set_registration(ada.actor, "open", roles={Role.ADMIN})


def test_the_code_lets_in_and_no_other(accounts: Accounts, ada: Account) -> None:
    accounts.set_registration(ada.actor, "code", CODE)
    assert accounts.registration() == RegistrationView("code", True, BOTH)
    for wrong in ("", "open", CODE.upper()):
        with pytest.raises(SignInError, match="registration code is wrong"):
            register(accounts, code=wrong)
    assert register(accounts, code=f" {CODE} ").email == "eva@example.org"


def test_a_code_is_kept_until_another_is_set(accounts: Accounts, ada: Account) -> None:
    accounts.set_registration(ada.actor, "code", CODE)
    accounts.set_registration(ada.actor, "closed")
    accounts.set_registration(ada.actor, "code")
    register(accounts, code=CODE)
    accounts.set_registration(ada.actor, "code", "another code")
    with pytest.raises(SignInError):
        register(accounts, "dan@example.org", code=CODE)


def test_by_code_without_a_code_nobody_comes_in(database: Database) -> None:
    accounts = accounts_in(database, registration="code")
    set_up(accounts)
    assert not accounts.registration().has_code
    for code in ("", "anything"):
        with pytest.raises(SignInError, match="registration code is wrong"):
            register(accounts, code=code)


@pytest.mark.parametrize(
    ("mode", "code", "said"),
    [
        ("public", None, "Registration is open, code or closed"),
        ("code", None, "No registration code is set"),
        ("code", "1234567", "is short: take 8"),
        ("code", "   1234567   ", "is short: take 8"),
    ],
)
def test_rules_that_will_not_do_are_refused(
    accounts: Accounts, ada: Account, mode: str, code: str | None, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        accounts.set_registration(ada.actor, mode, code)
    assert accounts.registration().mode == "closed"


def test_only_an_administrator_sets_the_rules(accounts: Accounts, bob: Account) -> None:
    with pytest.raises(ForbiddenError):
        accounts.set_registration(bob.actor, "open")
    with pytest.raises(SignInError):
        accounts.set_registration(NOBODY, "open")
    assert accounts.registration().mode == "closed"


def test_an_address_has_one_account(accounts: Accounts, ada: Account, bob: Account) -> None:
    accounts.set_registration(ada.actor, "open")
    with pytest.raises(ConflictError, match="There is an account with this e-mail address"):
        register(accounts, "BOB@example.org", password="another horse battery")
    sign_in(accounts, "bob@example.org")


def test_of_two_at_once_with_one_address_one_gets_it(accounts: Accounts, ada: Account) -> None:
    accounts.set_registration(ada.actor, "open")

    def try_it(name: str) -> FedotaError | None:
        try:
            register(accounts, name=name)
        except FedotaError as error:
            return error
        return None

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(try_it, ("Eva", "Eve")))
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["ConflictError", "NoneType"]
    assert accounts.users(ada.actor, "eva@example.org")[1] == 1


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"email": "eva"}, "no e-mail address"),
        ({"name": " "}, "name is empty"),
        ({"password": "short"}, "10 or more"),
        ({"password": "eva@example.org"}, "is the e-mail address"),
    ],
)
def test_what_will_not_do_is_told(
    accounts: Accounts, ada: Account, fields: dict[str, str], said: str
) -> None:
    accounts.set_registration(ada.actor, "open")
    with pytest.raises(UsageError, match=said):
        register(accounts, **{"email": "eva@example.org", **fields})
    assert accounts.users(ada.actor)[1] == 1


def test_nobody_registers_before_there_is_an_administrator(database: Database) -> None:
    accounts = accounts_in(database, registration="open")
    with pytest.raises(ConflictError, match="no administrator yet"):
        register(accounts)


def test_guessing_the_code_waits(accounts: Accounts, ada: Account) -> None:
    accounts.set_registration(ada.actor, "code", CODE)
    for _ in range(20):
        with pytest.raises(SignInError):
            register(accounts, code="wrong guess")
    with pytest.raises(BusyError):
        register(accounts, code=CODE)
    register(accounts, code=CODE, address="198.51.100.1")


def test_one_address_does_not_fill_the_platform(accounts: Accounts, ada: Account) -> None:
    accounts.set_registration(ada.actor, "open")
    for number in range(30):
        register(accounts, f"eva-{number}@example.org")
    with pytest.raises(BusyError):
        register(accounts, "eva-30@example.org")
    register(accounts, "eva-30@example.org", address="198.51.100.1")


def test_it_is_written_down_without_the_code(
    accounts: Accounts, ada: Account, database: Database
) -> None:
    accounts.set_registration(ada.actor, "code", CODE, {Role.HOLDER})
    register(accounts, code=CODE)
    entries = Audit(database).entries(ada.actor)
    assert [entry.action for entry in entries] == [
        "sign in",
        "register",
        "change registration",
        "set the platform up",
    ]
    changed = entries[2]
    assert changed.subject == "code"
    assert changed.detail == "before: closed; new accounts: holder; a new code"
