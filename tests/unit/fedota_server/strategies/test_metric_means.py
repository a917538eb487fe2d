"""Each metric over those who sent it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedota_server.strategies.metric_means import mean_metrics


def test_averages_each_metric_over_those_who_sent_it() -> None:
    samples = [({"loss": 1.0, "auc": 0.5}, 1), ({"loss": 4.0}, 2), ({"auc": 1.0}, 3)]

    means = mean_metrics(samples)

    assert means == {"loss": 3.0, "auc": pytest.approx(0.875)}
    assert list(means) == ["loss", "auc"]


def test_leaves_lists_out() -> None:
    assert mean_metrics([({"loss": 1.0, "by_class": [0.5, 0.5]}, 1)]) == {"loss": 1.0}


def test_nothing_has_no_means() -> None:
    assert mean_metrics([]) == {}


@given(
    st.lists(
        st.tuples(st.floats(-1e6, 1e6), st.floats(1e-3, 1e9), st.integers(0, 2)),
        min_size=1,
        max_size=20,
    )
)
def test_a_mean_of_means_is_the_mean(samples: list[tuple[float, float, int]]) -> None:
    groups: dict[int, list[tuple[dict[str, float], float]]] = {}
    for value, weight, group in samples:
        groups.setdefault(group, []).append(({"loss": value}, weight))
    partial = [(mean_metrics(g), sum(weight for _, weight in g)) for g in groups.values()]

    flat = mean_metrics([({"loss": value}, weight) for value, weight, _ in samples])

    largest = max(abs(value) for value, _, _ in samples)
    assert mean_metrics(partial)["loss"] == pytest.approx(flat["loss"], abs=1e-9 * largest + 1e-12)
