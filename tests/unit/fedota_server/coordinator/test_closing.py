"""Partials are folded in the selectors' fixed order, whoever answers first."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from fedota_server.coordinator.closing import Closing
from fedota_server.coordinator.messages import PartialArrived


def partial(number: int) -> PartialArrived:
    return PartialArrived({}, (), float(number), ())


def test_a_partial_waits_only_for_those_before_it() -> None:
    closing = Closing(1, [10, 20, 30])
    assert closing.answered(20, partial(20)) == []
    assert closing.answered(10, partial(10)) == [partial(10), partial(20)]
    assert closing.awaited == {30}
    assert closing.answered(30, None) == []
    assert not closing.awaited


def test_who_has_ended_holds_nobody_up() -> None:
    closing = Closing(1, [10, 20])
    assert closing.answered(20, partial(20)) == []
    assert closing.answered(10, None) == [partial(20)]


def test_a_second_answer_changes_nothing() -> None:
    closing = Closing(1, [10])
    assert closing.answered(10, partial(10)) == [partial(10)]
    assert closing.answered(10, partial(10)) == []
    assert closing.answered(99, partial(99)) == []


@given(st.lists(st.booleans(), min_size=1, max_size=8), st.integers())
def test_the_order_never_depends_on_who_is_first(holds: list[bool], seed: int) -> None:
    epochs = list(range(1, len(holds) + 1))
    closing = Closing(1, epochs)
    arrivals = list(zip(epochs, holds, strict=True))
    random.Random(seed).shuffle(arrivals)  # noqa: S311 (a schedule)
    folded = []
    for epoch, has in arrivals:
        folded += [p.weight for p in closing.answered(epoch, partial(epoch) if has else None)]
    assert folded == [float(e) for e, has in zip(epochs, holds, strict=True) if has]
    assert not closing.awaited
