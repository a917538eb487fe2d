"""Mid-level aggregation in any order of events."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedota_proto.records import ArrayBytes, Arrays, npy_view
from fedota_selector.aggregation import Aggregation, MergedUpdate, MetricSum
from fedota_selector.tasks import Exchange, ExpectedArray, RoundName

SPECS = (ExpectedArray("w", "float64", (2,), 16),)
EXCHANGES = [
    Exchange(RoundName(1, number, 1), kind) for number in (1, 2) for kind in ("train", "train.more")
]


def add(
    aggregation: Aggregation,
    exchange: Exchange,
    member: int,
    weight: float,
    value: float,
    **metrics: float,
) -> bool:
    entry = MergedUpdate(member, member * 10, weight, bytes([member]))
    return aggregation.add(exchange, entry, SPECS, [np.full(2, value)], metrics)


steps = st.lists(
    st.one_of(
        st.tuples(
            st.just("add"),
            st.sampled_from(EXCHANGES),
            st.integers(1, 5),
            st.floats(1.0, 1e6),
            st.floats(-1e3, 1e3),
        ),
        st.tuples(st.sampled_from(["close", "release", "drop"]), st.sampled_from(EXCHANGES)),
    ),
    max_size=60,
)


@given(steps)
def test_each_is_merged_once_and_none_after_the_close(steps: list[Any]) -> None:
    aggregation = Aggregation()
    expected: dict[Exchange, dict[int, tuple[float, float]]] = {}
    closed: dict[Exchange, Any] = {}
    for name, exchange, *rest in steps:
        members = expected.setdefault(exchange, {})
        if name == "add":
            member, weight, value = rest
            merged = add(aggregation, exchange, member, weight, value, loss=value)
            assert merged == (exchange not in closed and member not in members)
            if merged:
                members[member] = (weight, value)
        elif name == "close":
            partial = aggregation.close(exchange)
            if closed.get(exchange) is not None:
                assert partial is closed[exchange]
            elif exchange not in closed:
                check_partial(partial, members)
            else:
                assert not partial.entries
            closed[exchange] = partial
        elif name == "release" and exchange in closed:
            aggregation.release(exchange)
            closed[exchange] = None
        elif name == "drop":
            aggregation.drop(exchange.round)
            for other in EXCHANGES:
                if other.round == exchange.round:
                    expected.pop(other, None)
                    closed.pop(other, None)


def check_partial(partial: Any, members: dict[int, tuple[float, float]]) -> None:
    assert [entry.node_id for entry in partial.entries] == list(members)
    assert partial.weight == math.fsum(weight for weight, _ in members.values())
    assert partial.weight == math.fsum(entry.weight for entry in partial.entries)
    if not members:
        assert not partial.arrays
        assert not partial.metrics
        return
    mean = math.fsum(w * v for w, v in members.values()) / partial.weight
    assert npy_view(partial.arrays["w"]) == pytest.approx(mean, rel=1e-9, abs=1e-6)
    loss = partial.metrics["loss"]
    assert loss.mean == pytest.approx(mean, rel=1e-9, abs=1e-6)
    assert (loss.weight, loss.count) == (pytest.approx(partial.weight), len(members))


def test_a_metric_is_averaged_over_those_who_sent_it() -> None:
    aggregation = Aggregation()
    add(aggregation, EXCHANGES[0], 1, 10.0, 0.0, loss=1.0)
    add(aggregation, EXCHANGES[0], 2, 30.0, 0.0, loss=2.0, accuracy=0.5)
    metrics = aggregation.close(EXCHANGES[0]).metrics
    assert metrics["loss"] == MetricSum(1.75, 40.0, 2)
    assert metrics["accuracy"] == MetricSum(0.5, 30.0, 1)


def test_large_metrics_do_not_overflow() -> None:
    metric = MetricSum()
    for _ in range(3):
        metric.add(1.5e308, 1e6)
    assert metric.mean == pytest.approx(1.5e308)


class BrokenMean:
    """Fails at the second update, and merges nothing of it."""

    def __init__(self, specs: Sequence[Any]) -> None:
        self.count = 0

    def add_views(self, views: Sequence[np.ndarray], weight: float) -> None:
        if self.count:
            raise ZeroDivisionError
        self.count += 1

    def mean(self) -> Arrays:
        return {"w": ArrayBytes("float64", (2,), "numpy.ndarray", b"")}


def test_what_could_not_be_merged_is_not_listed() -> None:
    aggregation = Aggregation(BrokenMean)
    add(aggregation, EXCHANGES[0], 1, 10.0, 0.0)
    with pytest.raises(ZeroDivisionError):
        add(aggregation, EXCHANGES[0], 2, 10.0, 0.0, loss=1.0)
    partial = aggregation.close(EXCHANGES[0])
    assert [entry.node_id for entry in partial.entries] == [1]
    assert (partial.weight, partial.metrics) == (10.0, {})
