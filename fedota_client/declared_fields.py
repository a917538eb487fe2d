"""The fields that examples of a format have, before there is any example."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fedota_proto.data_format import (
    ArraysFormat,
    Column,
    DataFormat,
    DeclaredArray,
    ImagesFormat,
    TableFormat,
)
from fedota_proto.data_format.images import INPUT_NAME as IMAGE
from fedota_proto.data_format.text import INPUT_NAME as TEXT


@dataclass(frozen=True, slots=True)
class DeclaredField:
    """One field of every example, before there is any.

    Parameters
    ----------
    names
        What it is called; several: the columns along its last axis.
    shape
        Of one example.
    is_text
        Whether it holds texts.
    has_gaps
        Whether a number may be missing.
    """

    names: tuple[str, ...]
    shape: tuple[int, ...]
    is_text: bool = False
    has_gaps: bool = False


def input_fields(data_format: DataFormat) -> list[DeclaredField]:
    """List the fields of a format's inputs, in the order in which examples have them."""
    if isinstance(data_format, TableFormat):
        numbers = [column for column in data_format.inputs if column.type != "text"]
        texts = [column for column in data_format.inputs if column.type == "text"]
        matrix = [DeclaredField(_names(numbers), (len(numbers),), has_gaps=has_gaps(numbers))]
        return (matrix if numbers else []) + [
            DeclaredField((column.name,), (1,), is_text=True) for column in texts
        ]
    if isinstance(data_format, ImagesFormat):
        return [DeclaredField((IMAGE,), data_format.shape)]
    if isinstance(data_format, ArraysFormat):
        return [_of_array(array) for array in data_format.inputs]
    return [DeclaredField((TEXT,), (1,), is_text=True)]


def target_fields(data_format: DataFormat) -> list[DeclaredField]:
    """List the fields of a format's targets, in the order in which examples have them."""
    if isinstance(data_format, ArraysFormat):
        return [_of_array(array) for array in data_format.targets]
    names = data_format.target_names
    return [DeclaredField(names, (len(names),))]


def target_classes(data_format: DataFormat) -> dict[str, tuple[str, ...]]:
    """Name the classes of each target, in declared order; none where it is a number."""
    if isinstance(data_format, ArraysFormat):
        return {one.name: tuple(map(str, range(one.classes))) for one in data_format.targets}
    if isinstance(data_format, TableFormat | ImagesFormat) and data_format.targets:
        return {column.name: column.classes for column in data_format.targets}
    return dict.fromkeys(data_format.target_names, data_format.classes)


def has_gaps(columns: Sequence[Column]) -> bool:
    """Say whether a number may be missing in some of these columns."""
    return any(column.optional and not column.allowed for column in columns)


def _names(columns: Sequence[Column]) -> tuple[str, ...]:
    return tuple(column.name for column in columns)


def _of_array(array: DeclaredArray) -> DeclaredField:
    return DeclaredField((array.name,), array.shape or (1,))
