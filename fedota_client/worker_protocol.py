"""Frames between the client and its worker, over two pipes.

A frame is a little-endian u32 with the length of its header, the header as JSON, then exactly as
many raw bytes as the header's ``payload_bytes`` says. A payload is a little-endian u32 with the
length of its table, the table (a serialised ``fedota.v1.Payload`` in which every array follows and
``data`` is empty), then the bytes of all arrays, one after the other. Nothing is ever unpickled.

======== ========================================================================================
kind     fields beside ``payload_bytes``
======== ========================================================================================
to the worker
-------------------------------------------------------------------------------------------------
load     ``mode`` "keras": ``model_path, manifest_path, problem_toml, data_dir, share_metrics``
         and, where noise is added, ``noise {clipping_norm, noise_multiplier, delta, epsilon_max,
         ledger}``;
         ``mode`` "app": ``app_dir, node_config, run_config``; both: ``node_id, run_id``
task     ``task_id, message_type, round {generation, server_round, attempt}, node_id, deadline_s,
         message_id, group_id``, and a payload
cancel   ``task_id``: stop at the next batch and answer ``failed``; the client waits 5 s for it
stop
from the worker
-------------------------------------------------------------------------------------------------
loaded   ``examples, train_examples, holdout_examples, details``
progress ``task_id, epoch, epochs, batch, batches, loss``
result   ``task_id, update_sha256`` (hex of `payload_sha256`), where noise was added ``privacy
         {epsilon_round, epsilon_total, delta, updates}``, and a payload
failed   ``task_id, code, reason``
error    ``code, public_message``: the load failed
======== ========================================================================================

`FrameDecoder` decides and opens nothing; `FrameReader` and `write_frame` are the worker's blocking
side, `fedota_client.worker_handle` is the client's.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError

from fedota_proto.errors import StreamError
from fedota_proto.records import Buffer, Records, records_from_table, table_of
from fedota_proto.v1 import fl_records_pb2 as pb

HEADER_MAX_BYTES = 1 << 24
PIPE_BYTES = 1 << 20
_LENGTH = struct.Struct("<I")
_IOV_MAX = 512
_SMALL_BYTES = 1 << 16


@dataclass(slots=True)
class Frame:
    """One message.

    Parameters
    ----------
    kind
        One of the table above.
    fields
        The header's other fields.
    payload
        The raw payload as it travelled, possibly empty.
    """

    kind: str
    fields: dict[str, Any] = field(default_factory=dict)
    payload: memoryview = field(default_factory=lambda: memoryview(b""))

    def records(self) -> Records:
        """Return the payload's records; arrays are views of it.

        Raises
        ------
        StreamError
            If the payload is malformed or truncated.
        """
        return payload_records(self.payload)


def payload_parts(records: Records) -> list[Buffer]:
    """Lay records out as a payload, without copying any array.

    Returns
    -------
    list of Buffer
        The prefixed table, then each array's bytes; their concatenation is the payload.
    """
    arrays = [memoryview(array.data).cast("B") for array in records.all_arrays()]
    table = pb.Payload(records=table_of(records), follows=range(len(arrays))).SerializeToString()
    return [_LENGTH.pack(len(table)) + table, *(array for array in arrays if array.nbytes)]


def payload_sha256(parts: Iterable[Buffer]) -> bytes:
    """Return the SHA-256 of a payload given in parts: the hash that names an update.

    Returns
    -------
    bytes
        32 bytes.
    """
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.digest()


def split_payload(payload: memoryview) -> tuple[pb.Payload, memoryview]:
    """Split a payload into its table and the bytes of its arrays.

    Returns
    -------
    pb.Payload, memoryview
        The table, ``data`` empty; a view of everything behind it.

    Raises
    ------
    StreamError
        If there is no whole table, or it says that an array does not follow.
    """
    if payload.nbytes < _LENGTH.size:
        raise StreamError("The worker's payload is too short to hold a table.")
    (table_bytes,) = _LENGTH.unpack_from(payload)
    end = _LENGTH.size + table_bytes
    if end > payload.nbytes:
        raise StreamError("The worker's payload ends within its table.")
    try:
        table = pb.Payload.FromString(bytes(payload[_LENGTH.size : end]))
    except DecodeError:
        raise StreamError("The table of the worker's payload is no fedota.v1.Payload.") from None
    if table.data:
        raise StreamError("The table of the worker's payload holds array bytes.")
    return table, payload[end:]


def payload_records(payload: memoryview) -> Records:
    """Read a payload's records; their arrays are views of it.

    Raises
    ------
    StreamError
        If the payload is malformed, truncated or longer than its table says.
    """
    table, data = split_payload(payload)
    sizes = [spec.size_bytes for record in table.records for spec in record.arrays.arrays]
    if sum(sizes) != data.nbytes or list(table.follows) != list(range(len(sizes))):
        raise StreamError("The worker's payload does not hold what its table says.")
    starts = accumulate(sizes, initial=0)
    arrays = [data[start : start + size] for start, size in zip(starts, sizes, strict=False)]
    return records_from_table(table.records, arrays)


def encode_frame(
    kind: str, fields: dict[str, Any] | None = None, payload: Sequence[Buffer] = ()
) -> list[Buffer]:
    """Lay one frame out as buffers to be written one after the other.

    Parameters
    ----------
    kind, fields
        See the module's table; fields must be JSON.
    payload
        Its parts, as `payload_parts` returns them.

    Returns
    -------
    list of Buffer
        Two or more buffers; no array is copied.
    """
    size_bytes = sum(memoryview(part).nbytes for part in payload)
    header = json.dumps({**(fields or {}), "kind": kind, "payload_bytes": size_bytes}).encode()
    return [_LENGTH.pack(len(header)) + header, *payload]


class FrameDecoder:
    """Turn a byte stream into frames, reading payloads straight into their buffer.

    The caller fills `wanted` and says how much came in `filled`.

    Parameters
    ----------
    max_bytes
        Largest payload that is taken; None takes any.
    """

    def __init__(self, max_bytes: int | None = None) -> None:
        self._max_bytes = max_bytes
        self._header: dict[str, Any] | None = None
        self._buffer = memoryview(bytearray(_LENGTH.size))
        self._filled = 0
        self._in_prefix = True

    def wanted(self) -> memoryview:
        """Return the buffer that the next bytes belong into, never empty."""
        return self._buffer[self._filled :]

    @property
    def at_boundary(self) -> bool:
        """Whether the stream may end here: no frame is half read."""
        return self._in_prefix and self._filled == 0

    def filled(self, size_bytes: int) -> Frame | None:
        """Take note that so many bytes were put into `wanted`.

        Returns
        -------
        Frame or None
            A frame when it is whole.

        Raises
        ------
        StreamError
            If the frame is malformed or its payload too large.
        """
        self._filled += size_bytes
        if self._filled < self._buffer.nbytes:
            return None
        if self._header is not None:
            return self._whole(self._header, self._buffer)
        if self._in_prefix:
            (header_bytes,) = _LENGTH.unpack(self._buffer)
            if not 0 < header_bytes <= HEADER_MAX_BYTES:
                raise StreamError(f"A frame's header cannot have {header_bytes} bytes.")
            self._in_prefix = False
            self._expect(header_bytes)
            return None
        header = self._parsed(self._buffer)
        payload_bytes: int = header["payload_bytes"]
        if payload_bytes == 0:
            return self._whole(header, memoryview(b""))
        self._header = header
        self._expect(payload_bytes)
        return None

    def _expect(self, size_bytes: int) -> None:
        # numpy neither clears a large buffer nor touches it page by page.
        large = size_bytes > _SMALL_BYTES
        self._buffer = np.empty(size_bytes, np.uint8).data if large else _small(size_bytes)
        self._filled = 0

    def _parsed(self, header: memoryview) -> dict[str, Any]:
        try:
            parsed = json.loads(bytes(header))
        except ValueError:
            raise StreamError("A frame's header is not JSON.") from None
        if not isinstance(parsed, dict) or not isinstance(parsed.get("kind"), str):
            raise StreamError("A frame's header names no kind.")
        size_bytes = parsed.get("payload_bytes")
        if not isinstance(size_bytes, int) or isinstance(size_bytes, bool) or size_bytes < 0:
            raise StreamError("A frame's header does not say how long its payload is.")
        if self._max_bytes is not None and size_bytes > self._max_bytes:
            raise StreamError(
                f"A frame's payload has {size_bytes} bytes, more than {self._max_bytes}."
            )
        return parsed

    def _whole(self, fields: dict[str, Any], payload: memoryview) -> Frame:
        self._header = None
        self._in_prefix = True
        self._expect(_LENGTH.size)
        del fields["payload_bytes"]
        return Frame(kind=fields.pop("kind"), fields=fields, payload=payload)


def _small(size_bytes: int) -> memoryview:
    return memoryview(bytearray(size_bytes))


class FrameReader:
    """Read frames from a blocking file descriptor."""

    def __init__(self, fd: int, max_bytes: int | None = None) -> None:
        self._fd = fd
        self._decoder = FrameDecoder(max_bytes)

    def read(self) -> Frame | None:
        """Wait for the next frame.

        Returns
        -------
        Frame or None
            None when the other side closed the pipe between two frames.

        Raises
        ------
        StreamError
            If the stream is malformed, or ends within a frame.
        """
        while True:
            size_bytes = os.readv(self._fd, [self._decoder.wanted()])
            if size_bytes == 0:
                if self._decoder.at_boundary:
                    return None
                raise StreamError("The pipe was closed within a frame.")
            frame = self._decoder.filled(size_bytes)
            if frame is not None:
                return frame


def write_some(fd: int, buffers: list[memoryview]) -> None:
    """Write what the descriptor takes in one call, and drop it from `buffers`.

    Parameters
    ----------
    buffers
        One-byte views, none empty; shortened in place.

    Raises
    ------
    BlockingIOError
        If a non-blocking descriptor takes nothing now.
    BrokenPipeError
        If the other side is gone.
    """
    written = os.writev(fd, buffers[:_IOV_MAX])
    whole = 0
    for buffer in buffers:
        if written < buffer.nbytes:
            break
        written -= buffer.nbytes
        whole += 1
    del buffers[:whole]
    if written:
        buffers[0] = buffers[0][written:]


def write_frame(
    fd: int, kind: str, fields: dict[str, Any] | None = None, payload: Sequence[Buffer] = ()
) -> None:
    """Write one frame to a blocking file descriptor.

    Raises
    ------
    BrokenPipeError
        If the other side is gone.
    """
    buffers = flat(encode_frame(kind, fields, payload))
    while buffers:
        write_some(fd, buffers)


def flat(buffers: Iterable[Buffer]) -> list[memoryview]:
    """Return one-byte views of all buffers that are not empty."""
    views = (memoryview(buffer).cast("B") for buffer in buffers)
    return [view for view in views if view.nbytes]
