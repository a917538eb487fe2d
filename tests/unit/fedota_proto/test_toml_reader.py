"""The nearest right spelling, and how values are shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedota_proto.errors import ProblemFileError
from fedota_proto.toml_reader import Mistakes, TableReader, is_number, nearest, shown


@pytest.mark.parametrize(
    ("word", "found"),
    [("fedavg", "FedAvg"), ("FedAvgm", "FedAvgM"), ("krumm", "Krum"), ("zzz", ""), ("", "")],
)
def test_finds_the_nearest_spelling(word: str, found: str) -> None:
    assert nearest(word, ("FedAvg", "FedAvgM", "Krum")) == found


@given(st.text(max_size=8), st.lists(st.text(max_size=8), max_size=5))
def test_the_nearest_is_an_option_or_nothing(word: str, options: list[str]) -> None:
    assert nearest(word, options) in {*options, ""}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        ("a", '"a"'),
        ('"\x1b\n', r'"\"\x1b\n"'),
        (3, "3"),
        (0.5, "0.5"),
        (10**40, "a number of more than 30 digits"),
        ([1], "a list"),
        ({}, "a table"),
        (None, "a date or time"),
    ],
)
def test_shows_a_value(value: object, text: str) -> None:
    assert shown(value) == text


@given(st.text())
def test_shows_any_text_short_and_without_control_characters(text: str) -> None:
    assert len(shown(text)) <= 60
    assert shown(text).isprintable()


@pytest.mark.parametrize("value", [True, "1", None, float("nan"), float("inf"), 10**400])
def test_is_no_number(value: object) -> None:
    assert not is_number(value)


def test_a_misspelt_key_stands_for_the_missing_one_once() -> None:
    mistakes = Mistakes("f")
    reader = TableReader({"colour": "red", "szie": 3}, "[t]", mistakes)
    reader.text("colour")
    reader.integer("size", minimum=1, maximum=9)
    reader.integer("weight", minimum=1, maximum=9)
    assert not reader.fine("weight")
    reader.finish()
    assert not reader.fine("size")
    with pytest.raises(ProblemFileError) as caught:
        mistakes.raise_if_any()
    assert caught.value.mistakes == (
        'f: [t] szie: is unknown; did you mean "size"?',
        "f: [t] weight: is missing; it must be a whole number from 1 to 9",
    )


def test_without_mistakes_nothing_is_raised() -> None:
    Mistakes("f").raise_if_any()
