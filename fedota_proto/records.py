"""Records and their passage through streams of chunks; knows no Flower.

A *record* is Flower's: arrays, metrics or configuration under a name. Arrays are the bytes that
Flower's ``Array`` holds, never re-encoded and, where possible, never copied: what is received lies
in one buffer per payload, and every array is a view of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from types import MappingProxyType

import numpy as np

from fedota_proto.errors import StreamError
from fedota_proto.npy import NUMPY_STYPE, is_possible
from fedota_proto.npy import NpyHeader as NpyHeader
from fedota_proto.npy import npy_bytes as npy_bytes
from fedota_proto.npy import npy_header as npy_header
from fedota_proto.npy import npy_view as npy_view
from fedota_proto.v1 import fl_records_pb2 as pb
from fedota_proto.values import Entries, entries_from_table, entries_to_table
from fedota_proto.values import Scalar as Scalar
from fedota_proto.values import ScalarList as ScalarList

CHUNK_BYTES = 1 << 20
INLINE_BYTES = 1 << 16
NAME_MAX = 1024
ALIGNMENT_BYTES = 64

Buffer = bytes | bytearray | memoryview


@dataclass(slots=True)
class ArrayBytes:
    """One array as Flower's ``Array`` holds it.

    Parameters
    ----------
    dtype, shape, stype
        As in Flower: numpy's name of the dtype, the shape, ``"numpy.ndarray"``.
    data
        The serialised bytes, a view wherever it can be.
    sha256
        Digest of `data` (32 bytes) where its maker computed it, else empty.
    """

    dtype: str
    shape: tuple[int, ...]
    stype: str
    data: Buffer
    sha256: bytes = b""

    @classmethod
    def from_numpy(cls, array: np.ndarray) -> ArrayBytes:
        """Serialise a numpy array as Flower does.

        Parameters
        ----------
        array
            Of a plain dtype or ``ml_dtypes.bfloat16``, any shape.

        Returns
        -------
        ArrayBytes
            In C order, little-endian.

        Raises
        ------
        StreamError
            If the array holds Python objects or fields.
        """
        return cls(array.dtype.name, array.shape, NUMPY_STYPE, npy_bytes(array))

    @property
    def size_bytes(self) -> int:
        """The size of the serialised bytes."""
        return memoryview(self.data).nbytes

    def digest(self) -> bytes:
        """Return the SHA-256 of the bytes, computed at most once.

        Returns
        -------
        bytes
            32 bytes.
        """
        if not self.sha256:
            self.sha256 = hashlib.sha256(self.data).digest()
        return self.sha256


Arrays = dict[str, ArrayBytes]


@dataclass(slots=True)
class Records:
    """The content of one message: three kinds of record, each under its name, in order.

    `order` keeps the names as the sender had them, over all three kinds; records that it does not
    name come after those that it does.
    """

    arrays: dict[str, Arrays] = field(default_factory=dict)
    metrics: dict[str, Entries] = field(default_factory=dict)
    config: dict[str, Entries] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)

    def names(self) -> list[str]:
        """List the records' names in wire order.

        Returns
        -------
        list of str
            Each once for every kind that has a record of that name.
        """
        present = [*self.arrays, *self.metrics, *self.config]
        if not self.order:
            return present
        places = {name: place for place, name in enumerate(self.order)}
        return sorted(present, key=lambda name: places.get(name, len(places)))

    def all_arrays(self) -> Iterator[ArrayBytes]:
        """Iterate over every array of every array record, in wire order."""
        for name in self.names():
            if name in self.arrays:
                yield from self.arrays[name].values()

    def size_bytes(self) -> int:
        """Sum the sizes of all arrays, in bytes."""
        return sum(array.size_bytes for array in self.all_arrays())


def table_of(records: Records) -> list[pb.Record]:
    """Describe records without the bytes of their arrays.

    Parameters
    ----------
    records
        Any.

    Returns
    -------
    list of pb.Record
        In wire order.

    Raises
    ------
    StreamError
        If two kinds share a name, or a value or description is one that no table holds.
    """
    names = records.names()
    if len(set(names)) != len(names):
        raise StreamError("Two records of one message have the same name.")
    table = []
    try:
        for name in names:
            record = pb.Record(name=name)
            if name in records.arrays:
                record.arrays.SetInParent()
                for key, array in records.arrays[name].items():
                    record.arrays.arrays.append(_spec_of(key, array))
            elif name in records.metrics:
                entries = entries_to_table(records.metrics[name], numbers=True)
                record.metrics.CopyFrom(entries)
            else:
                entries = entries_to_table(records.config[name], numbers=False)
                record.config.CopyFrom(entries)
            table.append(record)
    except (TypeError, ValueError) as error:
        raise StreamError(
            "A record cannot be sent: a name is no text, or a shape is out of range.",
            detail=str(error),
        ) from error
    return table


def _spec_of(name: str, array: ArrayBytes) -> pb.ArraySpec:
    spec = pb.ArraySpec(
        name=name,
        dtype=array.dtype,
        shape=array.shape,
        stype=array.stype,
        size_bytes=array.size_bytes,
        sha256=array.sha256,
    )
    check_spec(spec)
    return spec


def check_spec(spec: pb.ArraySpec) -> None:
    """Refuse the description of an array that cannot exist.

    Parameters
    ----------
    spec
        As it came.

    Raises
    ------
    StreamError
        If dtype, stype, shape or digest are out of range.
    """
    if max(len(spec.name), len(spec.dtype), len(spec.stype)) > NAME_MAX:
        raise StreamError(
            f"The array {spec.name[:40]!r}… has a name or dtype of over {NAME_MAX} letters."
        )
    if not is_possible(spec.shape):
        raise StreamError(f"The array {spec.name!r} is declared with an impossible shape.")
    if len(spec.sha256) not in (0, 32):
        raise StreamError(f"The array {spec.name!r} has a digest that is not 32 bytes long.")


def records_from_table(table: Iterable[pb.Record], data: Sequence[Buffer]) -> Records:
    """Put a table and the bytes of its arrays together again.

    Parameters
    ----------
    table
        As `table_of` makes it.
    data
        The bytes of each array of the table, over all records, in order.

    Returns
    -------
    Records
        Whose arrays hold `data` itself.

    Raises
    ------
    StreamError
        If the table is malformed, or `data` does not fit it.
    """
    records, specs = _read_table(table)
    arrays = list(records.all_arrays())
    if len(arrays) != len(data):
        raise StreamError(f"The table names {len(arrays)} arrays; {len(data)} came.")
    for array, spec, buffer in zip(arrays, specs, data, strict=True):
        if memoryview(buffer).nbytes != spec.size_bytes:
            raise StreamError(f"The array {spec.name!r} has not the size it declares.")
        array.data = buffer
    return records


def _read_table(table: Iterable[pb.Record]) -> tuple[Records, list[pb.ArraySpec]]:
    """Read a table into records whose arrays are empty yet, and the description of each array."""
    records = Records()
    specs: list[pb.ArraySpec] = []
    seen: set[str] = set()
    for record in table:
        if record.name in seen:
            raise StreamError(f"Two records of one message are named {record.name!r}.")
        seen.add(record.name)
        records.order.append(record.name)
        kind = record.WhichOneof("kind")
        if kind == "arrays":
            arrays = records.arrays.setdefault(record.name, {})
            for spec in record.arrays.arrays:
                check_spec(spec)
                if spec.name in arrays:
                    raise StreamError(f"Two arrays of one record are named {spec.name!r}.")
                arrays[spec.name] = ArrayBytes(
                    spec.dtype, tuple(spec.shape), spec.stype, b"", spec.sha256
                )
                specs.append(spec)
        elif kind == "metrics":
            records.metrics[record.name] = entries_from_table(record.metrics, numbers=True)
        elif kind == "config":
            records.config[record.name] = entries_from_table(record.config, numbers=False)
        else:
            raise StreamError(f"The record {record.name!r} is of no known kind.")
    return records, specs


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
    ) -> None:
        self._records, specs = _read_table(payload.records)
        self._arrays = list(self._records.all_arrays())
        self._travelling: list[_Slot] = []
        self._buffer: memoryview | None = None
        self._place = 0  # of the slot that the next byte goes to
        self._offset = 0  # in that slot
        self._inline = payload.data
        self._allocated_bytes = 0
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
        # numpy asks the kernel for huge pages, which makes the first touch of a large buffer cheap
        try:
            return np.empty(self._allocated_bytes, np.uint8).data
        except MemoryError as error:
            raise StreamError(f"There is no memory here for {self._size_bytes} bytes.") from error


@dataclass(slots=True)
class _Slot:
    """Where the bytes of one travelling array go in the buffer."""

    array: ArrayBytes
    start: int
    size_bytes: int
