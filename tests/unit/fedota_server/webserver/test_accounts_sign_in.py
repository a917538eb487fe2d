"""Signing in, sessions and tokens."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from argon2 import PasswordHasher
from sqlmodel import SQLModel, col, select, update
from support.accounts import ADDRESS, BROWSER, PASSWORD, SetClock, accounts_in, add, sign_in

from fedota_proto.errors import BusyError, DatabaseError, FedotaError, SignInError
from fedota_server.webserver.accounts import Account, Accounts
from fedota_server.webserver.database import Database
from fedota_server.webserver.permissions import Role
from fedota_server.webserver.secret_text import sha256_of
from fedota_server.webserver.tables import ApiToken, User, WebSession

DAY_S = 86_400


def everything_kept(database: Database) -> str:
    """Return all that stands in the database, as text."""
    with database.session() as session:
        rows = [
            str(session.connection().execute(table.select()).all())
            for table in SQLModel.metadata.sorted_tables
        ]
    return "\n".join(rows)


def test_the_right_password_opens_a_session(accounts: Accounts, bob: Account) -> None:
    token = accounts.sign_in(" BOB@example.org", PASSWORD, address=ADDRESS, browser=BROWSER)
    found = accounts.by_session(token)
    assert found is not None
    assert found.user_id == bob.user_id
    assert found.actor == bob.actor
    assert len(token) >= 43


def test_unknown_and_wrong_are_told_in_the_same_words(
    accounts: Accounts, ada: Account, bob: Account
) -> None:
    told = set()
    for email, password in (
        ("bob@example.org", "wrong"),
        ("bob@example.org", ""),
        ("bob@example.org", PASSWORD.upper()),
        ("nobody@example.org", PASSWORD),
        ("", PASSWORD),
        ("x" * 5000, PASSWORD),
        ("bob@example.org\x00", PASSWORD),
        ("\ud800", "\ud800\x00"),
    ):
        with pytest.raises(SignInError) as caught:
            sign_in(accounts, email, password)
        told.add(caught.value.public_message)
    assert len(told) == 1


def test_unknown_and_wrong_take_the_same_work(
    accounts: Accounts, bob: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[str] = []
    verify = PasswordHasher.verify

    def count(hasher: PasswordHasher, kept: str, password: str) -> bool:
        checked.append(kept)
        return verify(hasher, kept, password)

    monkeypatch.setattr(PasswordHasher, "verify", count)
    for email in ("bob@example.org", "nobody@example.org"):
        with pytest.raises(SignInError):
            sign_in(accounts, email, "wrong")
    assert len(checked) == 2


def test_guessing_at_an_account_waits_longer_and_longer(
    accounts: Accounts, bob: Account, clock: SetClock
) -> None:
    for number in range(5):
        with pytest.raises(SignInError):
            accounts.sign_in(
                "bob@example.org", "wrong", address=f"192.0.2.{number}", browser=BROWSER
            )
    with pytest.raises(BusyError) as told:
        sign_in(accounts, "bob@example.org")
    assert told.value.retry_after_s == 5.0
    clock.pass_by(5)
    with pytest.raises(SignInError):
        sign_in(accounts, "bob@example.org", "wrong")
    with pytest.raises(BusyError) as told:
        sign_in(accounts, "bob@example.org")
    assert told.value.retry_after_s == 10.0
    clock.pass_by(10)
    sign_in(accounts, "bob@example.org")
    with pytest.raises(SignInError):
        sign_in(accounts, "bob@example.org", "wrong")
    sign_in(accounts, "bob@example.org")


def test_an_unknown_account_is_blocked_like_a_known_one(accounts: Accounts, ada: Account) -> None:
    for _ in range(5):
        with pytest.raises(SignInError):
            sign_in(accounts, "nobody@example.org", "wrong")
    with pytest.raises(BusyError):
        sign_in(accounts, "nobody@example.org", "wrong")


def test_guessing_from_an_address_is_stopped_over_all_accounts(
    accounts: Accounts, bob: Account
) -> None:
    for number in range(20):
        with pytest.raises(SignInError):
            sign_in(accounts, f"guess-{number}@example.org", "wrong")
    with pytest.raises(BusyError):
        sign_in(accounts, "bob@example.org")
    accounts.sign_in("bob@example.org", PASSWORD, address="198.51.100.1", browser=BROWSER)


def test_an_own_account_does_not_buy_guesses(accounts: Accounts, bob: Account) -> None:
    for number in range(20):
        with pytest.raises(SignInError):
            sign_in(accounts, f"guess-{number}@example.org", "wrong")
        if number < 19:
            sign_in(accounts, "bob@example.org")
    with pytest.raises(BusyError):
        sign_in(accounts, "bob@example.org")


def test_people_who_sign_in_from_one_address_are_not_blocked(
    accounts: Accounts, bob: Account
) -> None:
    for _ in range(60):
        sign_in(accounts, "bob@example.org")


def test_guesses_at_once_are_no_way_around(accounts: Accounts, bob: Account) -> None:
    def guess(_: int) -> type[FedotaError]:
        with pytest.raises((SignInError, BusyError)) as told:
            sign_in(accounts, "bob@example.org", "wrong")
        return told.type

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(guess, range(16)))
    assert outcomes.count(SignInError) == 5


def test_a_disabled_account_is_told_so_only_with_its_password(
    accounts: Accounts, ada: Account, bob: Account
) -> None:
    accounts.set_disabled(ada.actor, bob.user_id, True)
    with pytest.raises(SignInError, match="is disabled: ask an administrator"):
        sign_in(accounts, "bob@example.org")
    with pytest.raises(SignInError, match="No account has"):
        sign_in(accounts, "bob@example.org", "wrong")


def test_a_hash_under_old_parameters_is_renewed(
    accounts: Accounts, database: Database, bob: Account
) -> None:
    old = PasswordHasher(time_cost=2, memory_cost=8, parallelism=1).hash(PASSWORD)
    with database.session() as session, session.begin():
        session.get_one(User, bob.user_id).password_hash = old
    sign_in(accounts, "bob@example.org")
    with database.session() as session:
        kept = session.get_one(User, bob.user_id).password_hash
    assert kept is not None
    assert "t=1" in kept
    sign_in(accounts, "bob@example.org")


def test_a_session_ends_after_its_days(database: Database, clock: SetClock, bob: Account) -> None:
    accounts = accounts_in(database, clock=clock, session_days=2)
    token = sign_in(accounts, "bob@example.org")
    clock.pass_by(2 * DAY_S - 1)
    assert accounts.by_session(token) is not None
    clock.pass_by(1)
    assert accounts.by_session(token) is None
    assert accounts.sessions(bob.actor) == []
    sign_in(accounts, "bob@example.org")
    with database.session() as session:
        gone = select(WebSession).where(WebSession.token_sha256 == sha256_of(token))
        assert session.exec(gone).all() == []


@pytest.mark.parametrize("token", ["", "x", "fdt_x", "\x00", "fdt_\ud800", "ä" * 1000])
def test_what_is_no_token_opens_nothing(accounts: Accounts, bob: Account, token: str) -> None:
    assert accounts.by_session(token) is None
    assert accounts.by_token(token) is None
    accounts.sign_out(token)


def test_being_seen_is_written_once_a_minute(
    accounts: Accounts, database: Database, clock: SetClock, bob: Account
) -> None:
    token = sign_in(accounts, "bob@example.org")
    begun = clock.now

    def seen() -> list[float | None]:
        with database.session() as session:
            opened = session.exec(
                select(WebSession).where(WebSession.token_sha256 == sha256_of(token))
            ).one()
            return [opened.last_seen_unix_s, session.get_one(User, bob.user_id).last_seen_unix_s]

    clock.pass_by(59)
    accounts.by_session(token)
    assert seen() == [begun, begun]
    clock.pass_by(1)
    accounts.by_session(token)
    assert seen() == [begun + 60, begun + 60]
    clock.pass_by(59)
    accounts.by_session(token)
    assert seen() == [begun + 60, begun + 60]


def test_a_page_is_shown_even_if_nobody_can_write(
    accounts: Accounts,
    database: Database,
    clock: SetClock,
    bob: Account,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    token = sign_in(accounts, "bob@example.org")
    key, _ = accounts.make_token(bob.actor, "script", None)
    clock.pass_by(120)

    def busy(*_: object) -> None:
        raise DatabaseError("busy")

    monkeypatch.setattr("fedota_server.webserver.sign_in.mark_seen", busy)
    monkeypatch.setattr("fedota_server.webserver.sign_in.mark_used", busy)
    assert accounts.by_session(token) is not None
    assert accounts.by_token(key) is not None


def test_signing_out_ends_this_session_alone(accounts: Accounts, bob: Account) -> None:
    here, there = sign_in(accounts, "bob@example.org"), sign_in(accounts, "bob@example.org")
    accounts.sign_out(here)
    assert accounts.by_session(here) is None
    assert accounts.by_session(there) is not None
    accounts.sign_out(here)


def test_signing_out_everywhere_ends_all_sessions_of_one(
    accounts: Accounts, ada: Account, bob: Account
) -> None:
    mine = [sign_in(accounts, "bob@example.org") for _ in range(3)]
    others = sign_in(accounts, "ada@example.org")
    accounts.sign_out_everywhere(bob.actor)
    assert [accounts.by_session(token) for token in mine] == [None] * 3
    assert accounts.by_session(others) is not None


def test_very_many_sessions_push_the_oldest_out(
    accounts: Accounts, clock: SetClock, bob: Account
) -> None:
    tokens = []
    for _ in range(52):
        clock.pass_by(1)
        tokens.append(sign_in(accounts, "bob@example.org"))
    alive = [accounts.by_session(token) is not None for token in tokens]
    assert alive == [False, False] + [True] * 50


def test_no_secret_stands_in_the_database(
    accounts: Accounts, database: Database, ada: Account, bob: Account
) -> None:
    session_token = sign_in(accounts, "bob@example.org")
    api_token, _ = accounts.make_token(bob.actor, "script", 30)
    accounts.set_registration(ada.actor, "code", "open sesame")
    _, first = accounts.add_user(ada.actor, "dan@example.org", "Dan", {Role.HOLDER})
    with pytest.raises(SignInError):
        sign_in(accounts, "a password in the wrong field", "x")
    kept = everything_kept(database)
    assert "bob@example.org" in kept
    for secret in (
        *(session_token, api_token, api_token.removeprefix("fdt_"), PASSWORD, first),
        *("open sesame", accounts.setup_code(), "a password in the wrong field"),
    ):
        assert secret not in kept


def test_a_token_is_its_owner(accounts: Accounts, clock: SetClock, bob: Account) -> None:
    token, view = accounts.make_token(bob.actor, " my  notebook ", 30)
    assert token.startswith("fdt_")
    assert view.name == "my notebook"
    assert view.expires_unix_s == clock.now + 30 * DAY_S
    found = accounts.by_token(token)
    assert found is not None
    assert found.actor == bob.actor
    clock.pass_by(30 * DAY_S)
    assert accounts.by_token(token) is None


def test_a_token_without_an_end_lasts(accounts: Accounts, clock: SetClock, bob: Account) -> None:
    token, view = accounts.make_token(bob.actor, "script", None)
    assert view.expires_unix_s is None
    clock.pass_by(4000 * DAY_S)
    assert accounts.by_token(token) is not None


def test_using_a_token_is_written_once_a_minute(
    accounts: Accounts, database: Database, clock: SetClock, bob: Account
) -> None:
    token, view = accounts.make_token(bob.actor, "script", None)

    def used() -> float | None:
        with database.session() as session:
            return session.get_one(ApiToken, view.token_id).last_used_unix_s

    assert used() is None
    accounts.by_token(token)
    begun = clock.now
    assert used() == begun
    clock.pass_by(59)
    accounts.by_token(token)
    assert used() == begun
    clock.pass_by(1)
    accounts.by_token(token)
    assert used() == begun + 60


def test_sessions_and_tokens_are_no_substitutes(accounts: Accounts, bob: Account) -> None:
    session_token = sign_in(accounts, "bob@example.org")
    api_token, _ = accounts.make_token(bob.actor, "script", None)
    assert accounts.by_token(session_token) is None
    assert accounts.by_session(api_token) is None


def test_what_a_disabled_account_still_holds_opens_nothing(
    accounts: Accounts, database: Database, bob: Account
) -> None:
    session_token = sign_in(accounts, "bob@example.org")
    api_token, _ = accounts.make_token(bob.actor, "script", None)
    with database.session() as session, session.begin():
        session.get_one(User, bob.user_id).disabled = True
    assert accounts.by_session(session_token) is None
    assert accounts.by_token(api_token) is None


def test_roles_count_from_the_next_request_on(
    accounts: Accounts, ada: Account, bob: Account
) -> None:
    token = sign_in(accounts, "bob@example.org")
    accounts.set_roles(ada.actor, bob.user_id, {Role.SETTER})
    found = accounts.by_session(token)
    assert found is not None
    assert found.roles == {Role.SETTER}


def test_a_password_that_changes_while_it_is_checked_opens_nothing(
    accounts: Accounts, database: Database, ada: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    dan = add(accounts, ada, "Dan", Role.HOLDER)
    verify = PasswordHasher.verify

    def change_meanwhile(hasher: PasswordHasher, kept: str, password: str) -> bool:
        verified = verify(hasher, kept, password)
        with database.session() as session, session.begin():
            session.exec(
                update(User).where(col(User.id) == dan.user_id).values(password_hash="other")
            )
        return verified

    monkeypatch.setattr(PasswordHasher, "verify", change_meanwhile)
    with pytest.raises(SignInError, match="No account has"):
        sign_in(accounts, "dan@example.org")
