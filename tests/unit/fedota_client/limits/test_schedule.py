"""Hours and days, and when work begins again."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedota_client.limits.schedule import Schedule
from fedota_proto.errors import UsageError

MONDAY = datetime(2025, 9, 1, tzinfo=UTC)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return MONDAY.replace(day=1 + day, hour=hour, minute=minute)


def test_without_hours_and_days_it_is_always_open() -> None:
    assert Schedule.parse("", "").is_open(at(6, 3))


@pytest.mark.parametrize(("hour", "is_open"), [(11, False), (12, True), (13, False), (19, True)])
def test_hours_of_the_day(hour: int, is_open: bool) -> None:
    assert Schedule.parse("12:00-13:00, 18:00-24:00", "").is_open(at(0, hour)) is is_open


@pytest.mark.parametrize(
    ("day", "hour", "is_open"),
    [(4, 21, False), (4, 23, True), (5, 5, True), (5, 6, False), (5, 23, False), (6, 5, False)],
)
def test_a_night_belongs_to_the_day_on_which_it_begins(day: int, hour: int, is_open: bool) -> None:
    assert Schedule.parse("22:00-06:00", "mon-fri").is_open(at(day, hour)) is is_open


def test_days_may_go_round_the_week() -> None:
    schedule = Schedule.parse("", "sat-mon")
    assert [schedule.is_open(at(day, 12)) for day in range(7)] == [True, *[False] * 4, True, True]


def test_when_it_opens_again() -> None:
    schedule = Schedule.parse("22:00-06:00", "mon-fri")
    assert schedule.next_open(at(5, 6, 30)) == at(7, 22)
    assert schedule.next_open(at(0, 23)) == at(0, 23)


@given(st.integers(0, 6), st.integers(0, 23), st.integers(0, 59))
def test_at_the_moment_it_names_it_is_open(day: int, hour: int, minute: int) -> None:
    schedule = Schedule.parse("01:30-02:00,23:00-00:15", "wed")
    opens = schedule.next_open(at(day, hour, minute))
    assert schedule.is_open(opens)
    assert opens >= at(day, hour, minute)


@pytest.mark.parametrize(
    ("hours", "days"), [("22-6", ""), ("25:00-26:00", ""), ("", "someday"), ("", "mon-xyz")]
)
def test_what_is_no_schedule_is_told(hours: str, days: str) -> None:
    with pytest.raises(UsageError, match="not of the form"):
        Schedule.parse(hours, days)
