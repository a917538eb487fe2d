"""What every job reads and writes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from fedota_proto.errors import FolderError

# Safetensors makes files that only their owner reads; the servers may run as somebody else.
FILE_MODE = 0o644


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays as safetensors, beside and renamed.

    Parameters
    ----------
    path
        Replaced if it is there; its folder is made.
    arrays
        By name.

    Raises
    ------
    FolderError
        If the file cannot be written.
    """
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    _write(path, lambda beside: save_file(contiguous, str(beside)))


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read a safetensors file.

    Raises
    ------
    FolderError
        If it cannot be read, or is none.
    """
    try:
        return load_file(str(path))
    except (OSError, SafetensorError) as error:
        raise FolderError(
            f"{path} cannot be read as a safetensors file ({error}); name one that a coordinator "
            "or a job wrote."
        ) from error


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
    beside = path.with_name(path.name + ".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(beside)
        beside.chmod(FILE_MODE)
        os.replace(beside, path)
    except (OSError, SafetensorError) as error:
        raise FolderError(f"{path} cannot be written: {error}.") from error
