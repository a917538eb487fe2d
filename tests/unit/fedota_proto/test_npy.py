"""The .npy parser accepts what numpy writes, agrees with numpy on it, and refuses all else."""

from __future__ import annotations

import io
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from fedota_proto.errors import StreamError
from fedota_proto.npy import dtype_of, elements, npy_bytes, npy_header, npy_view
from fedota_proto.records import ArrayBytes

PLAIN = st.sampled_from(["?", "i1", "u2", "<i4", ">i4", "<f2", "<f4", ">f4", "<f8", "<c8", "S3"])
SHAPES = st_numpy.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
ARRAYS = PLAIN.flatmap(lambda dtype: st_numpy.arrays(dtype, SHAPES))


def saved(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, array, allow_pickle=False)
    return out.getvalue()


def numpys_header(data: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(file)
    return np.lib.format.read_array_header_2_0(file)


@given(ARRAYS, st.booleans())
def test_agrees_with_numpy_on_what_numpy_writes(array: np.ndarray, fortran: bool) -> None:
    data = saved(np.asfortranarray(array) if fortran and array.ndim else array)
    header = npy_header(data)
    assert (header.shape, header.fortran_order, header.dtype) == numpys_header(data)
    assert header.size_bytes == len(data)
    got = elements(data, header)
    assert got.tobytes() == np.load(io.BytesIO(data)).tobytes()
    assert not got.flags.writeable


@given(ARRAYS)
def test_writes_what_np_save_writes_in_c_order_and_little_endian(array: np.ndarray) -> None:
    little = array.dtype.newbyteorder("<")
    assert npy_bytes(array) == saved(np.array(array, little, order="C"))
    assert npy_bytes(array.T) == saved(np.array(array.T, little, order="C"))


def test_writes_version_2_no_differently_read() -> None:
    out = io.BytesIO()
    np.lib.format.write_array(out, np.arange(6, dtype="<f4").reshape(2, 3), version=(2, 0))
    header = npy_header(out.getvalue())
    assert (header.shape, header.dtype.str, header.fortran_order) == ((2, 3), "<f4", False)


@given(st.binary(max_size=200))
def test_refuses_garbage(data: bytes) -> None:
    with pytest.raises(StreamError):
        npy_header(data)


@given(st.binary(max_size=160))
def test_refuses_garbage_behind_the_magic(data: bytes) -> None:
    with pytest.raises(StreamError):
        npy_header(b"\x93NUMPY\x01\x00" + len(data).to_bytes(2, "little") + data)


@settings(max_examples=300)
@given(ARRAYS, st.integers(0, 200), st.integers(0, 255), st.integers(0, 200))
def test_a_damaged_header_is_refused_or_means_what_it_means_to_numpy(
    array: np.ndarray, place: int, byte: int, cut: int
) -> None:
    data = bytearray(saved(array))
    if place < len(data):
        data[place] = byte
    damaged = bytes(data[: len(data) - cut] if cut < 100 else data)
    try:
        header = npy_header(damaged)
        got = elements(damaged, header)
    except StreamError:
        return
    assert (header.shape, header.fortran_order, header.dtype) == numpys_header(damaged)
    assert got.tobytes() == np.load(io.BytesIO(damaged)).tobytes()


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (3), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (03,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-3,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 2), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 4611686018427387904, 9), }",
        "{'descr': '<f4', 'fortran_order': 0, 'shape': (3,), }",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3,), }",
        "{'descr': '<f3', 'fortran_order': False, 'shape': (3,), }",
        "{'descr': '|V0', 'fortran_order': False, 'shape': (3,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (" + "1, " * 65 + "), }",
        "__import__('os').getcwd()",
    ],
)
def test_refuses_headers_that_no_plain_array_has(header: str) -> None:
    data = header.encode()
    with pytest.raises(StreamError):
        npy_header(b"\x93NUMPY\x01\x00" + len(data).to_bytes(2, "little") + data + bytes(64))


def test_refuses_a_header_longer_than_allowed() -> None:
    data = b"\x93NUMPY\x02\x00" + (20_000).to_bytes(4, "little") + b" " * 20_000
    with pytest.raises(StreamError, match="longer"):
        npy_header(data)


def test_view_shares_memory_and_holds_the_declaration_against_the_header() -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    data = bytearray(npy_bytes(array))
    view = npy_view(ArrayBytes("float32", (2, 3), "numpy.ndarray", data))
    assert np.shares_memory(view, np.frombuffer(data, np.uint8))
    np.testing.assert_array_equal(view, array)
    for dtype, shape in (("float64", (2, 3)), ("float32", (3, 2)), ("no such", (2, 3))):
        with pytest.raises(StreamError):
            npy_view(ArrayBytes(dtype, shape, "numpy.ndarray", data))
    with pytest.raises(StreamError, match="bytes"):
        npy_view(ArrayBytes("float32", (2, 3), "numpy.ndarray", bytes(data) + b"\0"))


def test_bfloat16_is_written_as_numpy_writes_it() -> None:
    array = np.array([1.5, -2.0], ml_dtypes.bfloat16)
    data = npy_bytes(array)
    assert np.load(io.BytesIO(data)).view(ml_dtypes.bfloat16).tolist() == [1.5, -2.0]
    made = ArrayBytes.from_numpy(array)
    assert made.dtype == "bfloat16"
    assert npy_view(made).view(ml_dtypes.bfloat16).tolist() == [1.5, -2.0]


@pytest.mark.parametrize("array", [np.array([None]), np.zeros(2, [("a", "<f4")])])
def test_refuses_to_write_objects_and_fields(array: np.ndarray) -> None:
    with pytest.raises(StreamError):
        npy_bytes(array)


@given(st.text(max_size=12))
def test_a_dtype_name_is_known_or_refused(name: str) -> None:
    try:
        dtype = dtype_of(name)
    except StreamError:
        return
    assert dtype.isnative
    assert not dtype.hasobject
