"""One BLAS routine, ``y += alpha * x``, from the OpenBLAS that numpy's wheels bring.

numpy has no fused form of it: ``y += alpha * x`` writes and reads a temporary array, at a third of
the speed. Where numpy brings another BLAS, blocks that stay in the cache do the same with numpy.
"""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

logger = logging.getLogger(__name__)

_BLOCK = 1 << 15  # elements; two blocks fit a second-level cache
Axpy = Callable[[float, np.ndarray, np.ndarray], None]


def axpy(alpha: float, x: np.ndarray, y: np.ndarray) -> None:
    """Add ``alpha * x`` to `y`, in place; without the interpreter lock where it matters.

    The first call puts the whole process's OpenBLAS on one thread: these loops wait for memory, and
    a second thread only takes the core away from receiving.

    Parameters
    ----------
    alpha
        Rounded to the dtype of the arrays.
    x, y
        Of shape ``(n,)``, contiguous, both float32 or both float64.

    Raises
    ------
    ValueError
        If the arrays are of other or different shapes, dtypes or layouts.
    """
    if x.shape != y.shape or x.dtype != y.dtype or x.dtype not in (np.float32, np.float64):
        raise ValueError(f"axpy of {x.dtype} {x.shape} into {y.dtype} {y.shape}")
    if x.ndim != 1 or not (x.flags.c_contiguous and y.flags.c_contiguous and y.flags.writeable):
        raise ValueError("axpy takes contiguous vectors, and writes the second")
    routine = openblas_axpy() or numpy_axpy
    routine(alpha, x, y)


def numpy_axpy(alpha: float, x: np.ndarray, y: np.ndarray) -> None:
    """Do as `axpy` does with numpy alone, unchecked.

    Parameters
    ----------
    alpha, x, y
        As in `axpy`.
    """
    scale = y.dtype.type(alpha)
    scratch = np.empty(min(_BLOCK, y.size), y.dtype)
    for start in range(0, y.size, _BLOCK):
        block = y[start : start + _BLOCK]
        product = scratch[: block.size]
        np.multiply(x[start : start + _BLOCK], scale, out=product)
        np.add(block, product, out=block)


@cache
def openblas_axpy() -> Axpy | None:
    """Find the routine in numpy's own OpenBLAS, and put that on one thread.

    Returns
    -------
    callable or None
        As `axpy`, unchecked; None where numpy brings no such library.
    """
    folder = Path(np.__file__).parent
    for libraries in (folder.parent / "numpy.libs", folder / ".dylibs"):
        for path in sorted(libraries.glob("libscipy_openblas64_*")):
            try:
                return _bind(ctypes.CDLL(str(path)))
            except (OSError, AttributeError):
                logger.debug("no use of %s", path.name, exc_info=True)
    logger.info("numpy brings no OpenBLAS of its own here; sums take about twice as long")
    return None


def _bind(library: ctypes.CDLL) -> Axpy:
    single = library.scipy_cblas_saxpy64_
    double = library.scipy_cblas_daxpy64_
    set_threads = library.scipy_openblas_set_num_threads64_
    single.argtypes = _arguments(ctypes.c_float)
    double.argtypes = _arguments(ctypes.c_double)
    set_threads.argtypes = [ctypes.c_int]
    single.restype = double.restype = set_threads.restype = None
    set_threads(1)

    def routine(alpha: float, x: np.ndarray, y: np.ndarray) -> None:
        call = single if y.itemsize == 4 else double
        call(x.size, alpha, x.ctypes.data, 1, y.ctypes.data, 1)

    return routine


def _arguments(real: type[ctypes.c_float | ctypes.c_double]) -> list[type]:
    return [
        ctypes.c_int64,
        real,
        ctypes.c_void_p,
        ctypes.c_int64,
        ctypes.c_void_p,
        ctypes.c_int64,
    ]
