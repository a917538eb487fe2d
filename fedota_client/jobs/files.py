"""What every job reads and writes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, TensorSpec, deserialize, serialize_file

from fedota_client.whole_file import whole_file
from fedota_proto.errors import FolderError

# Safetensors makes files that only their owner reads; the servers may run as somebody else.
FILE_MODE = 0o644
# bfloat16, which numpy lacks, is void of two bytes here, as everywhere in Fedota.
_VOID16 = np.dtype("V2")
_DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "V2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "|i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "|u1",
    "BOOL": "|b1",
}


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays as safetensors, beside and renamed.

    Parameters
    ----------
    path
        Replaced if it is there; its folder is made.
    arrays
        By name, of any shape; void of two bytes is written as bfloat16.

    Raises
    ------
    FolderError
        If the file cannot be written.
    """
    plain = {name: _plain(array) for name, array in arrays.items()}
    specs = {
        name: TensorSpec(
            dtype="bfloat16" if array.dtype == _VOID16 else array.dtype.name,
            shape=list(array.shape),
            data_ptr=array.ctypes.data,
            data_len=array.nbytes,
        )
        for name, array in plain.items()
    }
    _write(path, lambda beside: serialize_file(specs, str(beside)))


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read a safetensors file.

    Returns
    -------
    dict
        Arrays by name; bfloat16 as void of two bytes.

    Raises
    ------
    FolderError
        If it cannot be read, or is none.
    """
    try:
        return {
            name: np.frombuffer(tensor["data"], _DTYPES[tensor["dtype"]]).reshape(tensor["shape"])
            for name, tensor in deserialize(path.read_bytes())  # type: ignore[no-untyped-call]
        }
    except (OSError, SafetensorError, KeyError) as error:
        raise FolderError(
            f"{path} cannot be read as a safetensors file ({error}); name one that a coordinator "
            "or a job wrote."
        ) from error


def _plain(array: np.ndarray) -> np.ndarray:
    """Return the array in C order and little-endian, as files hold it."""
    return np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write a JSON object, beside and renamed.

    Raises
    ------
    FolderError
        If the file cannot be written.
    """
    text = json.dumps(document, indent=2) + "\n"
    _write(path, lambda beside: beside.write_text(text, encoding="utf-8"))


def write_text(path: Path, text: str) -> None:
    """Write a text, beside and renamed.

    Raises
    ------
    FolderError
        If the file cannot be written.
    """
    _write(path, lambda beside: beside.write_text(text, encoding="utf-8"))


def _write(path: Path, write: Callable[[Path], object]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as beside:
            write(beside)
            beside.chmod(FILE_MODE)
    except (OSError, SafetensorError) as error:
        raise FolderError(f"{path} cannot be written: {error}.") from error
