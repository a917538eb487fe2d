"""Distributions, counted as the data goes by."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fedota_client.check.pictures import BINS, ClassPicture, NumberPicture

NUMBERS = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20)


@given(parts=st.lists(NUMBERS, min_size=1, max_size=5))
def test_an_axis_without_bounds_grows_and_loses_nothing(parts: list[list[float]]) -> None:
    counted = NumberPicture("n")
    for part in parts:
        counted.add(np.array(part))
    picture = counted.picture()

    values = [value for part in parts for value in part]
    assert sum(picture.bars) == len(values)
    assert (picture.found_low, picture.found_high) == (min(values), max(values))
    assert picture.low <= min(values) <= max(values) <= picture.high
    assert len(picture.bars) == BINS


def test_values_beyond_any_axis_are_outside() -> None:
    counted = NumberPicture("n")
    counted.add(np.array([1.0, 1e308, -1e308]))
    assert (sum(counted.picture().bars), counted.picture().outside) == (1, 2)


def test_bars_lie_along_the_declared_range() -> None:
    counted = NumberPicture("n", "mm", 0, 32)
    counted.add(np.array([0, 0.5, 1, 31, 32, -1, 33, np.nan]))
    picture = counted.picture()

    assert (picture.bars[0], picture.bars[1], picture.bars[31]) == (2, 1, 2)
    assert (picture.outside, picture.missing, picture.declared) == (2, 1, (True, True))


def test_a_single_value_and_none_have_a_picture() -> None:
    one, none = NumberPicture("n"), NumberPicture("n", low=3)
    one.add(np.array([5.0, 5.0]))
    none.add(np.array([np.nan, 1.0]))
    assert sum(one.picture().bars) == 2
    assert one.picture().low < 5 < one.picture().high
    assert (none.picture().outside, none.picture().missing) == (1, 1)
    assert sum(none.picture().bars) == 0


def test_classes_are_counted_by_their_index() -> None:
    counted = ClassPicture("c", ("a", "b"))
    counted.add(np.array([0, 0, 1, 2, np.nan, -1]))
    picture = counted.picture()
    assert (picture.bars, picture.missing, picture.outside) == ((2, 1), 2, 1)
    assert counted.present == ["a", "b"]
