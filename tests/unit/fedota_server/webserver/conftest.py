"""Accounts over an empty database, and one person of each kind."""

from __future__ import annotations

import pytest
from support.accounts import SetClock, accounts_in, add, set_up

from fedota_server.webserver.accounts import Account, Accounts
from fedota_server.webserver.database import Database
from fedota_server.webserver.permissions import Role


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def accounts(database: Database, clock: SetClock) -> Accounts:
    """Accounts of a platform on which nobody is yet."""
    return accounts_in(database, clock=clock)


@pytest.fixture
def ada(accounts: Accounts) -> Account:
    """The first administrator, who is everything."""
    return set_up(accounts)


@pytest.fixture
def bob(accounts: Accounts, ada: Account) -> Account:
    """A data holder."""
    return add(accounts, ada, "Bob", Role.HOLDER)
