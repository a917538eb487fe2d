"""Accounts for tests: a clock that stands still, passwords that cost nothing, one of each role."""

from __future__ import annotations

from pathlib import Path

from argon2 import PasswordHasher

from fedota_server.webserver.accounts import Account, Accounts
from fedota_server.webserver.database import Database
from fedota_server.webserver.passwords import Passwords
from fedota_server.webserver.permissions import Role
from fedota_server.webserver.settings import WebserverSettings

PASSWORD = "correct horse battery"
ADDRESS = "192.0.2.7"
BROWSER = "Firefox on Linux"


class SetClock:
    """Shows the time that a test sets."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def pass_by(self, seconds: float) -> None:
        """Let time go by."""
        self.now += seconds


def quick_passwords() -> Passwords:
    """Hash with the least that argon2 takes: a millisecond in place of a tenth of a second."""
    return Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


def accounts_in(
    database: Database, *, clock: SetClock | None = None, **settings: object
) -> Accounts:
    """Make accounts over an empty database; no administrator is there yet."""
    given = {"home": Path("unused"), **settings}
    return Accounts(
        database,
        settings=WebserverSettings.model_validate(given),
        clock=clock or SetClock(),
        passwords=quick_passwords(),
    )


def set_up(accounts: Accounts, email: str = "ada@example.org", name: str = "Ada") -> Account:
    """Make the first administrator."""
    token = accounts.set_up(accounts.setup_code(), email, name, PASSWORD)
    found = accounts.by_session(token)
    assert found is not None
    return found


def add(accounts: Accounts, admin: Account, name: str, *roles: Role) -> Account:
    """Add an account as an administrator does, with PASSWORD for a password."""
    email = f"{name.lower()}@example.org"
    account, first = accounts.add_user(admin.actor, email, name, roles)
    accounts.change_password(account.actor, first, PASSWORD)
    return accounts.find_user(admin.actor, email)


def sign_in(accounts: Accounts, email: str, password: str = PASSWORD) -> str:
    """Sign in from the tests' one browser; returns the session's token."""
    return accounts.sign_in(email, password, address=ADDRESS, browser=BROWSER)
