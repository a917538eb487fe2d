"""What the fast paths write and read is exactly protobuf's encoding."""

from __future__ import annotations

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from fedota_proto import wire
from fedota_proto.v1 import fl_intra_pb2 as intra
from fedota_proto.v1 import fl_round_pb2 as pb

chunks = st.binary(max_size=300) | st.integers(0, 40_000).map(lambda count: b"x" * count)
ids = st.integers(0, 2**64 - 1)


@given(chunks)
def test_update_chunks(data: bytes) -> None:
    written = wire.update_chunk(data)
    assert pb.UpdateMessage.FromString(written) == pb.UpdateMessage(chunk=data)
    assert wire.read_update_message(pb.UpdateMessage(chunk=data).SerializeToString()) == data


@given(chunks)
def test_server_chunks(data: bytes) -> None:
    written = wire.server_chunk(memoryview(data))
    assert pb.ServerMessage.FromString(written) == pb.ServerMessage(chunk=data)
    assert wire.read_server_message(pb.ServerMessage(chunk=data).SerializeToString()) == data


@given(ids, chunks)
def test_transfers_up(transfer_id: int, data: bytes) -> None:
    message = intra.SelectorMessage(chunk=intra.TransferChunk(transfer_id=transfer_id, data=data))
    written = wire.selector_chunk(transfer_id, bytearray(data))
    assert intra.SelectorMessage.FromString(written) == message
    for encoded in (written, message.SerializeToString()):
        assert wire.read_selector_message(encoded) == wire.TransferPiece(transfer_id, data)  # type: ignore[arg-type]


@given(ids, chunks)
def test_transfers_down(transfer_id: int, data: bytes) -> None:
    message = intra.CoordinatorMessage(
        chunk=intra.TransferChunk(transfer_id=transfer_id, data=data)
    )
    written = wire.coordinator_chunk(transfer_id, data)
    assert intra.CoordinatorMessage.FromString(written) == message
    for encoded in (written, message.SerializeToString()):
        assert wire.read_coordinator_message(encoded) == wire.TransferPiece(transfer_id, data)  # type: ignore[arg-type]


@given(st.binary(max_size=40))
def test_whatever_comes_is_read_as_protobuf_reads_it(data: bytes) -> None:
    try:
        expected = pb.UpdateMessage.FromString(data)
    except DecodeError:
        with pytest.raises(DecodeError):
            wire.read_update_message(data)
        return
    got = wire.read_update_message(data)
    if expected.HasField("chunk"):
        assert got == expected.chunk
    else:
        assert got == expected


@given(st.binary(max_size=40).map(lambda tail: b"\x4a" + tail))
def test_whatever_comes_on_the_selectors_stream_is_read_as_protobuf_reads_it(data: bytes) -> None:
    try:
        expected = intra.SelectorMessage.FromString(data)
    except DecodeError:
        with pytest.raises(DecodeError):
            wire.read_selector_message(data)
        return
    got = wire.read_selector_message(data)
    if expected.HasField("chunk"):
        assert got == (expected.chunk.transfer_id, expected.chunk.data)
    else:
        assert got == expected


def test_other_messages_pass_through_protobuf() -> None:
    header = pb.UpdateMessage(header=pb.UpdateHeader(task_id=3))
    assert wire.read_update_message(wire.to_wire(header)) == header
    refusal = pb.ServerMessage(refusal=pb.Refusal(code="busy"))
    assert wire.read_server_message(wire.to_wire(refusal)) == refusal
    load = intra.SelectorMessage(load=intra.Load(held_clients=2))
    assert wire.read_selector_message(wire.to_wire(load)) == load
    close = intra.CoordinatorMessage(close=intra.ClosePartial(close_id=1))
    assert wire.read_coordinator_message(wire.to_wire(close)) == close
    assert wire.to_wire(b"as it is") == b"as it is"
