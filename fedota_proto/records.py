"""Records and their passage through streams of chunks; knows no Flower.

A *record* is Flower's: arrays, metrics or configuration under a name. Arrays are the bytes that
Flower's ``Array`` holds, never re-encoded and, where possible, never copied: what is received lies
in one buffer per payload, and every array is a view of it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType

import numpy as np

from fedota_proto.errors import StreamError
from fedota_proto.npy import NpyHeader, npy_bytes, npy_header, npy_view
from fedota_proto.record_table import (
    ArrayBytes,
    Arrays,
    Buffer,
    Records,
    check_spec,
    read_table,
    records_from_table,
    table_of,
)
from fedota_proto.v1 import fl_records_pb2 as pb
from fedota_proto.values import Entries, Scalar, ScalarList

__all__ = [
    "CHUNK_BYTES",
    "INLINE_BYTES",
    "Allocate",
    "ArrayBytes",
    "Arrays",
    "Buffer",
    "Entries",
    "NpyHeader",
    "PayloadReader",
    "Records",
    "Scalar",
    "ScalarList",
    "check_spec",
    "new_buffer",
    "npy_bytes",
    "npy_header",
    "npy_view",
    "records_from_table",
    "table_of",
    "to_payload",
]

CHUNK_BYTES = 1 << 20
INLINE_BYTES = 1 << 16
ALIGNMENT_BYTES = 64


Allocate = Callable[[int], memoryview]


def new_buffer(size_bytes: int) -> memoryview:
    """Make a writable buffer with anything in it.

    numpy asks the kernel for huge pages, which makes the first touch of a large buffer cheap.
    """
    return np.empty(size_bytes, np.uint8).data


def to_payload(
    records: Records,
    *,
    have: Collection[bytes] = (),
    chunk_bytes: int = CHUNK_BYTES,
    inline_bytes: int = INLINE_BYTES,
) -> tuple[pb.Payload, Iterator[memoryview]]:
    """Turn records into a payload and the chunks that follow it.

    Parameters
    ----------
    records
        Whose arrays are read while the chunks are taken, and must not change until then.
    have
        Digests of arrays that the receiver has: these do not travel.
    chunk_bytes
        Size of every chunk but the last, in bytes.
    inline_bytes
        Up to this size in all the arrays' bytes travel in the payload itself.

    Returns
    -------
    payload : pb.Payload
        The table, and all bytes where they fit inline.
    chunks : iterator of memoryview
        The rest, in order; a chunk is a view of one array or joins the ends of several.

    Raises
    ------
    StreamError
        If the records are such as no table holds.
    """
    payload = pb.Payload(records=table_of(records))
    travelling: list[memoryview] = []
    for place, array in enumerate(records.all_arrays()):
        if array.sha256 and array.sha256 in have:
            continue
        payload.follows.append(place)
        travelling.append(_flat(array.data))
    if sum(view.nbytes for view in travelling) <= inline_bytes:
        payload.data = b"".join(travelling)
        return payload, iter(())
    return payload, _chunks(travelling, chunk_bytes)


def _chunks(views: Sequence[memoryview], chunk_bytes: int) -> Iterator[memoryview]:
    pieces: list[memoryview] = []
    room = chunk_bytes
    for view in views:
        start = 0
        while start < view.nbytes:
            piece = view[start : start + room]
            start += piece.nbytes
            room -= piece.nbytes
            pieces.append(piece)
            if not room:
                yield _joined(pieces)
                pieces, room = [], chunk_bytes
    if pieces:
        yield _joined(pieces)


def _joined(pieces: Sequence[memoryview]) -> memoryview:
    return pieces[0] if len(pieces) == 1 else memoryview(b"".join(pieces))


def _flat(data: Buffer) -> memoryview:
    view = memoryview(data)
    return view if view.format == "B" and view.ndim == 1 else view.cast("B")


class PayloadReader:
    """Puts a payload and its chunks together again, in one buffer allocated with the first chunk.

    Parameters
    ----------
    payload
        As it came.
    known
        Arrays that the sender counts on this receiver having, by their digest.
    max_bytes
        Most bytes that may travel.
    allocate
        Makes the buffer, of so many bytes.

    Raises
    ------
    StreamError
        If the table is malformed, counts on an array that is not known, or is too large.
    """

    def __init__(
        self,
        payload: pb.Payload,
        *,
        known: Mapping[bytes, ArrayBytes] = MappingProxyType({}),
        max_bytes: int | None = None,
        allocate: Allocate = new_buffer,
    ) -> None:
        self._records, specs = read_table(payload.records)
        self._arrays = list(self._records.all_arrays())
        self._travelling: list[_Slot] = []
        self._buffer: memoryview | None = None
        self._place = 0  # of the slot that the next byte goes to
        self._offset = 0  # in that slot
        self._inline = payload.data
        self._allocated_bytes = 0
        self._make_buffer = allocate
        self._lay_out(payload.follows, specs, known)
        self._size_bytes = sum(slot.size_bytes for slot in self._travelling)
        self._received_bytes = len(self._inline)
        limit_bytes = 2**62 if max_bytes is None else max_bytes
        if self._size_bytes > limit_bytes:
            raise StreamError(
                f"{self._size_bytes} bytes are announced; at most {limit_bytes} are allowed."
            )
        if self._received_bytes > self._size_bytes:
            raise StreamError("More bytes came than were announced.")

    def _lay_out(
        self,
        follows: Sequence[int],
        specs: Sequence[pb.ArraySpec],
        known: Mapping[bytes, ArrayBytes],
    ) -> None:
        if any(a >= b for a, b in pairwise(follows)) or (follows and follows[-1] >= len(specs)):
            raise StreamError("The list of arrays that follow is unsorted or out of range.")
        travels = set(follows)
        for place, (spec, array) in enumerate(zip(specs, self._arrays, strict=True)):
            if place in travels:
                self._travelling.append(_Slot(array, self._allocated_bytes, spec.size_bytes))
                self._allocated_bytes += -(-spec.size_bytes // ALIGNMENT_BYTES) * ALIGNMENT_BYTES
                continue
            held = known.get(spec.sha256) if spec.sha256 else None
            if held is None:
                raise StreamError(f"The array {spec.name!r} neither follows nor is it known here.")
            if (held.dtype, held.shape, held.stype, held.size_bytes) != (
                array.dtype,
                array.shape,
                array.stype,
                spec.size_bytes,
            ):
                raise StreamError(f"The array {spec.name!r} is not as it is known here.")
            array.data = held.data

    @property
    def size_bytes(self) -> int:
        """How many bytes travel in all, those inline included."""
        return self._size_bytes

    @property
    def missing_bytes(self) -> int:
        """How many bytes have not come yet."""
        return self._size_bytes - self._received_bytes

    def feed(self, data: Buffer) -> None:
        """Take the next bytes of the stream.

        Parameters
        ----------
        data
            Copied; may be reused afterwards.

        Raises
        ------
        StreamError
            If more came than was announced, or there is no memory for what was announced.
        """
        piece = _flat(data)
        if piece.nbytes > self.missing_bytes:
            raise StreamError("More bytes came than were announced.")
        self._received_bytes += piece.nbytes
        self._write(piece)

    def finish(self) -> Records:
        """Return the records once everything has come.

        Returns
        -------
        Records
            Its arrays that travelled are read-only views of one buffer, each at a multiple of
            64 bytes.

        Raises
        ------
        StreamError
            If bytes are missing.
        """
        if self.missing_bytes:
            raise StreamError(
                f"The stream ended early: {self.missing_bytes} of {self._size_bytes} bytes "
                "are missing."
            )
        buffer = self._write(memoryview(b""))
        whole = buffer.toreadonly()
        for slot in self._travelling:
            slot.array.data = whole[slot.start : slot.start + slot.size_bytes]
        return self._records

    def _write(self, piece: memoryview) -> memoryview:
        buffer = self._buffer
        if buffer is None:
            buffer = self._buffer = self._allocate()
            inline, self._inline = self._inline, b""
            self._write(memoryview(inline))
        while piece.nbytes:
            slot = self._travelling[self._place]
            count = min(piece.nbytes, slot.size_bytes - self._offset)
            begin = slot.start + self._offset
            buffer[begin : begin + count] = piece[:count]
            piece = piece[count:]
            self._offset += count
            if self._offset == slot.size_bytes:
                self._place, self._offset = self._place + 1, 0
        return buffer

    def _allocate(self) -> memoryview:
        try:
            return self._make_buffer(self._allocated_bytes)
        except MemoryError as error:
            raise StreamError(f"There is no memory here for {self._size_bytes} bytes.") from error


@dataclass(slots=True)
class _Slot:
    """Where the bytes of one travelling array go in the buffer."""

    array: ArrayBytes
    start: int
    size_bytes: int
