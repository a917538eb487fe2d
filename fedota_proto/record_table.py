"""Records, and the tables that describe them without the bytes of their arrays."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from fedota_proto.errors import StreamError
from fedota_proto.npy import NUMPY_STYPE, is_possible, npy_bytes
from fedota_proto.v1 import fl_records_pb2 as pb
from fedota_proto.values import Entries, entries_from_table, entries_to_table

NAME_MAX = 1024

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
    records, specs = read_table(table)
    arrays = list(records.all_arrays())
    if len(arrays) != len(data):
        raise StreamError(f"The table names {len(arrays)} arrays; {len(data)} came.")
    for array, spec, buffer in zip(arrays, specs, data, strict=True):
        if memoryview(buffer).nbytes != spec.size_bytes:
            raise StreamError(f"The array {spec.name!r} has not the size it declares.")
        array.data = buffer
    return records


def read_table(table: Iterable[pb.Record]) -> tuple[Records, list[pb.ArraySpec]]:
    """Read a table alone.

    Parameters
    ----------
    table
        As it came.

    Returns
    -------
    records : Records
        Whose arrays hold no bytes yet.
    specs : list of pb.ArraySpec
        The description of each array, in wire order.

    Raises
    ------
    StreamError
        If the table is malformed.
    """
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
