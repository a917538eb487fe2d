"""model.weights.h5 without Keras: opened only through the walk, read and written by array."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO

import h5py
import numpy as np

from fedota_proto.errors import ModelFileError
from fedota_proto.model_limits import ModelLimits
from fedota_proto.model_weights_walk import StoredArray, WeightsWalk, refuse_weights
from fedota_proto.toml_reader import shown


@contextmanager
def open_weights(
    file: BinaryIO,
    limits: ModelLimits,
    *,
    layer_groups: frozenset[str] | None = None,
    writable: bool = False,
) -> Iterator[tuple[Any, tuple[StoredArray, ...]]]:
    """Open model.weights.h5 and walk it; only then its values may be read.

    Parameters
    ----------
    file
        The unpacked member.
    limits
        How large it may be.
    layer_groups
        Names that may stand under ``layers/``; None: any.
    writable
        Whether values may be written.

    Yields
    ------
    h5py.File, tuple of StoredArray
        The open file and its federated arrays.

    Raises
    ------
    ModelFileError
        If anything in it is not what Keras writes.
    """
    try:
        opened = h5py.File(file, "r+" if writable else "r")
    except (OSError, RuntimeError, ValueError, KeyError):
        refuse_weights("", "is damaged")
    with opened:
        try:
            arrays = WeightsWalk(limits, layer_groups).walk(opened.id)
        except (OSError, RuntimeError, ValueError, KeyError, TypeError):
            refuse_weights("", "is damaged")
        yield opened, arrays


def read_array(file: Any, array: StoredArray) -> np.ndarray:
    """Read the values of one array that the walk has found.

    Parameters
    ----------
    file
        The open h5py.File.
    array
        Which.

    Returns
    -------
    ndarray
        C order, little-endian, with `array`'s dtype and shape.

    Raises
    ------
    ModelFileError
        If the values cannot be unpacked.
    """
    values = np.empty(array.shape, array.dtype)
    try:
        file[array.name].read_direct(values)
    except (OSError, RuntimeError, ValueError):
        refuse_weights(array.name, "is damaged")
    return values


def write_arrays(
    file: Any, arrays: tuple[StoredArray, ...], values: Mapping[str, np.ndarray]
) -> None:
    """Overwrite the values of all federated arrays.

    Parameters
    ----------
    file
        The open, writable h5py.File.
    arrays
        As the walk found them.
    values
        By name; exactly these arrays, with their dtypes and shapes.

    Raises
    ------
    ModelFileError
        If a name, dtype or shape differs; nothing is then written.
    """
    names = {array.name for array in arrays}
    for name in sorted(names ^ set(values)):
        whose = "the given weights lack" if name in names else "the model file lacks"
        raise ModelFileError(f"{whose} the array {shown(name)}", place=name)
    for array in arrays:
        given = values[array.name]
        if given.dtype != np.dtype(array.dtype) or given.shape != array.shape:
            raise ModelFileError(
                f"the given weights have {array.name} as {given.dtype}{list(given.shape)}, the "
                f"model file has it as {array.dtype}{list(array.shape)}",
                place=array.name,
            )
    for array in arrays:
        file[array.name][...] = values[array.name]
