"""Who guesses is slowed down."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlmodel import select
from support.accounts import SetClock

from fedota_proto.errors import BusyError
from fedota_server.webserver.database import Database
from fedota_server.webserver.tables import Attempts
from fedota_server.webserver.throttle import (
    ACCOUNT,
    ADDRESS,
    FORGET_S,
    Counted,
    Limit,
    Throttle,
    for_account,
    for_address,
    for_registrations,
)

LIMIT = Limit(free=2, first_s=5.0, most_s=60.0)
ONE = Counted("one", LIMIT)
OTHER = Counted("other", LIMIT)


@pytest.mark.parametrize(
    ("failures", "wait_s"),
    [(0, 0), (1, 0), (2, 5), (3, 10), (4, 20), (5, 40), (6, 60), (7, 60), (10**6, 60)],
)
def test_each_failure_doubles_the_wait(failures: int, wait_s: float) -> None:
    assert LIMIT.wait_s(failures) == wait_s


def test_the_limits_in_use_let_people_mistype_and_stop_guessing() -> None:
    assert ACCOUNT.wait_s(4) == 0
    assert ACCOUNT.wait_s(50) == 900
    assert ADDRESS.wait_s(19) == 0
    assert ADDRESS.wait_s(50) == 3600


def test_after_the_free_ones_an_attempt_waits(database: Database) -> None:
    clock = SetClock()
    throttle = Throttle(database, clock)
    throttle.count(ONE)
    throttle.count(ONE)
    with pytest.raises(BusyError, match="too many attempts: try again in 6 s") as told:
        throttle.count(ONE)
    assert told.value.retry_after_s == 5.0
    throttle.count(OTHER)
    clock.pass_by(5)
    throttle.count(ONE)
    clock.pass_by(9)
    with pytest.raises(BusyError) as told:
        throttle.count(ONE)
    assert told.value.retry_after_s == 1.0
    clock.pass_by(1)
    throttle.count(ONE)


def test_waiting_attempts_are_not_counted(database: Database) -> None:
    clock = SetClock()
    throttle = Throttle(database, clock)
    for _ in range(2):
        throttle.count(ONE, OTHER)
    for _ in range(50):
        with pytest.raises(BusyError):
            throttle.count(ONE, OTHER)
    with database.session() as session:
        assert {row.failures for row in session.exec(select(Attempts))} == {2}


def test_long_waits_are_told_in_minutes(database: Database) -> None:
    throttle = Throttle(database, SetClock())
    long = Counted("long", Limit(free=1, first_s=1800.0, most_s=3600.0))
    throttle.count(long)
    with pytest.raises(BusyError, match="try again in 31 min"):
        throttle.count(long)


def test_a_restart_forgives_nothing(database: Database) -> None:
    clock = SetClock()
    for _ in range(2):
        Throttle(database, clock).count(ONE)
    with pytest.raises(BusyError):
        Throttle(database, clock).count(ONE)


def test_a_right_attempt_forgets_an_account_and_one_failure_of_an_address(
    database: Database,
) -> None:
    throttle = Throttle(database, SetClock())
    throttle.count(OTHER)
    throttle.count(ONE, OTHER)
    with database.session() as session, session.begin():
        throttle.forgive(session, wholly=(ONE,), once=OTHER)
    with database.session() as session:
        rows = {row.key: row for row in session.exec(select(Attempts))}
    assert set(rows) == {"other"}
    assert rows["other"].failures == 1
    assert rows["other"].blocked_until_unix_s == 0


def test_a_right_attempt_does_not_lift_what_others_failures_cost(database: Database) -> None:
    throttle = Throttle(database, SetClock())
    many = Counted("many", Limit(free=5, first_s=5.0, most_s=60.0))
    for _ in range(5):
        throttle.count(many)
    with database.session() as session, session.begin():
        session.get_one(Attempts, "many").failures += 1
    with database.session() as session, session.begin():
        throttle.forgive(session, once=many)
    with pytest.raises(BusyError):
        throttle.count(many)


def test_old_failures_are_forgotten(database: Database) -> None:
    clock = SetClock()
    throttle = Throttle(database, clock)
    throttle.count(ONE, OTHER)
    clock.pass_by(FORGET_S + 1)
    throttle.count(ONE)
    with database.session() as session:
        assert [(row.key, row.failures) for row in session.exec(select(Attempts))] == [("one", 1)]


def test_many_at_once_are_no_way_around(database: Database) -> None:
    throttle = Throttle(database, SetClock())

    def passes(_: int) -> bool:
        try:
            throttle.count(ONE)
        except BusyError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(passes, range(24))) == LIMIT.free


def test_blocks_are_logged_without_what_was_typed(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    throttle = Throttle(database, SetClock())
    typed = "my secret password in the wrong field"
    with caplog.at_level(logging.WARNING):
        for _ in range(ACCOUNT.free):
            throttle.count(for_account(typed), for_address("192.0.2.7"))
    assert "none is taken for 5 s" in caplog.text
    assert typed not in caplog.text
    with database.session() as session:
        assert not any(typed in row.key for row in session.exec(select(Attempts)))


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.7", "address 192.0.2.7"),
        ("::ffff:192.0.2.7", "address 192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "address 2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "address 2001:db8:1:2::/64"),
        ("", "address unknown"),
        ("x" * 5000, "address unknown"),
    ],
)
def test_an_address_is_counted_by_its_network(address: str, key: str) -> None:
    assert for_address(address).key == key


def test_registrations_are_counted_apart() -> None:
    assert for_registrations("192.0.2.7").key == "registrations 192.0.2.7"
