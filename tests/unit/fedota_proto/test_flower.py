"""Flower's records become ours and theirs again without a byte changed."""

from __future__ import annotations

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, ConfigRecord, MetricRecord, RecordDict
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from fedota_proto.errors import StreamError
from fedota_proto.flower import records_from_flower, records_to_flower
from fedota_proto.records import ArrayBytes, PayloadReader, Records, to_payload

NAMES = st.text(max_size=5)
INTS = st.integers(-(2**63), 2**63 - 1)
FLOATS = st.floats(allow_nan=False)
NUMBERS = st.one_of(
    INTS, FLOATS, st.integers(2**63, 2**64 - 1), st.lists(FLOATS, max_size=3), st.lists(INTS)
)
VALUES = st.one_of(
    NUMBERS, st.booleans(), st.text(), st.binary(), st.lists(st.text()), st.lists(st.binary())
)
NUMPY = st.sampled_from(["f2", "f4", "f8", "i4", "?"]).flatmap(
    lambda dtype: st_numpy.arrays(dtype, st_numpy.array_shapes(min_dims=0, min_side=0, max_side=4))
)
OPAQUE = st.builds(
    lambda shape, data: Array("float32", tuple(shape), "their.own", data),
    st.lists(st.integers(0, 9), max_size=3),
    st.binary(max_size=40),
)


@st.composite
def contents(draw: st.DrawFn) -> RecordDict:
    content = RecordDict()
    for name in draw(st.lists(NAMES, unique=True, max_size=4)):
        kind = draw(st.sampled_from(["arrays", "metrics", "config"]))
        if kind == "arrays":
            record = ArrayRecord()
            for key in draw(st.lists(NAMES, unique=True, max_size=3)):
                record[key] = draw(st.one_of(NUMPY.map(Array), OPAQUE))
            content[name] = record
        elif kind == "metrics":
            content[name] = MetricRecord(draw(st.dictionaries(NAMES, NUMBERS, max_size=3)))
        else:
            content[name] = ConfigRecord(draw(st.dictionaries(NAMES, VALUES, max_size=3)))
    return content


def plain(content: RecordDict) -> list[object]:
    return [
        (name, type(record), [(k, type(v), v, repr(v)) for k, v in record.items()])
        for name, record in content.items()
    ]


@given(contents())
def test_round_trip_shares_every_byte(content: RecordDict) -> None:
    records = records_from_flower(content)
    back = records_to_flower(records)
    assert plain(back) == plain(content)
    assert back.object_id == content.object_id
    for name, record in content.array_records.items():
        for key, array in record.items():
            assert records.arrays[name][key].data is array.data
            assert back.array_records[name][key].data is array.data


@given(contents())
def test_round_trip_over_the_wire(content: RecordDict) -> None:
    payload, stream = to_payload(records_from_flower(content), chunk_bytes=64, inline_bytes=0)
    reader = PayloadReader(payload)
    for chunk in stream:
        reader.feed(chunk)
    records = reader.finish()
    assert plain(records_to_flower(records)) == plain(content)
    viewed = records_to_flower(records, views=True)
    for name, record in content.array_records.items():
        for key, array in record.items():
            got = viewed.array_records[name][key]
            assert got.data == array.data
            assert isinstance(got.data, memoryview)


@given(NUMPY)
def test_flower_reads_our_arrays_as_numpy_wrote_them(array: np.ndarray) -> None:
    made = ArrayBytes.from_numpy(array)
    assert (
        made
        == records_from_flower(RecordDict({"a": ArrayRecord({"x": Array(array)})})).arrays["a"]["x"]
    )
    for views in (False, True):
        data = memoryview(made.data) if views else made.data
        records = Records(arrays={"a": {"x": ArrayBytes(made.dtype, made.shape, made.stype, data)}})
        got = records_to_flower(records, views=views).array_records["a"]["x"].numpy()
        assert got.dtype == array.dtype
        assert got.tobytes() == array.tobytes()


def test_apps_may_copy_the_records_that_they_get() -> None:
    data = memoryview(bytearray(b"x" * 9))
    records = Records(arrays={"a": {"x": ArrayBytes("int8", (9,), "their.own", data)}})
    record = records_to_flower(records).array_records["a"]
    assert ArrayRecord(dict(record))["x"].data == b"x" * 9


def test_a_tuple_becomes_the_list_that_flower_asks_for() -> None:
    content = records_to_flower(Records(config={"c": {"k": (1, 2)}}))
    assert content.config_records["c"]["k"] == [1, 2]


@pytest.mark.parametrize(
    "records",
    [
        Records(arrays={"a": {}}, config={"a": {}}),
        Records(metrics={"m": {"loss": "low"}}),
        Records(config={"c": {"k": [1, "a"]}}),  # type: ignore[dict-item]
    ],
)
def test_what_flower_does_not_know_is_refused(records: Records) -> None:
    with pytest.raises(StreamError):
        records_to_flower(records)
