"""The files of jobs: every dtype and shape comes back as it was."""

from __future__ import annotations

from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from fedota_client.jobs.files import read_arrays, write_arrays
from fedota_proto.errors import FolderError


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int64", "uint8", "bool"])
@pytest.mark.parametrize("shape", [(), (1,), (0,), (3, 2)])
def test_what_is_written_is_read(tmp_path: Path, dtype: str, shape: tuple[int, ...]) -> None:
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)
    write_arrays(tmp_path / "a.safetensors", {"layers/x": array})
    read = read_arrays(tmp_path / "a.safetensors")["layers/x"]
    assert (read.dtype, read.shape) == (array.dtype, shape)
    assert (read == array).all()


@pytest.mark.parametrize("shape", [(), (2, 2)])
def test_bfloat16_is_void_of_two_bytes(tmp_path: Path, shape: tuple[int, ...]) -> None:
    array = np.full(shape, 1.5).astype(ml_dtypes.bfloat16)
    for one in (array, np.asarray(array).view("V2")):
        write_arrays(tmp_path / "a.safetensors", {"x": one})
        read = read_arrays(tmp_path / "a.safetensors")["x"]
        assert (read.dtype, read.shape) == (np.dtype("V2"), shape)
        assert (read.view(ml_dtypes.bfloat16) == array).all()


def test_order_and_byte_order_are_plain_in_the_file(tmp_path: Path) -> None:
    array = np.arange(6, dtype=">f4").reshape(2, 3).T
    write_arrays(tmp_path / "a.safetensors", {"x": array})
    read = read_arrays(tmp_path / "a.safetensors")["x"]
    assert read.dtype == np.dtype("<f4")
    assert (read == array).all()


def test_no_safetensors_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    with pytest.raises(FolderError, match="cannot be read"):
        read_arrays(path)
    path.write_bytes(b"\x08")
    with pytest.raises(FolderError, match="safetensors"):
        read_arrays(path)
