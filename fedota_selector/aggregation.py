"""Mid-level aggregation: the running weighted mean over this selector's own clients' updates."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np

from fedota_proto.records import Arrays
from fedota_proto.running_mean import ArraySpecLike, RunningMean
from fedota_selector.tasks import Exchange, RoundName

CLOSED_MOST = 256


class Mean(Protocol):
    """What `RunningMean` offers here."""

    def add_views(self, views: Sequence[np.ndarray], weight: float) -> None:
        """Merge one update's arrays, in order; all of it, or nothing if it raises."""

    def mean(self) -> Arrays:
        """Return the weighted mean, once."""


NewMean = Callable[[Sequence[ArraySpecLike]], Mean]


class MergedUpdate(NamedTuple):
    """One entry of a partial."""

    node_id: int
    task_id: int
    weight: float
    update_sha256: bytes


@dataclass(slots=True)
class MetricSum:
    """A metric's weighted mean over those who sent it.

    References
    ----------
    D. H. D. West (1979), "Updating mean and variance estimates: an improved method",
    Communications of the ACM 22(9): the mean is moved, so that it cannot overflow as a sum would.
    """

    mean: float = 0.0
    weight: float = 0.0
    count: int = 0

    def add(self, value: float, weight: float) -> None:
        """Take in one value with its number of examples."""
        self.weight += weight
        self.count += 1
        share = weight / self.weight
        self.mean = self.mean * (1.0 - share) + value * share


@dataclass(frozen=True, slots=True)
class ClosedPartial:
    """The weighted mean of everything in `entries`, in the order in which it was merged.

    Parameters
    ----------
    exchange
        Round and message type.
    entries
        Who is in it; empty if nobody is.
    weight
        The sum of the entries' weights.
    arrays
        In the declared order; empty if nobody is in it.
    metrics
        By name, over those who sent it.
    """

    exchange: Exchange
    entries: tuple[MergedUpdate, ...]
    weight: float
    arrays: Arrays
    metrics: dict[str, MetricSum]


@dataclass(slots=True)
class _Open:
    mean: Mean
    entries: list[MergedUpdate] = field(default_factory=list)
    members: set[tuple[int, int]] = field(default_factory=set)
    metrics: dict[str, MetricSum] = field(default_factory=dict)


class Aggregation:
    """The means of all open exchanges.

    Each (node, task) is merged at most once, and nothing after the close. A closed partial stays
    until it is released, so that a coordinator that lost it on the way can have it again.

    Parameters
    ----------
    new_mean
        Makes an empty mean for the given arrays.
    """

    def __init__(self, new_mean: NewMean = RunningMean) -> None:
        self._new_mean = new_mean
        self._open: dict[Exchange, _Open] = {}
        self._closed: OrderedDict[Exchange, ClosedPartial | None] = OrderedDict()

    def add(
        self,
        exchange: Exchange,
        entry: MergedUpdate,
        specs: Sequence[ArraySpecLike],
        views: Sequence[np.ndarray],
        metrics: dict[str, float],
    ) -> bool:
        """Merge one checked update.

        Parameters
        ----------
        exchange
            What it belongs to.
        entry
            Whose it is, and its weight (number of examples, > 0).
        specs
            The arrays that every update of this exchange has, in order.
        views
            The update's arrays, checked against them.
        metrics
            Its metrics, finite, without the number of examples.

        Returns
        -------
        bool
            False, and nothing is merged, if the exchange is closed or has this task already.
        """
        if exchange in self._closed:
            return False
        gathered = self._open.get(exchange)
        if gathered is None:
            gathered = self._open[exchange] = _Open(self._new_mean(specs))
        member = (entry.node_id, entry.task_id)
        if member in gathered.members:
            return False
        gathered.mean.add_views(views, entry.weight)
        gathered.members.add(member)
        gathered.entries.append(entry)
        for name, value in metrics.items():
            gathered.metrics.setdefault(name, MetricSum()).add(value, entry.weight)
        return True

    def close(self, exchange: Exchange) -> ClosedPartial:
        """Close an exchange, once and for all.

        Returns
        -------
        ClosedPartial
            The same at every call until it is released, then an empty one.
        """
        kept = self._closed.get(exchange)
        if kept is not None:
            return kept
        gathered = self._open.pop(exchange, None)
        entries = tuple(gathered.entries) if gathered else ()
        partial = ClosedPartial(
            exchange,
            entries,
            math.fsum(entry.weight for entry in entries),
            gathered.mean.mean() if gathered and entries else {},
            gathered.metrics if gathered else {},
        )
        self._closed[exchange] = partial
        while len(self._closed) > CLOSED_MOST:
            self._closed.popitem(last=False)
        return partial

    def release(self, exchange: Exchange) -> None:
        """Free the partial of a closed exchange, which the coordinator has; it stays closed."""
        if exchange in self._closed:
            self._closed[exchange] = None

    def drop(self, round_name: RoundName) -> None:
        """Forget a round altogether; it may begin again."""
        for exchange in [e for e in self._open if e.round == round_name]:
            del self._open[exchange]
        for exchange in [e for e in self._closed if e.round == round_name]:
            del self._closed[exchange]

    def clear(self) -> None:
        """Forget everything."""
        self._open.clear()
        self._closed.clear()

    def merged(self, exchange: Exchange) -> int:
        """Count the updates that an open exchange has merged."""
        gathered = self._open.get(exchange)
        return len(gathered.entries) if gathered else 0
