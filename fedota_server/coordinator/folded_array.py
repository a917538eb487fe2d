"""Flower's `Array` over a buffer of ours, for the one reply that stands for many."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from flwr.app import Array, ArrayRecord

from fedota_proto.npy import npy_view
from fedota_proto.records import ArrayBytes, Arrays


class FoldedArray(Array):
    """An `Array` whose elements lie in the buffer in which they were folded.

    Flower's own `Array` holds ``bytes``, and its `numpy` copies them: two more models in memory at
    the moment of aggregation. Here `numpy` returns a read-only view, as every strategy that
    averages needs no more; whatever asks for `data` (a copy, a pickle, the next message) gets
    ``bytes``, made once.

    Parameters
    ----------
    array
        Of stype ``"numpy.ndarray"``; its buffer must not change any more.
    """

    def __init__(self, array: ArrayBytes) -> None:
        self.__dict__.update(dtype=array.dtype, shape=array.shape, stype=array.stype, _source=array)

    @property
    def data(self) -> bytes:
        """The serialised bytes."""
        source = self._source
        if not isinstance(source.data, bytes):
            source.data = bytes(source.data)
        return source.data

    @data.setter
    def data(self, value: bytes) -> None:
        self.__dict__["_source"] = ArrayBytes(self.dtype, self.shape, self.stype, value)

    @property
    def _source(self) -> ArrayBytes:
        return cast("ArrayBytes", self.__dict__["_source"])

    def numpy(self) -> np.ndarray:
        """Return a read-only view of the elements."""
        return npy_view(self._source)

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle as Flower's own `Array`."""
        return Array, (self.dtype, self.shape, self.stype, self.data)


def folded_record(arrays: Arrays) -> ArrayRecord:
    """Make the array record of a folded reply.

    Parameters
    ----------
    arrays
        The mean, in order.
    """
    record = ArrayRecord()
    for name, array in arrays.items():
        record[name] = FoldedArray(array)
    return record
