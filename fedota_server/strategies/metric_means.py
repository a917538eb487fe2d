"""Averages of metrics that not every client needs to send."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from flwr.app import MetricRecordValues


def mean_metrics(
    samples: Iterable[tuple[Mapping[str, MetricRecordValues], float]],
) -> dict[str, float]:
    """Average each metric over those who sent it.

    Two replies with different metric names end a Flower run, and a client that lacks one class
    cannot compute every metric: so the averages are made here, not by the strategy.

    Parameters
    ----------
    samples
        One client's metrics with its weight (number of examples, > 0). Lists are left out: a
        problem declares none.

    Returns
    -------
    dict of str to float
        In the order in which the names first came.
    """
    products: dict[str, list[float]] = {}
    weights: dict[str, list[float]] = {}
    for metrics, weight in samples:
        for name, value in metrics.items():
            if not isinstance(value, list):
                products.setdefault(name, []).append(value * weight)
                weights.setdefault(name, []).append(weight)
    return {name: math.fsum(terms) / math.fsum(weights[name]) for name, terms in products.items()}
