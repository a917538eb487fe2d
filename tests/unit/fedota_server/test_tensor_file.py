"""Safetensors files: other people's can be read, and ours by other people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.numpy import load_file, save_file

from fedota_proto.npy import npy_view
from fedota_proto.records import ArrayBytes
from fedota_server.tensor_file import read_metadata, read_tensors, write_tensors

ARRAYS: dict[str, Any] = {
    "z": np.arange(6, dtype=np.float32).reshape(2, 3),
    "a": np.array(1.5, np.float64),
    "empty": np.zeros((0, 4), np.float16),
    "half": np.array([1, 2, 3], np.float16),
}


def test_reads_back_in_order_with_metadata(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    write_tensors(path, ARRAYS, {"note": "hello"})

    arrays, metadata = read_tensors(path)

    assert list(arrays) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert arrays[name] == ArrayBytes.from_numpy(array)
        assert isinstance(arrays[name].data, bytes)
    assert metadata["note"] == "hello"
    assert read_metadata(path) == metadata


def test_leaves_nothing_beside(tmp_path: Path) -> None:
    write_tensors(tmp_path / "x.safetensors", ARRAYS)

    assert [p.name for p in tmp_path.iterdir()] == ["x.safetensors"]


def test_what_travelled_is_written_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    travelled = {name: ArrayBytes.from_numpy(array) for name, array in ARRAYS.items()}

    write_tensors(path, travelled)

    assert read_tensors(path)[0] == travelled


def test_the_library_reads_ours(tmp_path: Path) -> None:
    write_tensors(tmp_path / "x.safetensors", ARRAYS)

    found = load_file(tmp_path / "x.safetensors")

    assert found.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype


def test_reads_the_librarys(tmp_path: Path) -> None:
    save_file(ARRAYS, tmp_path / "x.safetensors", metadata={"a": "b"})

    arrays, metadata = read_tensors(tmp_path / "x.safetensors")

    assert metadata == {"a": "b"}
    assert {n: npy_view(a).tolist() for n, a in arrays.items()} == {
        n: a.tolist() for n, a in ARRAYS.items()
    }


def test_bfloat16_needs_no_library_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    bits = np.array([[0x3F80, 0x4000, 0xBF80]], "<u2")
    data = ArrayBytes.from_numpy(bits.view("V2")).data
    array = ArrayBytes("bfloat16", (1, 3), "numpy.ndarray", data)

    write_tensors(path, {"w": array})

    assert read_tensors(path)[0] == {"w": array}
    assert b'"BF16"' in path.read_bytes()


def test_fortran_order_is_straightened(tmp_path: Path) -> None:
    values = np.arange(6, dtype=np.float32).reshape(2, 3)

    write_tensors(tmp_path / "x.safetensors", {"w": np.asfortranarray(values)})

    np.testing.assert_array_equal(
        npy_view(read_tensors(tmp_path / "x.safetensors")[0]["w"]), values
    )


@pytest.mark.parametrize("cut", [0, 4, 8, 20, 200, -1])
def test_a_truncated_file_is_refused(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "x.safetensors"
    write_tensors(path, ARRAYS)
    path.write_bytes(path.read_bytes()[:cut])

    with pytest.raises(ValueError):
        read_tensors(path)


def test_a_changed_bit_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    write_tensors(path, ARRAYS)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)

    with pytest.raises(ValueError, match="not as it was written"):
        read_tensors(path)


@pytest.mark.parametrize(
    "header",
    [
        [],
        {"w": 1},
        {"w": {"dtype": "I64", "shape": [1], "data_offsets": [0, 8]}},
        {"w": {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}},
        {"w": {"dtype": "F32", "shape": [-2], "data_offsets": [8, 0]}},
        {"w": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}},
        {
            "w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
            "v": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]},
        },
        {
            "__metadata__": {"fedota.order": '["v"]'},
            "w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
        },
        {
            "__metadata__": {"note": 1},
            "w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
        },
    ],
)
def test_a_malformed_header_is_refused(tmp_path: Path, header: Any) -> None:
    text = json.dumps(header).encode()
    path = tmp_path / "x.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(8))

    with pytest.raises(ValueError):
        read_tensors(path)


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.safetensors"
    write_tensors(path, ARRAYS)
    before = path.read_bytes()

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_tensors(path, {"w": np.zeros(3, np.float32)})

    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["x.safetensors"]


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.dictionaries(
        st.text(min_size=1, max_size=20).filter(lambda t: t != "__metadata__" and t.isprintable()),
        hnp.arrays(
            st.sampled_from([np.float16, np.float32, np.float64]),
            hnp.array_shapes(min_dims=0, min_side=0, max_side=4),
        ),
        max_size=5,
    )
)
def test_any_arrays_come_back_to_the_bit(tmp_path: Path, tensors: dict[str, Any]) -> None:
    path = tmp_path / "any.safetensors"
    write_tensors(path, tensors)

    arrays, _ = read_tensors(path)

    assert list(arrays) == list(tensors)
    assert {n: (a.dtype, a.shape, npy_view(a).tobytes()) for n, a in arrays.items()} == {
        n: (a.dtype.name, a.shape, a.tobytes()) for n, a in tensors.items()
    }
