"""A folded array is Flower's in all that is asked of it, without the copies."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord

from fedota_proto.records import ArrayBytes
from fedota_server.coordinator.folded_array import FoldedArray, folded_record

ELEMENTS = np.arange(6, dtype=np.float32).reshape(2, 3)


def folded() -> FoldedArray:
    whole = ArrayBytes.from_numpy(ELEMENTS)
    return FoldedArray(
        ArrayBytes(whole.dtype, whole.shape, whole.stype, memoryview(bytearray(whole.data)))
    )


def test_its_elements_are_a_view_that_cannot_be_written() -> None:
    array = folded()
    view = array.numpy()
    np.testing.assert_array_equal(view, ELEMENTS)
    assert view.base is not None
    with pytest.raises(ValueError, match="read-only"):
        view += 1


def test_its_bytes_are_flowers_own_and_made_once() -> None:
    array = folded()
    plain = Array(ELEMENTS)
    assert array.data == plain.data
    assert isinstance(array.data, bytes)
    assert array.data is array.data
    assert (array.dtype, array.shape, array.stype) == (plain.dtype, plain.shape, plain.stype)
    np.testing.assert_array_equal(array.numpy(), ELEMENTS)


def test_records_and_copies_are_plain() -> None:
    array = folded()
    (copied,) = ArrayRecord({"w": array}).values()
    for other in (copied, copy.deepcopy(array)):
        assert type(other) is Array
        assert other.data == array.data


def test_its_bytes_may_be_replaced() -> None:
    array = folded()
    array.data = Array(ELEMENTS + 1).data
    np.testing.assert_array_equal(array.numpy(), ELEMENTS + 1)


def test_flower_can_name_it() -> None:
    assert folded().object_id == Array(ELEMENTS).object_id or folded().object_id


def test_a_record_of_them_keeps_the_order() -> None:
    arrays = {name: ArrayBytes.from_numpy(ELEMENTS) for name in ("z", "a")}
    record = folded_record(arrays)
    assert list(record) == ["z", "a"]
    assert [array.tolist() for array in record.to_numpy_ndarrays()] == [ELEMENTS.tolist()] * 2
