"""Which examples a holder never trains on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedota_client.examples import Examples, Field
from fedota_client.holdout import content_hashes, holdout_mask


def examples_of(values: list[float]) -> Examples:
    column = np.array(values, dtype=np.float32)[:, np.newaxis]
    inputs = np.concatenate([column, column * 2], axis=1)
    return Examples((Field(("a", "b"), inputs),), (Field(("y",), column),))


many = examples_of(list(range(10_000)))


def test_the_choice_is_the_same_on_every_machine() -> None:
    assert content_hashes(examples_of([0, 1])).tolist() == [
        2283521107298152996,
        14698506524550485213,
    ]


def test_the_share_comes_near_the_fraction() -> None:
    assert holdout_mask(many, 0.2).sum() == pytest.approx(2000, abs=120)
    assert holdout_mask(many, 0.5).sum() == pytest.approx(5000, abs=150)


def test_without_a_fraction_nothing_is_held_out() -> None:
    assert not holdout_mask(many, 0.0).any()
    assert holdout_mask(examples_of([]), 0.2).shape == (0,)


@given(st.permutations(range(40)))
def test_the_order_of_the_examples_does_not_matter(order: list[int]) -> None:
    some = many.take(np.arange(40))

    assert (holdout_mask(some.take(np.array(order)), 0.3) == holdout_mask(some, 0.3)[order]).all()


@given(st.integers(50, 9_999))
def test_more_examples_change_nothing_for_those_that_are_there(count: int) -> None:
    assert (holdout_mask(many.take(np.arange(count)), 0.2) == holdout_mask(many, 0.2)[:count]).all()


def test_a_larger_fraction_holds_out_more_and_never_less() -> None:
    small, large = holdout_mask(many, 0.2), holdout_mask(many, 0.3)

    assert (large[small]).all()
    assert large.sum() > small.sum()


def test_equal_examples_are_on_the_same_side_and_zero_has_no_sign() -> None:
    mask = holdout_mask(examples_of([1.0, 0.0, 1.0, -0.0, 2.0, 3.0, 4.0]), 0.5)

    assert mask[0] == mask[2]
    assert mask[1] == mask[3]


@given(
    st.lists(st.floats(-1e6, 1e6, width=32), min_size=2, max_size=6),
    st.floats(0.01, 0.99),
)
def test_no_side_is_empty_where_there_are_different_examples(
    values: list[float], fraction: float
) -> None:
    mask = holdout_mask(examples_of(values), fraction)

    if len(set(values)) > 1:
        assert 0 < mask.sum() < len(values)
    else:
        assert not mask.any()
