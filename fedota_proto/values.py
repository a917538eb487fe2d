"""Entries of metric and configuration records <-> their protobuf form, types kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from fedota_proto.errors import StreamError
from fedota_proto.v1 import fl_records_pb2 as pb

Scalar = float | int | bool | str | bytes
ScalarList = Sequence[float] | Sequence[int] | Sequence[bool] | Sequence[str] | Sequence[bytes]
Entries = dict[str, Scalar | ScalarList]

INT64_MAX = 2**63 - 1
_NUMBER_KINDS = frozenset({"double", "sint64", "uint64", "doubles", "sint64s", "uint64s"})
_LIST_KINDS = frozenset({"doubles", "sint64s", "uint64s", "bools", "strings", "bytes_list"})


def entries_to_table(entries: Mapping[str, Scalar | ScalarList], *, numbers: bool) -> pb.EntryTable:
    """Write entries as a table, in their order.

    Parameters
    ----------
    entries
        Names and values.
    numbers
        Allow numbers and lists of numbers only, as metric records do.

    Returns
    -------
    pb.EntryTable
        One entry per name.

    Raises
    ------
    StreamError
        If a value has a type or a size that no record holds.
    """
    table = pb.EntryTable()
    for key, value in entries.items():
        try:
            entry = pb.Entry(key=key, value=_value_to_proto(value))
        except (TypeError, ValueError) as error:
            raise StreamError(
                f"The entry {key!r} cannot be sent: {_kind_of(value)} is not a value of a record.",
                detail=str(error),
            ) from error
        if numbers and entry.value.WhichOneof("value") not in _NUMBER_KINDS:
            raise StreamError(f"The metric {key!r} is {_kind_of(value)}; metrics are numbers.")
        table.entries.append(entry)
    return table


def entries_from_table(table: pb.EntryTable, *, numbers: bool) -> Entries:
    """Read entries from a table, in its order.

    Parameters
    ----------
    table
        As it came.
    numbers
        Allow numbers and lists of numbers only.

    Returns
    -------
    dict
        Names and values; lists as ``list``.

    Raises
    ------
    StreamError
        If a name stands twice, or a value has no type or one not allowed here.
    """
    entries: Entries = {}
    for entry in table.entries:
        if entry.key in entries:
            raise StreamError(f"The entry {entry.key!r} stands twice in one record.")
        kind = entry.value.WhichOneof("value")
        if kind is None:
            raise StreamError(f"The entry {entry.key!r} has no value of a known type.")
        if numbers and kind not in _NUMBER_KINDS:
            raise StreamError(f"The metric {entry.key!r} is no number.")
        value = getattr(entry.value, kind)
        entries[entry.key] = list(value.values) if kind in _LIST_KINDS else value
    return entries


def _value_to_proto(value: Scalar | ScalarList) -> pb.Value:
    if isinstance(value, bool):
        return pb.Value(bool=value)
    if isinstance(value, int):
        return pb.Value(uint64=value) if value > INT64_MAX else pb.Value(sint64=value)
    if isinstance(value, float):
        return pb.Value(double=value)
    if isinstance(value, str):
        return pb.Value(string=value)
    if isinstance(value, bytes):
        return pb.Value(bytes=value)
    if not isinstance(value, list | tuple):
        raise TypeError(f"a {type(value).__name__} is no value of a record")
    return _list_to_proto(value)


def _list_to_proto(values: Sequence[object]) -> pb.Value:
    """Choose a list's type by its elements; without any it is a list of floats, as in Flower."""
    if len(values) and _all(values, bool):
        return pb.Value(bools=pb.BoolList(values=values))  # type: ignore[arg-type]
    if len(values) and _all(values, int):
        if max(values) > INT64_MAX:  # type: ignore[type-var,operator]
            return pb.Value(uint64s=pb.Uint64List(values=values))  # type: ignore[arg-type]
        return pb.Value(sint64s=pb.Sint64List(values=values))  # type: ignore[arg-type]
    if _all(values, float):
        return pb.Value(doubles=pb.DoubleList(values=values))  # type: ignore[arg-type]
    if _all(values, str):
        return pb.Value(strings=pb.StringList(values=values))  # type: ignore[arg-type]
    if _all(values, bytes):
        return pb.Value(bytes_list=pb.BytesList(values=values))  # type: ignore[arg-type]
    raise TypeError("a list's elements must all be of one type")


def _all(values: Iterable[object], kind: type) -> bool:
    return all(isinstance(value, kind) for value in values)


def _kind_of(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return "an integer beyond 64 bits"
    if isinstance(value, list | tuple):
        return "a list of mixed, unknown or oversized values"
    return f"a {type(value).__name__}"
