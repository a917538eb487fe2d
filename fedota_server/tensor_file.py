"""Arrays in a safetensors file: written durably, read into the form in which they travel."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from safetensors import SafetensorError, TensorSpec, serialize_file

from fedota_proto.npy import NUMPY_STYPE, dtype_of, npy_prefix, npy_view
from fedota_proto.records import ArrayBytes, Arrays

TEMPORARY_SUFFIX = ".tmp"
ORDER_KEY = "fedota.order"
DIGESTS_KEY = "fedota.sha256"

_DTYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}
_HEADER_MAX_BYTES = 100_000_000

Tensor = ArrayBytes | np.ndarray[Any, Any]


def write_tensors(
    path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None
) -> None:
    """Write a file beside, wait until it is on the disk, and rename it into place.

    The rename survives a crash once the caller has synced the folder.

    Parameters
    ----------
    path
        Replaced whole if it is there.
    tensors
        Floating-point arrays of any shape, by name. Nothing is copied.
    metadata
        Texts to keep beside them; the order and each array's digest are added.

    Raises
    ------
    OSError
        If it cannot be written; `path` is then as before.
    """
    views = {name: _view(tensor) for name, tensor in tensors.items()}
    digests = {name: _digest(_flat(view).data) for name, (view, _) in views.items()}
    texts = {
        **(metadata or {}),
        ORDER_KEY: json.dumps(list(tensors)),
        DIGESTS_KEY: json.dumps(digests),
    }
    specs = {
        name: TensorSpec(
            dtype=dtype, shape=list(view.shape), data_ptr=view.ctypes.data, data_len=view.nbytes
        )
        for name, (view, dtype) in views.items()
    }
    beside = path.with_name(f".{path.name}{TEMPORARY_SUFFIX}")
    try:
        serialize_file(specs, beside, metadata=texts)
        fd = os.open(beside, os.O_RDWR)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
        os.replace(beside, path)
    except SafetensorError as error:
        raise OSError(f"{path.name} cannot be written: {error}") from error
    finally:
        with suppress(FileNotFoundError):
            beside.unlink()


def fsync_folder(folder: Path) -> None:
    """Make a folder's entries (new, renamed and removed files) survive a crash.

    Parameters
    ----------
    folder
        An existing one.

    Raises
    ------
    OSError
        If it cannot be opened or synced.
    """
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def read_tensors(path: Path) -> tuple[Arrays, dict[str, str]]:
    """Read a whole file, each array as the bytes that Flower's ``Array`` holds.

    Parameters
    ----------
    path
        Written by `write_tensors`, or by anyone in the safetensors format.

    Returns
    -------
    tuple of Arrays and dict
        In the order in which they were written where the file says so, else in the file's; and
        the file's metadata.

    Raises
    ------
    ValueError
        If it is malformed, truncated, or an array is not as it was written.
    OSError
        If it cannot be read.
    """
    with path.open("rb") as file:
        entries, metadata, start = _read_header(file)
        digests = _json_object(metadata.get(DIGESTS_KEY, "{}"))
        arrays: Arrays = {}
        for name in _order(metadata, entries):
            dtype, shape, begin, end = entries[name]
            file.seek(start + begin)
            elements = file.read(end - begin)
            if len(elements) != end - begin:
                raise ValueError(f"{name} is cut off")
            if name in digests and _digest(elements) != digests[name]:
                raise ValueError(f"{name} is not as it was written")
            data = b"".join((npy_prefix(dtype_of(dtype), shape), elements))
            arrays[name] = ArrayBytes(dtype, shape, NUMPY_STYPE, data)
    return arrays, metadata


def read_metadata(path: Path) -> dict[str, str]:
    """Read a file's metadata alone.

    Parameters
    ----------
    path
        As in `read_tensors`.

    Returns
    -------
    dict of str to str
        Empty where the file has none.

    Raises
    ------
    ValueError
        If the header is malformed.
    OSError
        If it cannot be read.
    """
    with path.open("rb") as file:
        return _read_header(file)[1]


Entry = tuple[str, tuple[int, ...], int, int]


def _read_header(file: BinaryIO) -> tuple[dict[str, Entry], dict[str, str], int]:
    size_bytes = os.fstat(file.fileno()).st_size
    length = int.from_bytes(file.read(8), "little")
    start = 8 + length
    if not 2 <= length <= _HEADER_MAX_BYTES or start > size_bytes:
        raise ValueError("the file has no safetensors header")
    header = _json_object(file.read(length))
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise ValueError("the file's metadata are malformed")
    entries = {name: _entry(name, entry) for name, entry in header.items()}
    at = 0
    for _, _, begin, end in sorted(entries.values(), key=lambda entry: entry[2:]):
        if begin != at:
            raise ValueError("the arrays overlap or leave gaps")
        at = end
    if start + at != size_bytes:
        raise ValueError(f"the file has {size_bytes} bytes, its header implies {start + at}")
    return entries, metadata, start


def _entry(name: str, entry: Any) -> Entry:
    try:
        dtype = _DTYPES[entry["dtype"]]
        shape = tuple(int(size) for size in entry["shape"])
        begin, end = (int(offset) for offset in entry["data_offsets"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"the header of {name} is malformed: {error!r}") from error
    if min((0, begin, *shape)) < 0 or end - begin != math.prod(shape) * dtype_of(dtype).itemsize:
        raise ValueError(f"the header of {name} does not fit its size")
    return dtype, shape, begin, end


def _order(metadata: Mapping[str, str], entries: Mapping[str, Entry]) -> Iterable[str]:
    if ORDER_KEY not in metadata:
        return sorted(entries, key=lambda name: entries[name][2:])
    order = json.loads(metadata[ORDER_KEY])
    if not isinstance(order, list) or sorted(order) != sorted(entries):
        raise ValueError("the file does not hold the arrays that it names")
    return order


def _json_object(text: str | bytes) -> dict[str, Any]:
    document = json.loads(text)
    if not isinstance(document, dict):
        raise ValueError("the header is no JSON object")  # noqa: TRY004
    return document


def _view(tensor: Tensor) -> tuple[np.ndarray[Any, Any], str]:
    if isinstance(tensor, ArrayBytes):
        return np.asarray(npy_view(tensor), order="C"), tensor.dtype
    return np.asarray(tensor, order="C"), tensor.dtype.name


def _flat(view: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return view.reshape(-1).view(np.uint8) if view.size else np.empty(0, np.uint8)


def _digest(data: bytes | memoryview) -> str:
    return hashlib.sha256(data).hexdigest()
