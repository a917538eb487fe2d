"""Chunks on the wire without protobuf's copies.

Parsing a message that is one long byte string copies it three times before anybody sees it. The
functions here are gRPC serializers and deserializers for the four streams that carry chunks: a
message that is nothing but a chunk becomes a view of the bytes that gRPC handed over, and is
written by joining a few bytes of framing with the chunk; every other message goes through protobuf
as usual. What is on the wire is exactly protobuf's encoding.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from google.protobuf.message import Message

from fedota_proto.v1 import fl_intra_pb2 as intra
from fedota_proto.v1 import fl_round_pb2 as pb

_LENGTH_DELIMITED = 2
_UPDATE_CHUNK = pb.UpdateMessage.CHUNK_FIELD_NUMBER << 3 | _LENGTH_DELIMITED
_SERVER_CHUNK = pb.ServerMessage.CHUNK_FIELD_NUMBER << 3 | _LENGTH_DELIMITED
_SELECTOR_CHUNK = intra.SelectorMessage.CHUNK_FIELD_NUMBER << 3 | _LENGTH_DELIMITED
_COORDINATOR_CHUNK = intra.CoordinatorMessage.CHUNK_FIELD_NUMBER << 3 | _LENGTH_DELIMITED
_TRANSFER_ID = intra.TransferChunk.TRANSFER_ID_FIELD_NUMBER << 3
_TRANSFER_DATA = intra.TransferChunk.DATA_FIELD_NUMBER << 3 | _LENGTH_DELIMITED

Buffer = bytes | bytearray | memoryview

# A selector's initial metadata, once there is a place for the chunks of an update.
GO = (("fedota-go", "1"),)


def says_go(initial_metadata: Iterable[tuple[str, str | bytes]] | None) -> bool:
    """Say whether the chunks of an update may be sent; else its answer is on the way."""
    return any(key == GO[0][0] for key, _ in initial_metadata or ())


class TransferPiece(NamedTuple):
    """A chunk of one of the transfers that share a stream; `data` views the message received."""

    transfer_id: int
    data: memoryview


def to_wire(message: Message | bytes) -> bytes:
    """Serialize a message; what is bytes already (a chunk, a message for many) passes as it is."""
    return message if isinstance(message, bytes) else message.SerializeToString()


def update_chunk(data: Buffer) -> bytes:
    """Write ``UpdateMessage(chunk=data)``."""
    return _chunk(_UPDATE_CHUNK, data)


def server_chunk(data: Buffer) -> bytes:
    """Write ``ServerMessage(chunk=data)``."""
    return _chunk(_SERVER_CHUNK, data)


def selector_chunk(transfer_id: int, data: Buffer) -> bytes:
    """Write ``SelectorMessage(chunk=TransferChunk(transfer_id, data))``."""
    return _transfer(_SELECTOR_CHUNK, transfer_id, data)


def coordinator_chunk(transfer_id: int, data: Buffer) -> bytes:
    """Write ``CoordinatorMessage(chunk=TransferChunk(transfer_id, data))``."""
    return _transfer(_COORDINATOR_CHUNK, transfer_id, data)


def read_update_message(data: bytes) -> pb.UpdateMessage | memoryview:
    """Read an `UpdateMessage`; a chunk comes as a view."""
    view = _chunk_in(_UPDATE_CHUNK, data)
    if view is not None:
        return view
    message = pb.UpdateMessage.FromString(data)
    return memoryview(message.chunk) if message.HasField("chunk") else message


def read_server_message(data: bytes) -> pb.ServerMessage | memoryview:
    """Read a `ServerMessage`; a chunk comes as a view."""
    view = _chunk_in(_SERVER_CHUNK, data)
    if view is not None:
        return view
    message = pb.ServerMessage.FromString(data)
    return memoryview(message.chunk) if message.HasField("chunk") else message


def read_selector_message(data: bytes) -> intra.SelectorMessage | TransferPiece:
    """Read a `SelectorMessage`; a chunk comes as a `TransferPiece`."""
    piece = _transfer_in(_SELECTOR_CHUNK, data)
    if piece is not None:
        return piece
    message = intra.SelectorMessage.FromString(data)
    return _piece_of(message.chunk) if message.HasField("chunk") else message


def read_coordinator_message(data: bytes) -> intra.CoordinatorMessage | TransferPiece:
    """Read a `CoordinatorMessage`; a chunk comes as a `TransferPiece`."""
    piece = _transfer_in(_COORDINATOR_CHUNK, data)
    if piece is not None:
        return piece
    message = intra.CoordinatorMessage.FromString(data)
    return _piece_of(message.chunk) if message.HasField("chunk") else message


def _piece_of(chunk: intra.TransferChunk) -> TransferPiece:
    return TransferPiece(chunk.transfer_id, memoryview(chunk.data))


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _varint_in(data: bytes, place: int) -> tuple[int, int]:
    """Read a varint; returns it and the place behind it, or a place of -1 if it is cut off."""
    value = shift = 0
    for at in range(place, min(place + 10, len(data))):
        byte = data[at]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at + 1
        shift += 7
    return 0, -1


def _chunk(tag: int, data: Buffer) -> bytes:
    view = memoryview(data)
    return b"".join((bytes((tag,)), _varint(view.nbytes), view))


def _transfer(tag: int, transfer_id: int, data: Buffer) -> bytes:
    view = memoryview(data)
    head = b"".join(
        (
            bytes((_TRANSFER_ID,)),
            _varint(transfer_id),
            bytes((_TRANSFER_DATA,)),
            _varint(view.nbytes),
        )
    )
    return b"".join((bytes((tag,)), _varint(len(head) + view.nbytes), head, view))


def _chunk_in(tag: int, data: bytes) -> memoryview | None:
    """View the chunk if the message is exactly one; else protobuf has to look at it."""
    if not data or data[0] != tag:
        return None
    size_bytes, start = _varint_in(data, 1)
    return memoryview(data)[start:] if start > 0 and start + size_bytes == len(data) else None


def _transfer_in(tag: int, data: bytes) -> TransferPiece | None:
    if not data or data[0] != tag:
        return None
    size_bytes, start = _varint_in(data, 1)
    if start < 0 or start + size_bytes != len(data) or data[start : start + 1] != b"\x08":
        return None
    transfer_id, place = _varint_in(data, start + 1)
    if place < 0 or data[place : place + 1] != bytes((_TRANSFER_DATA,)):
        return None
    count, begin = _varint_in(data, place + 1)
    if begin < 0 or begin + count != len(data) or transfer_id >= 1 << 64:
        return None
    return TransferPiece(transfer_id, memoryview(data)[begin:])
