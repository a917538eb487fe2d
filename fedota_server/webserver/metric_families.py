"""Families of numbers, each named for Fedota."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

Rows = Iterable[tuple[Sequence[str], float]]


def gauge(
    name: str,
    text: str,
    labels: Sequence[str] = (),
    rows: Rows = (),
    *,
    value: float | None = None,
) -> Metric:
    """Make a family of numbers that go up and down.

    Parameters
    ----------
    name, text
        Its name without ``fedota_``; what it tells.
    labels, rows
        Names of the labels; their values and the number of each.
    value
        The only number of a family without labels.
    """
    family = GaugeMetricFamily(f"fedota_{name}", text, labels=labels)
    for key, number in rows if value is None else [((), float(value))]:
        family.add_metric(key, number)
    return family


def counter(name: str, text: str, labels: Sequence[str] = (), rows: Rows = ()) -> Metric:
    """Make a family of numbers that only grow, as `gauge`."""
    family = CounterMetricFamily(f"fedota_{name}", text, labels=labels)
    for key, number in rows:
        family.add_metric(key, number)
    return family
