"""Flower's arrays, put into the order and the dtypes that a manifest declares."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from flwr.app import Array, ArrayRecord
from numpy.typing import NDArray

from fedota_proto.errors import StrategyError
from fedota_proto.manifest import ManifestArray
from fedota_proto.npy import BFLOAT16, npy_bytes, npy_view
from fedota_proto.records import ArrayBytes, Arrays
from fedota_proto.running_mean import RunningMean, first_non_finite, widened


def array_bytes(array: Array) -> ArrayBytes:
    """Take Flower's array as ours, without a copy.

    Parameters
    ----------
    array
        Its bytes are shared.

    Returns
    -------
    ArrayBytes
        The same dtype, shape, stype and bytes.
    """
    return ArrayBytes(array.dtype, tuple(array.shape), array.stype, array.data)


def record_of(arrays: Iterable[tuple[str, Array]]) -> ArrayRecord:
    """Build a record of these very arrays.

    Flower's own constructor makes an `Array` of each anew and refuses views of bytes.

    Parameters
    ----------
    arrays
        Names with arrays, in order.

    Returns
    -------
    ArrayRecord
        Sharing the arrays.
    """
    record = ArrayRecord()
    for name, array in arrays:
        record[name] = array
    return record


def picked(record: ArrayRecord, declared: Sequence[ManifestArray]) -> ArrayRecord:
    """Build a new record of the declared arrays in the declared order.

    Parameters
    ----------
    record
        Holds at least those; left as it is.
    declared
        In order.

    Returns
    -------
    ArrayRecord
        Sharing the arrays.

    Raises
    ------
    StrategyError
        If one is missing.
    """
    missing = [array.name for array in declared if array.name not in record]
    if missing:
        raise StrategyError(f"The arrays lack {_names(missing)}, which the manifest declares.")
    return record_of((array.name, record[array.name]) for array in declared)


def for_strategy(record: ArrayRecord, declared: Sequence[ManifestArray]) -> ArrayRecord:
    """Build the record that a strategy computes on.

    Parameters
    ----------
    record, declared
        As in `picked`.

    Returns
    -------
    ArrayRecord
        Sharing the arrays, but for bfloat16, which numpy cannot compute with: float32 instead.

    Raises
    ------
    StrategyError
        If one is missing.
    """
    chosen = picked(record, declared)
    for array in declared:
        if array.dtype == BFLOAT16:
            values = npy_view(array_bytes(chosen[array.name]))
            chosen[array.name] = Array(widened(values.reshape(-1)).reshape(array.shape))
    return chosen


def as_declared(
    returned: ArrayRecord, declared: Sequence[ManifestArray], strategy: str
) -> dict[str, Array]:
    """Check what a strategy returned, and cast it to the declared dtypes.

    Parameters
    ----------
    returned
        Left as it is.
    declared
        What must be in it, no more and no less.
    strategy
        Its name, for the error.

    Returns
    -------
    dict of str to Array
        In declared order; arrays that have their dtype already are shared.

    Raises
    ------
    StrategyError
        If names or shapes are others, or a value is not finite in its declared dtype.
    """
    wanted = {array.name for array in declared}
    if set(returned) != wanted:
        strange = sorted(wanted.symmetric_difference(returned))
        raise StrategyError(
            f"{strategy} returned other arrays than it was given: {_names(strange)}."
        )
    return {array.name: _cast(returned[array.name], array, strategy) for array in declared}


def weighted_means(
    declared: Sequence[ManifestArray], reports: Sequence[tuple[ArrayRecord, float]]
) -> dict[str, Array]:
    """Average arrays over reports, each with its weight.

    Parameters
    ----------
    declared
        The arrays to average, in order.
    reports
        Arrays and weight (number of examples, > 0) of each. A single one is its own mean, bit
        for bit.

    Returns
    -------
    dict of str to Array
        In declared order and dtypes.

    Raises
    ------
    StrategyError
        If there is no report, or one lacks an array, or a mean is not finite.
    """
    if not declared:
        return {}
    records = [(picked(record, declared), weight) for record, weight in reports]
    if not records:
        raise StrategyError("There is no report to average.")
    if len(records) == 1:
        # Not views: they would keep everything else alive that came with them.
        means = flower_arrays(_arrays_of(records[0][0]))
    else:
        mean = RunningMean(declared)
        for record, weight in records:
            mean.add(_arrays_of(record), weight)
        means = flower_arrays(mean.mean())
    return {array.name: _cast(means[array.name], array, "The mean") for array in declared}


def flower_arrays(arrays: Arrays) -> dict[str, Array]:
    """Hand our arrays to Flower, without a copy where their bytes are `bytes` already.

    Parameters
    ----------
    arrays
        By name.

    Returns
    -------
    dict of str to Array
        In the same order.
    """
    return {
        name: Array(
            a.dtype, a.shape, a.stype, a.data if isinstance(a.data, bytes) else bytes(a.data)
        )
        for name, a in arrays.items()
    }


def _arrays_of(record: ArrayRecord) -> Arrays:
    return {name: array_bytes(array) for name, array in record.items()}


def _cast(array: Array, declared: ManifestArray, strategy: str) -> Array:
    if tuple(array.shape) != declared.shape:
        raise StrategyError(
            f"{strategy} returned {declared.name} with shape {tuple(array.shape)}, declared is "
            f"{declared.shape}."
        )
    values = npy_view(array_bytes(array))
    # numpy saves in Fortran order what a median left so; what travels is in C order.
    as_it_is = array.dtype == declared.dtype and values.flags.c_contiguous
    with np.errstate(over="ignore", invalid="ignore"):
        cast = values if as_it_is else _in_dtype(values, declared.dtype)
        if first_non_finite(cast) is not None:
            raise StrategyError(
                f"{strategy} returned values of {declared.name} that are not finite numbers; the "
                "model is unchanged."
            )
    if as_it_is:
        return array
    return Array(declared.dtype, declared.shape, array.stype, npy_bytes(cast))


def _in_dtype(values: NDArray[Any], dtype: str) -> NDArray[Any]:
    """Cast to a declared dtype, in C order; bfloat16 becomes void of two bytes, ties to even."""
    if dtype != BFLOAT16:
        return values.astype(dtype, order="C")
    bits = np.asarray(values, np.float32, order="C").view(np.uint32)
    rounded = (bits + np.uint32(0x7FFF) + ((bits >> 16) & 1)) >> 16
    return rounded.astype(np.uint16).view("V2")


def _names(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:3]) + (f" and {len(listed) - 3} more" if len(listed) > 3 else "")
