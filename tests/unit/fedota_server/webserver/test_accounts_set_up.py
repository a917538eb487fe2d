"""The first administrator."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from support.accounts import PASSWORD, accounts_in, set_up, sign_in

from fedota_proto.errors import ConflictError, FedotaError, SignInError, UsageError
from fedota_server.webserver.accounts import Accounts
from fedota_server.webserver.audit import Audit
from fedota_server.webserver.database import Database
from fedota_server.webserver.permissions import Role


def test_the_first_is_everything(accounts: Accounts) -> None:
    assert accounts.needs_setup()
    ada = set_up(accounts, "Ada@Example.org", " Ada ")
    assert not accounts.needs_setup()
    assert (ada.email, ada.name) == ("ada@example.org", "Ada")
    assert ada.roles == {Role.ADMIN, Role.SETTER, Role.HOLDER}
    assert not ada.must_change_password
    assert accounts.by_session(sign_in(accounts, "ada@example.org")) == ada


def test_the_code_is_long_and_another_in_each_process(database: Database) -> None:
    codes = {accounts_in(database).setup_code() for _ in range(20)}
    assert len(codes) == 20
    assert {len(code.replace("-", "")) for code in codes} == {20}


def test_the_code_stays_the_same_within_a_process(accounts: Accounts) -> None:
    assert accounts.setup_code() == accounts.setup_code()


@pytest.mark.parametrize("code", ["", "AAAA-AAAA-AAAA-AAAA-AAAA", "ä"])
def test_another_code_opens_nothing(accounts: Accounts, code: str) -> None:
    with pytest.raises(SignInError, match="set-up code is wrong"):
        accounts.set_up(code, "ada@example.org", "Ada", PASSWORD)
    assert accounts.needs_setup()


def test_the_code_may_be_typed_carelessly(accounts: Accounts) -> None:
    typed = " " + accounts.setup_code().lower().replace("-", " ")
    accounts.set_up(typed, "ada@example.org", "Ada", PASSWORD)
    assert not accounts.needs_setup()


def test_mistakes_leave_the_code_as_it_was(accounts: Accounts) -> None:
    code = accounts.setup_code()
    with pytest.raises(UsageError, match="e-mail"):
        accounts.set_up(code, "ada", "Ada", PASSWORD)
    with pytest.raises(UsageError, match="name is empty"):
        accounts.set_up(code, "ada@example.org", "", PASSWORD)
    with pytest.raises(UsageError, match="10 or more"):
        accounts.set_up(code, "ada@example.org", "Ada", "short")
    accounts.set_up(code, "ada@example.org", "Ada", PASSWORD)


def test_the_code_is_worthless_afterwards(accounts: Accounts, database: Database) -> None:
    set_up(accounts)
    later = accounts_in(database)
    for each in (accounts, later):
        with pytest.raises(ConflictError, match="has its administrator"):
            each.set_up(each.setup_code(), "eve@example.org", "Eve", PASSWORD)
        assert not each.needs_setup()


def test_another_process_sees_the_administrator(accounts: Accounts, database: Database) -> None:
    later = accounts_in(database)
    assert later.needs_setup()
    set_up(accounts)
    assert not later.needs_setup()


def test_of_two_at_once_one_becomes_the_administrator(accounts: Accounts) -> None:
    def try_it(name: str) -> bool:
        try:
            accounts.set_up(accounts.setup_code(), f"{name}@example.org", name, PASSWORD)
        except FedotaError as error:
            assert isinstance(error, ConflictError)  # noqa: PT017 - in a thread
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(try_it, ("ada", "bob", "eve", "dan"))) == 1


def test_it_is_written_down(accounts: Accounts, database: Database) -> None:
    ada = set_up(accounts)
    (entry,) = Audit(database).entries(ada.actor)
    assert (entry.action, entry.actor, entry.subject) == (
        "set the platform up",
        "Ada",
        "ada@example.org",
    )
