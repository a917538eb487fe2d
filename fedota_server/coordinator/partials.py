"""Partials: checked against what is declared, and folded into one mean."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from fedota_proto.blas import axpy
from fedota_proto.errors import StreamError
from fedota_proto.npy import npy_view
from fedota_proto.records import ArrayBytes, Arrays, Records
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
    rounding. The first partial's own buffer becomes the mean, so that no more than two models are
    in memory at a time, however many partials come.

    Parameters
    ----------
    specs
        Of the arrays, in order.
    """

    def __init__(self, specs: Sequence[ArraySpecLike]) -> None:
        self._in_place = all(spec.dtype in ("float32", "float64") for spec in specs)
        self._specs = specs
        self._arrays: Arrays = {}
        self._running: RunningMean | None = None
        self._metrics: dict[str, tuple[float, float]] = {}
        self.weight = 0.0
        self.count = 0
        self.nodes: list[int] = []

    def add(self, partial: PartialArrived) -> None:
        """Fold a partial in; its arrays may be changed.

        Raises
        ------
        StreamError
            Its arrays are not as declared.
        """
        before, self.weight = self.weight, self.weight + partial.weight
        self.count += len(partial.entries)
        self.nodes += [entry.node_id for entry in partial.entries]
        self._metrics = mean_metrics(self._metrics, partial.metrics)
        if before == 0.0:
            self._arrays = partial.arrays
        elif self._in_place:
            self._merge(partial.arrays, partial.weight / self.weight)
        else:
            self._merge_wider(before, partial)

    def _merge(self, arrays: Arrays, share: float) -> None:
        """Move the mean towards another: ``mean = (1 - share) * mean + share * other``."""
        for name, array in arrays.items():
            mean = own_elements(self._arrays[name]).reshape(-1)
            mean *= mean.dtype.type(1.0 - share)
            axpy(share, npy_view(array).reshape(-1), mean)

    def _merge_wider(self, before: float, partial: PartialArrived) -> None:
        """Average half-precision arrays in float32."""
        if self._running is None:
            self._running = RunningMean(self._specs)
            self._running.add(self._arrays, before)
            self._arrays = {}
        self._running.add(partial.arrays, partial.weight)

    def arrays(self) -> Arrays:
        """Take the mean, once; empty if nothing was folded."""
        if self._running is not None:
            return self._running.mean()
        arrays, self._arrays = self._arrays, {}
        return arrays

    @property
    def metrics(self) -> dict[str, float]:
        """Each metric's weighted mean over those who sent it."""
        return {name: mean for name, (mean, _) in self._metrics.items()}


def own_elements(array: ArrayBytes) -> np.ndarray:
    """Return the elements of an array that nobody else reads, to be written in place.

    Parameters
    ----------
    array
        If it does not lie in a buffer of numpy's, as what a `PayloadReader` puts together does, it
        is copied into one first.
    """
    view = npy_view(array)
    base: object = memoryview(array.data).obj
    if isinstance(base, np.ndarray) and base.flags.writeable:
        buffer = base.reshape(-1).view(np.uint8)
    else:
        buffer = np.frombuffer(array.data, np.uint8).copy()
        array.data = buffer.data.toreadonly()
        view = npy_view(array)
    start = view.ctypes.data - buffer.ctypes.data
    elements = buffer[start : start + view.nbytes].view(view.dtype)
    return elements.reshape(view.shape)


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
