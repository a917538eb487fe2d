"""How numbers, times and other people's texts are written."""

from __future__ import annotations

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from ui.parts.words import (
    ago,
    count,
    day_and_time,
    duration,
    joined,
    metric_words,
    number,
    plain,
    when,
)

NOON = 1_764_072_000.0  # 25 November 2025, 12:00 UTC
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "0 ms"),
        (0.0423, "42 ms"),
        (0.42, "0.42 s"),
        (9.96, "10 s"),
        (59.6, "1 min"),
        (130.0, "2 min 10 s"),
        (3600.0, "1 h"),
        (11_100.0, "3 h 5 min"),
        (90_000.0, "1 day 1 h"),
        (200_000.0, "2 days 7 h"),
    ],
)
def test_a_duration_has_its_two_largest_units(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("before_s", "words"),
    [
        (0, "today 13:00"),
        (86_400, "yesterday 13:00"),
        (5 * 86_400, "20 Nov 13:00"),
        (400 * 86_400, "21 Oct 2024"),
    ],
)
def test_a_moment_stands_in_the_readers_zone(before_s: float, words: str) -> None:
    assert when(NOON - before_s, BERLIN, NOON) == words


def test_where_no_zone_is_told_it_says_utc() -> None:
    assert when(NOON, UTC, NOON) == "today 12:00 UTC"
    assert day_and_time(NOON, UTC) == "25 Nov 2025, 12:00:00 UTC"
    assert when(None, UTC, NOON) == "–"


@pytest.mark.parametrize(
    ("passed_s", "words"),
    [
        (1, "just now"),
        (59, "59 s ago"),
        (61, "1 min ago"),
        (7300, "2 h ago"),
        (86_400, "1 day ago"),
        (300_000, "3 days ago"),
    ],
)
def test_how_long_ago(passed_s: float, words: str) -> None:
    assert ago(NOON - passed_s, NOON) == words


def test_what_never_was() -> None:
    assert ago(None) == "never"


def test_counts_and_numbers() -> None:
    assert [count(1, "round"), count(1204, "round"), count(0, "entry")] == [
        "1 round",
        "1,204 rounds",
        "0 entries",
    ]
    assert [number(0.123456), number(12_345.6), number(3.0), number(float("nan"))] == [
        "0.1235",
        "12,346",
        "3",
        "–",
    ]
    assert joined(["a", "b", "c"]) == "a, b and c"
    assert metric_words({"accuracy": 0.5, "loss": 0.25}) == "loss 0.25, accuracy 0.5"


def test_somebodys_text_is_no_markdown() -> None:
    shown = plain("<b>*x*</b>\n# ![i](u) :red[r] $a$")
    assert "\n" not in shown
    for mark in "<>*#![]()$:":
        assert shown.count(mark) == shown.count(f"\\{mark}")


@pytest.mark.parametrize("text", ["https://evil.example", "www.evil.example"])
def test_a_bare_address_is_no_link(text: str) -> None:
    assert "\u2060" in plain(text)
