"""The weighted mean of updates as they come, within 1e-6 of the largest element.

A plain float32 sum of a thousand updates loses more than that: each addition rounds at the size of
the sum so far. So float32 arrays are summed in windows of 32 updates, and the windows' sums in a
second accumulator: few additions anywhere, at the price of one pass in 32. float64 arrays need one
accumulator, float16 and bfloat16 one of float32. No accumulator is allocated before it is needed;
with up to 32 updates a float32 model takes once its size, later twice.

A mean of means that carry their total weights is the flat mean, so that the same class serves the
selector over its clients and the coordinator over its selectors.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from fedota_proto.blas import axpy
from fedota_proto.errors import InternalError, StrategyError, StreamError
from fedota_proto.npy import BFLOAT16, NUMPY_STYPE, dtype_of, npy_prefix, npy_view
from fedota_proto.records import Allocate, ArrayBytes, Arrays, new_buffer

WINDOW = 32
MEAN_DTYPES = frozenset({"float16", BFLOAT16, "float32", "float64"})

_BLOCK = 1 << 15  # elements of a half-precision array that are widened at a time
_FIRST_SHARE_EXP = -10


class ArraySpecLike(Protocol):
    """Anything with a name, numpy's name of a dtype, and a shape."""

    @property
    def name(self) -> str:
        """The array's name."""

    @property
    def dtype(self) -> str:
        """numpy's name of the dtype, or ``"bfloat16"``."""

    @property
    def shape(self) -> Sequence[int]:
        """Elements along each axis."""


class RunningMean:
    """The weighted mean of any number of updates, in the memory of one or two.

    One caller at a time. `add` and `mean` let the interpreter run other threads.

    Parameters
    ----------
    specs
        Names, dtypes and shapes that every update has, in the order that the mean gets.
    allocate
        Makes the buffers of the sums of float32 and float64 arrays.

    Raises
    ------
    StrategyError
        If an array is of a dtype that has no mean here.
    """

    def __init__(self, specs: Sequence[ArraySpecLike], *, allocate: Allocate = new_buffer) -> None:
        for spec in specs:
            if spec.dtype not in MEAN_DTYPES:
                raise StrategyError(
                    f"The array {spec.name!r} is {spec.dtype}; only "
                    f"{', '.join(sorted(MEAN_DTYPES))} are averaged."
                )
        self._allocate = allocate
        self._specs = [(spec.name, spec.dtype, tuple(spec.shape)) for spec in specs]
        self.reset()

    def reset(self) -> None:
        """Forget everything added, and free its memory."""
        self._sums = [_make_sum(dtype, shape, self._allocate) for _, dtype, shape in self._specs]
        self._shift = 0
        self._shares = 0.0
        self._taken = False
        self.weight = 0.0
        self.count = 0

    def add(self, arrays: Arrays, weight: float) -> None:
        """Merge one update; all of it, or nothing if it raises.

        Parameters
        ----------
        arrays
            One per spec, in any order, checked to be finite.
        weight
            Number of examples, > 0 and finite.

        Raises
        ------
        StreamError
            If an array is missing or not of its declared dtype and shape.
        InternalError
            If the mean has been taken and not been reset, or the weight is not positive.
        """
        if len(arrays) != len(self._specs):
            raise StreamError(f"{len(arrays)} arrays came for a mean of {len(self._specs)}.")
        self.add_views([self._view(arrays, *spec) for spec in self._specs], weight)

    def add_views(self, views: Sequence[np.ndarray], weight: float) -> None:
        """Merge one update whose arrays have been parsed and checked.

        Parameters
        ----------
        views
            One per spec, in order, of its dtype and shape, in C order; bfloat16 as void.
        weight
            Number of examples, > 0 and finite.

        Raises
        ------
        InternalError
            If the mean has been taken and not been reset, or the weight is not positive.
        """
        if self._taken:
            raise InternalError("A mean that has been taken cannot be added to.")
        if not 0 < weight < math.inf:
            raise InternalError(f"A weight of {weight} cannot be averaged.")
        share = self._share_of(weight)
        for total, view in zip(self._sums, views, strict=True):
            total.add(view.reshape(-1), share)
        self._shares += share
        self.weight += weight
        self.count += 1

    def mean(self) -> Arrays:
        """Return the mean, once; then only `reset` is of use.

        Returns
        -------
        Arrays
            In the declared order, dtypes and shapes, as ``.npy`` bytes: the accumulators
            themselves where the dtype allows.

        Raises
        ------
        InternalError
            If nothing was added, or the mean was taken before.
        """
        if self._taken or not self.count:
            raise InternalError("There is no mean to take.")
        self._taken = True
        arrays: Arrays = {}
        for (name, dtype, shape), total in zip(self._specs, self._sums, strict=True):
            arrays[name] = ArrayBytes(dtype, shape, NUMPY_STYPE, total.take(1 / self._shares))
        self._sums = []
        return arrays

    def _view(self, arrays: Arrays, name: str, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
        array = arrays.get(name)
        if array is None or (array.dtype, array.shape) != (dtype, shape):
            raise StreamError(f"The array {name!r} is missing, or not {dtype} of shape {shape}.")
        view = npy_view(array)
        if not view.flags.c_contiguous:
            raise StreamError(f"The array {name!r} is not in C order.")
        return view

    def _share_of(self, weight: float) -> float:
        """Scale a weight by a power of two so that all shares together stay below 1.

        The sums then never exceed the largest element, whatever the weights; where the shares
        might exceed 1, everything summed so far is scaled down first, exactly. What this costs is
        float32 elements below 1e-34, which lose digits or vanish.
        """
        if not self.count:
            self._shift = _FIRST_SHARE_EXP - math.frexp(weight)[1]
        exponent = 1 + max(math.frexp(self._shares)[1], math.frexp(weight)[1] + self._shift)
        if exponent > 0:  # the sum is below 2**exponent
            down = _FIRST_SHARE_EXP - exponent
            self._shift += down
            self._shares = math.ldexp(self._shares, down)
            for total in self._sums:
                total.scale(math.ldexp(1.0, down))
        return math.ldexp(weight, self._shift)


class _Sum(ABC):
    """The sum of one array's shares."""

    def __init__(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
        self.dtype = dtype
        self.shape = shape

    @abstractmethod
    def add(self, x: np.ndarray, share: float) -> None:
        """Add ``share * x``, x of shape ``(n,)``."""

    @abstractmethod
    def scale(self, factor: float) -> None:
        """Multiply the sum by a power of two."""

    @abstractmethod
    def take(self, factor: float) -> memoryview:
        """Return the sum times `factor` as an ``.npy`` file."""


class _Accumulator:
    """A vector that lies in an ``.npy`` file, so that it can be sent as it is."""

    def __init__(self, dtype: np.dtype[Any], shape: tuple[int, ...], allocate: Allocate) -> None:
        prefix = npy_prefix(dtype, shape)
        size_bytes = len(prefix) + math.prod(shape) * dtype.itemsize
        self.file = np.frombuffer(allocate(size_bytes), np.uint8)
        self.file[: len(prefix)] = np.frombuffer(prefix, np.uint8)
        self.values = self.file[len(prefix) :].view(dtype)


class _PlainSum(_Sum):
    """float64 in one accumulator."""

    def __init__(self, dtype: np.dtype[Any], shape: tuple[int, ...], allocate: Allocate) -> None:
        super().__init__(dtype, shape)
        self._allocate = allocate
        self._sum: _Accumulator | None = None

    def add(self, x: np.ndarray, share: float) -> None:
        if self._sum is None:
            self._sum = _Accumulator(self.dtype, self.shape, self._allocate)
            np.multiply(x, self.dtype.type(share), out=self._sum.values)
        else:
            axpy(share, x, self._sum.values)

    def scale(self, factor: float) -> None:
        if self._sum is not None:
            self._sum.values *= self.dtype.type(factor)

    def take(self, factor: float) -> memoryview:
        if self._sum is None:
            raise InternalError("Nothing was summed.")
        with np.errstate(over="ignore"):
            self.scale(factor)
        return self._sum.file.data.toreadonly()


class _WindowedSum(_PlainSum):
    """float32 in windows of 32 updates, and the sum of those windows."""

    _windows: _Accumulator | None = None
    _in_window = 0

    def add(self, x: np.ndarray, share: float) -> None:
        if self._in_window == WINDOW:
            self._close_window()
        if self._in_window or self._sum is None:
            super().add(x, share)
        else:
            np.multiply(x, self.dtype.type(share), out=self._sum.values)
        self._in_window += 1

    def _close_window(self) -> None:
        """Add the window to the windows before it; the first one becomes their sum itself."""
        if self._windows is None:
            self._windows, self._sum = self._sum, None
        elif self._sum is not None:
            axpy(1.0, self._sum.values, self._windows.values)
        self._in_window = 0

    def scale(self, factor: float) -> None:
        super().scale(factor)
        if self._windows is not None:
            self._windows.values *= self.dtype.type(factor)

    def take(self, factor: float) -> memoryview:
        self._close_window()
        self._sum, self._windows = self._windows, None
        return super().take(factor)


class _HalfSum(_Sum):
    """float16 and bfloat16 in one float32 accumulator."""

    def __init__(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
        super().__init__(dtype, shape)
        self._sum: np.ndarray | None = None

    def add(self, x: np.ndarray, share: float) -> None:
        if self._sum is None:
            self._sum = np.zeros(x.size, np.float32)
        for start in range(0, x.size, _BLOCK):
            block = slice(start, start + _BLOCK)
            axpy(share, widened(x[block]), self._sum[block])

    def scale(self, factor: float) -> None:
        if self._sum is not None:
            self._sum *= np.float32(factor)

    def take(self, factor: float) -> memoryview:
        if self._sum is None:
            raise InternalError("Nothing was summed.")
        result = _Accumulator(self.dtype, self.shape, new_buffer)
        for start in range(0, self._sum.size, _BLOCK):
            block = slice(start, start + _BLOCK)
            mean = self._sum[block] * np.float32(factor)
            result.values[block] = _narrowed(mean, self.dtype)
        return result.file.data.toreadonly()


def _make_sum(dtype: str, shape: tuple[int, ...], allocate: Allocate) -> _Sum:
    if dtype == "float64":
        return _PlainSum(dtype_of(dtype), shape, allocate)
    if dtype == "float32":
        return _WindowedSum(dtype_of(dtype), shape, allocate)
    return _HalfSum(dtype_of(dtype), shape)


def widened(x: np.ndarray) -> np.ndarray:
    """Widen half-precision elements to float32, exactly.

    Parameters
    ----------
    x
        float16, or void of two bytes for bfloat16; shape ``(n,)``.

    Returns
    -------
    np.ndarray
        float32, shape ``(n,)``.
    """
    if x.dtype.kind != "V":
        return x.astype(np.float32)
    return (x.view(np.uint16).astype(np.uint32) << 16).view(np.float32)


def _narrowed(x: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """Round finite float32 to half precision, to nearest, ties to even."""
    if dtype.kind != "V":
        return x.astype(dtype)
    bits = x.view(np.uint32)
    rounded = bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
    return (rounded >> np.uint32(16)).astype(np.uint16).view(dtype)


def first_non_finite(values: np.ndarray) -> int | None:
    """Find the first element that is infinite or not a number.

    One pass at the speed of memory: the sum of an array is finite only if every element is. Only
    where the sum is not (finite elements may still overflow it) are the elements looked at.

    Parameters
    ----------
    values
        Of any shape and any of the dtypes that have a mean; bfloat16 as void of two bytes.

    Returns
    -------
    int or None
        Its position in C order, or None if all are finite.
    """
    flat = values.reshape(-1)
    half = flat.itemsize == 2
    if not half:
        with np.errstate(over="ignore", invalid="ignore"):
            if np.isfinite(flat.sum()):
                return None
    for start in range(0, flat.size, _BLOCK):
        block = flat[start : start + _BLOCK]
        finite = np.isfinite(widened(block) if half else block)
        if not finite.all():
            return start + int(np.argmin(finite))
    return None
