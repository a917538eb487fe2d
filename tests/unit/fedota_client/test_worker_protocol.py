"""Frames between client and worker: whole, in pieces, truncated, malformed."""

from __future__ import annotations

import hashlib
import os
import struct
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedota_client.worker_protocol import (
    HEADER_MAX_BYTES,
    Frame,
    FrameDecoder,
    FrameReader,
    encode_frame,
    flat,
    payload_parts,
    payload_records,
    payload_sha256,
    split_payload,
    write_frame,
)
from fedota_proto.errors import StreamError
from fedota_proto.records import ArrayBytes, Records
from fedota_proto.v1 import fl_records_pb2 as pb


def some_records(sizes: list[int]) -> Records:
    arrays = {
        f"layer/{place}": ArrayBytes("float32", (size,), "numpy.ndarray", os.urandom(size))
        for place, size in enumerate(sizes)
    }
    return Records(
        arrays={"arrays": arrays},
        metrics={"metrics": {"num-examples": 3, "loss": 0.25}},
        config={"config": {"lr": 0.1, "names": ["a", "b"]}},
        order=["config", "arrays", "metrics"],
    )


def joined(kind: str, fields: dict[str, Any], records: Records | None = None) -> bytes:
    return b"".join(flat(encode_frame(kind, fields, payload_parts(records) if records else ())))


def decoded(stream: bytes, cuts: Iterator[int]) -> list[Frame]:
    """Feed a stream to a decoder in pieces of the given sizes."""
    decoder = FrameDecoder()
    frames = []
    place = 0
    while place < len(stream):
        wanted = decoder.wanted()
        size = min(len(wanted), max(1, next(cuts, len(wanted))), len(stream) - place)
        wanted[:size] = stream[place : place + size]
        place += size
        frame = decoder.filled(size)
        if frame is not None:
            frames.append(frame)
    return frames


FIELDS = st.dictionaries(
    st.text(max_size=8).filter(lambda key: key not in {"kind", "payload_bytes"}),
    st.integers(-(2**62), 2**62) | st.text(max_size=10) | st.none() | st.booleans(),
    max_size=4,
)


@given(
    st.lists(st.tuples(st.sampled_from(["task", "stop"]), FIELDS, st.lists(st.integers(0, 50)))),
    st.lists(st.integers(1, 40)),
)
def test_frames_survive_any_cut(
    messages: list[tuple[str, dict[str, Any], list[int]]], cuts: list[int]
) -> None:
    sent = [(kind, fields, some_records(sizes)) for kind, fields, sizes in messages]
    stream = b"".join(joined(kind, fields, records) for kind, fields, records in sent)
    frames = decoded(stream, iter(cuts))
    assert [(frame.kind, frame.fields) for frame in frames] == [(k, f) for k, f, _ in sent]
    for frame, (_, _, records) in zip(frames, sent, strict=True):
        came = frame.records()
        assert came.order == records.order
        assert came.metrics == records.metrics
        assert came.config == records.config
        for array, original in zip(came.all_arrays(), records.all_arrays(), strict=True):
            assert bytes(array.data) == original.data
            assert (array.dtype, array.shape) == (original.dtype, original.shape)


def test_arrays_are_views_of_the_frame() -> None:
    (frame,) = decoded(joined("task", {}, some_records([64])), iter(()))
    (array,) = frame.records().all_arrays()
    assert isinstance(array.data, memoryview)
    assert array.data.obj is frame.payload.obj


def test_the_hash_is_that_of_the_payload() -> None:
    parts = payload_parts(some_records([10, 20]))
    assert payload_sha256(parts) == hashlib.sha256(b"".join(parts)).digest()


def test_no_array_is_copied_into_a_frame() -> None:
    records = some_records([100])
    (array,) = records.all_arrays()
    buffers = flat(encode_frame("task", {}, payload_parts(records)))
    assert buffers[-1].obj is array.data


def test_a_pipe_carries_frames_larger_than_itself() -> None:
    read_fd, write_fd = os.pipe()
    parts = payload_parts(some_records([3_000_000, 5]))
    writer = threading.Thread(target=write_frame, args=(write_fd, "result", {"task_id": 1}, parts))
    writer.start()
    frame = FrameReader(read_fd).read()
    writer.join()
    os.close(write_fd)
    assert frame is not None
    assert frame.fields == {"task_id": 1}
    assert payload_sha256([frame.payload]) == payload_sha256(parts)
    assert FrameReader(read_fd).read() is None
    os.close(read_fd)


@given(st.data())
def test_a_truncated_stream_is_told_from_one_that_ended(data: st.DataObject) -> None:
    stream = joined("task", {"task_id": 1}, some_records([30]))
    cut = data.draw(st.integers(0, len(stream) - 1))
    read_fd, write_fd = os.pipe()
    os.write(write_fd, stream[:cut])
    os.close(write_fd)
    try:
        if cut == 0:
            assert FrameReader(read_fd).read() is None
        else:
            with pytest.raises(StreamError, match="within a frame"):
                FrameReader(read_fd).read()
    finally:
        os.close(read_fd)


def header(text: bytes) -> bytes:
    return struct.pack("<I", len(text)) + text


@pytest.mark.parametrize(
    "stream",
    [
        struct.pack("<I", 0),
        struct.pack("<I", HEADER_MAX_BYTES + 1),
        header(b"not json"),
        header(b"[]"),
        header(b'{"payload_bytes": 0}'),
        header(b'{"kind": "task"}'),
        header(b'{"kind": "task", "payload_bytes": -1}'),
        header(b'{"kind": "task", "payload_bytes": true}'),
        header(b'{"kind": 3, "payload_bytes": 0}'),
        b"Epoch 1/5: loss 0.5 accuracy 0.9",
    ],
)
def test_what_is_no_frame_is_refused(stream: bytes) -> None:
    with pytest.raises(StreamError):
        decoded(stream, iter(()))


def test_a_payload_beyond_the_limit_is_refused() -> None:
    decoder = FrameDecoder(max_bytes=10)
    text = header(b'{"kind": "task", "payload_bytes": 11}')
    decoder.wanted()[:4] = text[:4]
    decoder.filled(4)
    decoder.wanted()[:] = text[4:]
    with pytest.raises(StreamError, match="more than 10"):
        decoder.filled(len(text) - 4)


@given(st.data())
def test_a_truncated_payload_is_refused(data: st.DataObject) -> None:
    payload = b"".join(payload_parts(some_records([30, 7])))
    cut = data.draw(st.integers(0, len(payload) - 1))
    with pytest.raises(StreamError):
        payload_records(memoryview(payload[:cut]))


def test_a_payload_with_too_much_or_something_else_is_refused() -> None:
    payload = b"".join(payload_parts(some_records([30])))
    with pytest.raises(StreamError, match="does not hold"):
        payload_records(memoryview(payload + b"x"))
    with pytest.raises(StreamError, match="no fedota"):
        split_payload(memoryview(header(b"\xff\xff\xff")))
    with pytest.raises(StreamError, match="array bytes"):
        split_payload(memoryview(header(pb.Payload(data=b"x").SerializeToString())))
