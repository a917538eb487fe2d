"""Records pass through payloads and chunks unchanged; whatever is malformed is refused."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Iterable

import numpy as np
import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from fedota_proto.errors import StreamError
from fedota_proto.records import (
    ArrayBytes,
    PayloadReader,
    Records,
    npy_view,
    records_from_table,
    table_of,
    to_payload,
)
from fedota_proto.v1 import fl_records_pb2 as pb

NAMES = st.text(max_size=6)
FLOATS = st.floats(allow_nan=False)
INTS = st.integers(-(2**63), 2**64 - 1)
NUMBERS = st.one_of(
    FLOATS,
    INTS,
    st.lists(FLOATS, max_size=4),
    st.lists(st.integers(-(2**63), 2**63 - 1), max_size=4),
    st.lists(st.integers(0, 2**64 - 1), max_size=4),
)
OTHERS = st.one_of(st.booleans(), st.text(max_size=6), st.binary(max_size=6))
LISTS = [st.lists(kind, max_size=3) for kind in (st.booleans(), st.text(), st.binary(max_size=3))]
VALUES = st.one_of(NUMBERS, OTHERS, *LISTS)
NUMPY_ARRAYS = st.sampled_from(["f2", "f4", "f8", "i1", "?"]).flatmap(
    lambda dtype: st_numpy.arrays(dtype, st_numpy.array_shapes(min_dims=0, min_side=0, max_side=4))
)
OPAQUE_ARRAYS = st.builds(
    ArrayBytes,
    st.text(max_size=4),
    st.lists(st.integers(0, 2**20), max_size=3).map(tuple),
    st.sampled_from(["numpy.ndarray", "their.own"]),
    st.binary(max_size=300),
)
ARRAYS = st.one_of(NUMPY_ARRAYS.map(ArrayBytes.from_numpy), OPAQUE_ARRAYS)


@st.composite
def records_of_all_kinds(draw: st.DrawFn) -> Records:
    names = draw(st.lists(NAMES, unique=True, max_size=4))
    records = Records(order=list(names))
    for name in draw(st.permutations(names)):
        kind = draw(st.sampled_from(["arrays", "metrics", "config"]))
        if kind == "arrays":
            records.arrays[name] = draw(st.dictionaries(NAMES, ARRAYS, max_size=3))
        elif kind == "metrics":
            records.metrics[name] = draw(st.dictionaries(NAMES, NUMBERS, max_size=3))
        else:
            records.config[name] = draw(st.dictionaries(NAMES, VALUES, max_size=3))
    return records


def plain(records: Records) -> list[object]:
    """Everything that must survive: names, order, types, bytes."""
    out: list[object] = [records.names()]
    for name in records.names():
        for array_name, array in records.arrays.get(name, {}).items():
            out.append((name, array_name, array.dtype, array.shape, array.stype, bytes(array.data)))
        for entries in (records.metrics.get(name, {}), records.config.get(name, {})):
            for key, value in entries.items():
                types = [type(v) for v in value] if isinstance(value, list) else type(value)
                out.append((name, key, value, types))
    return out


def read(payload: pb.Payload, stream: Iterable[bytes | memoryview]) -> Records:
    reader = PayloadReader(payload, max_bytes=1 << 20)
    for chunk in stream:
        reader.feed(chunk)
    return reader.finish()


def one_array(size: int = 100) -> Records:
    array = ArrayBytes("uint8", (size,), "their.own", bytes(range(size)))
    return Records(arrays={"arrays": {"a": array}})


@given(records_of_all_kinds(), st.integers(1, 400), st.sampled_from([0, 50, 1 << 16]))
def test_round_trip(records: Records, chunk_bytes: int, inline_bytes: int) -> None:
    payload, stream = to_payload(records, chunk_bytes=chunk_bytes, inline_bytes=inline_bytes)
    chunks = [bytes(chunk) for chunk in stream]
    assert all(len(chunk) == chunk_bytes for chunk in chunks[:-1])
    assert payload.data == b"" or not chunks
    assert sum(map(len, chunks)) + len(payload.data) == records.size_bytes()
    assert plain(read(pb.Payload.FromString(payload.SerializeToString()), chunks)) == plain(records)


@given(records_of_all_kinds(), st.data())
def test_arrays_that_the_receiver_has_do_not_travel(records: Records, data: st.DataObject) -> None:
    arrays = list(records.all_arrays())
    held = [array for array in arrays if data.draw(st.booleans())]
    known = {array.digest(): array for array in held}
    payload, stream = to_payload(records, have=known.keys(), inline_bytes=0)
    try:
        reader = PayloadReader(payload, known=known)
    except StreamError:
        # equal bytes under two descriptions: the one that is held is not the one that is meant
        assert len({array.digest() for array in held}) < len(held)
        return
    assert reader.size_bytes == sum(a.size_bytes for a in arrays if a.sha256 not in known)
    for chunk in stream:
        reader.feed(chunk)
    assert plain(reader.finish()) == plain(records)


@given(records_of_all_kinds(), st.data())
def test_a_stream_of_another_length_is_refused(records: Records, data: st.DataObject) -> None:
    payload, stream = to_payload(records, inline_bytes=0)
    whole = b"".join(stream)
    cut = data.draw(st.integers(0, len(whole)))
    reader = PayloadReader(payload)
    reader.feed(whole[:cut])
    assert reader.missing_bytes == len(whole) - cut
    if cut < len(whole):
        with pytest.raises(StreamError, match="ended early"):
            reader.finish()
    with pytest.raises(StreamError, match="More bytes"):
        reader.feed(whole[cut:] + b"x")


@settings(max_examples=400)
@given(records_of_all_kinds(), st.data())
def test_a_mutated_payload_is_refused_or_is_that_of_other_records(
    records: Records, data: st.DataObject
) -> None:
    payload, stream = to_payload(records, inline_bytes=data.draw(st.sampled_from([0, 1 << 16])))
    chunks = [bytes(chunk) for chunk in stream]
    raw = bytearray(payload.SerializeToString())
    if raw:
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        mutated = pb.Payload.FromString(bytes(raw[: data.draw(st.integers(0, len(raw)))]))
        got = read(mutated, chunks)
    except (DecodeError, StreamError):
        return
    again = records_from_table(table_of(got), [array.data for array in got.all_arrays()])
    assert repr(plain(again)) == repr(plain(got))
    assert got.size_bytes() == len(mutated.data) + sum(map(len, chunks))


def _array_table(payload: pb.Payload) -> pb.ArrayTable:
    return payload.records[0].arrays


def _no_kind(payload: pb.Payload) -> None:
    payload.records.add(name="x")


def _two_records(payload: pb.Payload) -> None:
    payload.records.append(payload.records[0])


def _two_arrays(payload: pb.Payload) -> None:
    _array_table(payload).arrays.append(_array_table(payload).arrays[0])


def _follows_beyond(payload: pb.Payload) -> None:
    payload.follows.append(1)


def _follows_twice(payload: pb.Payload) -> None:
    payload.follows.append(0)


def _follows_not(payload: pb.Payload) -> None:
    del payload.follows[:]
    _array_table(payload).arrays[0].sha256 = bytes(32)


def _short_digest(payload: pb.Payload) -> None:
    _array_table(payload).arrays[0].sha256 = b"12345"


def _huge_shape(payload: pb.Payload) -> None:
    _array_table(payload).arrays[0].shape.extend([2**40, 2**40])


def _many_axes(payload: pb.Payload) -> None:
    _array_table(payload).arrays[0].shape.extend([1] * 65)


def _huge_size(payload: pb.Payload) -> None:
    _array_table(payload).arrays[0].size_bytes = 2**64 - 1


def _long_name(payload: pb.Payload) -> None:
    _array_table(payload).arrays[0].dtype = "f" * 2000


def _text_metric(payload: pb.Payload) -> None:
    value = pb.Value(string="high")
    payload.records.add(name="m").metrics.entries.add(key="loss", value=value)


def _flag_metric(payload: pb.Payload) -> None:
    payload.records.add(name="m").metrics.entries.add(key="loss", value=pb.Value(bool=True))


def _no_value(payload: pb.Payload) -> None:
    payload.records.add(name="c").config.entries.add(key="k")


def _two_entries(payload: pb.Payload) -> None:
    entries = payload.records.add(name="c").config.entries
    for number in (1, 2):
        entries.add(key="k", value=pb.Value(sint64=number))


def _inline_too_long(payload: pb.Payload) -> None:
    payload.data = bytes(101)


@pytest.mark.parametrize(
    "damage",
    [
        _no_kind,
        _two_records,
        _two_arrays,
        _follows_beyond,
        _follows_twice,
        _follows_not,
        _short_digest,
        _huge_shape,
        _many_axes,
        _huge_size,
        _long_name,
        _text_metric,
        _flag_metric,
        _no_value,
        _two_entries,
        _inline_too_long,
    ],
)
def test_a_malformed_table_is_refused_at_once(damage: Callable[[pb.Payload], None]) -> None:
    payload, _ = to_payload(one_array(), inline_bytes=0)
    PayloadReader(copy.deepcopy(payload))
    damage(payload)
    with pytest.raises(StreamError):
        PayloadReader(payload)


def test_more_than_the_receiver_allows_is_refused_before_anything_is_allocated() -> None:
    payload, _ = to_payload(one_array(), inline_bytes=0)
    assert PayloadReader(payload, max_bytes=100).size_bytes == 100
    with pytest.raises(StreamError, match="100 bytes are announced; at most 99"):
        PayloadReader(payload, max_bytes=99)


def test_what_no_memory_holds_is_refused_with_the_first_byte() -> None:
    payload, _ = to_payload(one_array(), inline_bytes=0)
    payload.records[0].arrays.arrays[0].size_bytes = 2**61
    reader = PayloadReader(payload)
    with pytest.raises(StreamError, match="no memory"):
        reader.feed(b"x")


def test_a_known_array_under_another_description_is_refused() -> None:
    records = one_array()
    held = next(records.all_arrays())
    payload, _ = to_payload(records, have={held.digest()})
    other = ArrayBytes("int8", held.shape, held.stype, held.data, held.sha256)
    assert PayloadReader(payload, known={held.sha256: held}).finish() == Records(
        arrays=records.arrays, order=["arrays"]
    )
    with pytest.raises(StreamError, match="not as it is known"):
        PayloadReader(payload, known={held.sha256: other})


def test_bytes_inline_and_bytes_that_follow_are_one_stream() -> None:
    payload, stream = to_payload(one_array(), inline_bytes=0)
    whole = b"".join(stream)
    payload.data = whole[:30]
    assert bytes(next(read(payload, [whole[30:]]).all_arrays()).data) == whole


def test_arrays_are_aligned_read_only_views_of_one_buffer() -> None:
    arrays = {
        "odd": ArrayBytes.from_numpy(np.ones(3, np.int8)),
        "double": ArrayBytes.from_numpy(np.arange(4.0)),
    }
    payload, stream = to_payload(Records(arrays={"arrays": arrays}), inline_bytes=0)
    chunk = bytearray(b"".join(stream))
    reader = PayloadReader(payload)
    reader.feed(chunk)
    chunk[:] = bytes(len(chunk))
    got = reader.finish().arrays["arrays"]
    views = {name: npy_view(array) for name, array in got.items()}
    np.testing.assert_array_equal(views["double"], np.arange(4.0))
    assert views["double"].flags.aligned
    assert isinstance(got["odd"].data, memoryview)
    assert isinstance(got["double"].data, memoryview)
    assert got["odd"].data.readonly
    assert got["odd"].data.obj is got["double"].data.obj


def test_a_large_array_is_cut_without_a_copy() -> None:
    records = one_array()
    _, stream = to_payload(records, chunk_bytes=40, inline_bytes=0)
    chunks = list(stream)
    data = next(records.all_arrays()).data
    assert [chunk.nbytes for chunk in chunks] == [40, 40, 20]
    assert all(chunk.obj is data for chunk in chunks)


def test_digest_is_that_of_the_bytes() -> None:
    array = next(one_array().all_arrays())
    assert array.digest() == hashlib.sha256(array.data).digest()


@pytest.mark.parametrize(
    "records",
    [
        Records(arrays={"a": {}}, metrics={"a": {}}),
        Records(metrics={"m": {"loss": "low"}}),
        Records(metrics={"m": {"loss": True}}),
        Records(config={"c": {"k": 2**64}}),
        Records(config={"c": {"k": -(2**63) - 1}}),
        Records(config={"c": {"k": [1, 2.0]}}),
        Records(config={"c": {"k": [-1, 2**63]}}),
        Records(config={"c": {"k": "\ud800"}}),
        Records(config={"\ud800": {}}),
        Records(config={"c": {"k": None}}),  # type: ignore[dict-item]
        Records(arrays={"a": {"x": ArrayBytes("f4", (-1,), "s", b"")}}),
        Records(arrays={"a": {"x": ArrayBytes("f4", (2**62, 2), "s", b"")}}),
    ],
)
def test_records_that_no_table_holds_are_not_sent(records: Records) -> None:
    with pytest.raises(StreamError):
        to_payload(records)


def test_a_table_and_other_data_do_not_go_together() -> None:
    table = table_of(one_array())
    for data in ([], [b"short"], [bytes(100), b""]):
        with pytest.raises(StreamError):
            records_from_table(table, data)


def test_order_holds_over_all_kinds_and_records_without_a_place_come_last() -> None:
    records = Records(
        arrays={"a": {}}, metrics={"m": {}, "n": {}}, config={"c": {}}, order=["n", "a"]
    )
    assert records.names() == ["n", "a", "m", "c"]
    assert [record.name for record in table_of(records)] == ["n", "a", "m", "c"]
