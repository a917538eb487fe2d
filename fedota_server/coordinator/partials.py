"""Partials: checked against what is declared, and folded into one mean."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fedota_proto.errors import StreamError
from fedota_proto.npy import npy_view
from fedota_proto.records import Arrays, Records
from fedota_proto.running_mean import ArraySpecLike, RunningMean
from fedota_proto.v1 import fl_intra_pb2
from fedota_server.coordinator.messages import PartialArrived


def declared_arrays(records: Records, specs: Sequence[ArraySpecLike]) -> Arrays | None:
    """Take the arrays of a partial if they are the declared ones.

    Parameters
    ----------
    records
        As they arrived, whole.
    specs
        Names, dtypes and shapes, in order.

    Returns
    -------
    Arrays or None
        In the declared order; None if anything else came.
    """
    if len(records.arrays) != 1:
        return None
    (sent,) = records.arrays.values()
    if len(sent) != len(specs):
        return None
    ordered: Arrays = {}
    for spec in specs:
        array = sent.get(spec.name)
        if array is None or (array.dtype, array.shape) != (spec.dtype, tuple(spec.shape)):
            return None
        try:
            view = npy_view(array)
        except StreamError:
            return None
        if not view.flags.c_contiguous:
            return None
        ordered[spec.name] = array
    return ordered


class PartialFold:
    """Folds partials in the order in which they are given; with one alone it is that one, exactly.

    A weighted mean of weighted means that carry their total weights is the flat mean, up to
    rounding. No more than two models are in memory at a time, however many partials come.

    Parameters
    ----------
    specs
        Of the arrays, in order.
    """

    def __init__(self, specs: Sequence[ArraySpecLike]) -> None:
        self._specs = specs
        self._first: PartialArrived | None = None
        self._mean: RunningMean | None = None
        self._metrics: dict[str, tuple[float, float]] = {}
        self.weight = 0.0
        self.count = 0
        self.nodes: list[int] = []

    def add(self, partial: PartialArrived) -> None:
        """Fold a partial in.

        Raises
        ------
        StreamError
            Its arrays are not as declared.
        """
        self.weight += partial.weight
        self.count += len(partial.entries)
        self.nodes += [entry.node_id for entry in partial.entries]
        self._metrics = mean_metrics(self._metrics, partial.metrics)
        if self._first is None and self._mean is None:
            self._first = partial
            return
        if self._mean is None:
            self._mean = RunningMean(self._specs)
        if self._first is not None:
            first, self._first = self._first, None
            self._mean.add(first.arrays, first.weight)
        self._mean.add(partial.arrays, partial.weight)

    def arrays(self) -> Arrays:
        """Take the mean, once; empty if nothing was folded."""
        if self._first is not None:
            first, self._first = self._first, None
            return first.arrays
        return self._mean.mean() if self._mean is not None else {}

    @property
    def metrics(self) -> dict[str, float]:
        """Each metric's weighted mean over those who sent it."""
        return {name: mean for name, (mean, _) in self._metrics.items()}


def mean_metrics(
    so_far: dict[str, tuple[float, float]], more: Iterable[fl_intra_pb2.MetricMean]
) -> dict[str, tuple[float, float]]:
    """Average means over those who sent each metric.

    Parameters
    ----------
    so_far
        Mean and total weight by name.
    more
        Means with their weights.

    Returns
    -------
    dict
        As `so_far`, both taken together.
    """
    together = dict(so_far)
    for metric in more:
        mean, weight = together.get(metric.name, (0.0, 0.0))
        total = weight + metric.weight
        if total > 0:
            # Moved rather than summed, so that it cannot overflow.
            share = metric.weight / total
            together[metric.name] = mean * (1.0 - share) + metric.mean * share, total
    return together
