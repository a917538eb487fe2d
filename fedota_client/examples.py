"""A holder's examples as the model is given them: what every kind of data becomes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

ROWS_AT_A_TIME = 4_096


class Values(Protocol):
    """An array, or what reads like one along its first axis: from a file, a picture at a time.

    Indexing takes a slice, integers ``(chosen,)`` or booleans ``(examples,)`` and returns an
    array; several threads may do it at the same time.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes along each axis, the examples first."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the elements; object for texts."""
        ...

    def __len__(self) -> int:
        """Count the examples."""
        ...

    def __getitem__(self, rows: Any, /) -> Any:
        """Read some of the examples."""
        ...


@dataclass(frozen=True, slots=True)
class Field:
    """One part of every example.

    Parameters
    ----------
    names
        What it is called; several: the columns along its last axis.
    values
        ``(examples, …)``.
    """

    names: tuple[str, ...]
    values: Values


@dataclass(frozen=True, slots=True)
class Examples:
    """Examples in the declared format.

    A table's columns of numbers are one field, float32 ``(examples, columns)``, allowed values as
    their index in the declared list; each column of texts is one, ``(examples, 1)`` of objects; so
    are pictures, uint8 ``(examples, height, width, channels)``, and every named array.

    Parameters
    ----------
    inputs
        What the model is given.
    targets
        What it predicts; float32 ``(examples, targets)``, or named arrays.
    hashes
        uint64 ``(examples,)``, of each example's content, where the reader knows better than by
        its values; None: of the values.
    """

    inputs: tuple[Field, ...]
    targets: tuple[Field, ...]
    hashes: np.ndarray | None = None

    @property
    def fields(self) -> tuple[Field, ...]:
        """Inputs, then targets."""
        return self.inputs + self.targets

    def __len__(self) -> int:
        """Count the examples."""
        return len(self.targets[0].values)

    def take(self, rows: np.ndarray) -> Examples:
        """Return some of the examples: copies of arrays, views of what is read from files.

        Parameters
        ----------
        rows
            Integer ``(chosen,)``, or boolean ``(examples,)``.
        """
        return Examples(
            tuple(Field(one.names, taken(one.values, rows)) for one in self.inputs),
            tuple(Field(one.names, taken(one.values, rows)) for one in self.targets),
            None if self.hashes is None else self.hashes[rows],
        )


def joined(parts: Sequence[Examples]) -> Examples:
    """Return all examples of all parts, in order; at least one part."""
    if len(parts) == 1:
        return parts[0]
    hashes = [part.hashes for part in parts if part.hashes is not None]
    return Examples(
        _joined_fields([part.inputs for part in parts]),
        _joined_fields([part.targets for part in parts]),
        np.concatenate(hashes) if len(hashes) == len(parts) else None,
    )


def slices(count: int, size: int = ROWS_AT_A_TIME) -> Iterator[slice]:
    """Cut `count` examples into pieces of at most `size`."""
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


def taken(values: Values, rows: np.ndarray) -> Values:
    """Return some rows of values: a copy of an array, else a view."""
    if isinstance(values, np.ndarray):
        return np.asarray(values[rows])
    if rows.dtype == bool:
        rows = np.flatnonzero(rows)
    return ChosenRows(values, rows)


class ChosenRows:
    """Some rows of values that are read when they are needed.

    Parameters
    ----------
    values
        Of all.
    rows
        Integer ``(chosen,)``.
    """

    def __init__(self, values: Values, rows: np.ndarray) -> None:
        self._values = values
        self._rows = rows
        self.shape = (len(rows), *values.shape[1:])
        self.dtype = values.dtype

    def __len__(self) -> int:
        """Count the examples."""
        return len(self._rows)

    def __getitem__(self, rows: Any) -> Any:
        """Read some of the examples."""
        return self._values[self._rows[rows]]


class JoinedValues:
    """Values of several parts, one after the other.

    Parameters
    ----------
    parts
        At least one, all alike but for their number of examples.
    """

    def __init__(self, parts: Sequence[Values]) -> None:
        self._parts = parts
        self._ends = np.cumsum([len(part) for part in parts])
        self.shape = (int(self._ends[-1]), *parts[0].shape[1:])
        self.dtype = parts[0].dtype

    def __len__(self) -> int:
        """Count the examples."""
        return self.shape[0]

    def __getitem__(self, rows: Any) -> Any:
        """Read some of the examples."""
        chosen = np.arange(len(self))[rows] if isinstance(rows, slice) else np.asarray(rows)
        if chosen.dtype == bool:
            chosen = np.flatnonzero(chosen)
        found = np.empty((len(chosen), *self.shape[1:]), self.dtype)
        part_of = np.searchsorted(self._ends, chosen, side="right")
        for number in np.unique(part_of):
            here = part_of == number
            start = self._ends[number] - len(self._parts[number])
            found[here] = self._parts[number][chosen[here] - start]
        return found


def _joined_fields(parts: Sequence[tuple[Field, ...]]) -> tuple[Field, ...]:
    return tuple(
        Field(fields[0].names, _joined_values([one.values for one in fields]))
        for fields in zip(*parts, strict=True)
    )


def _joined_values(parts: Iterable[Values]) -> Values:
    parts = list(parts)
    arrays = [part for part in parts if isinstance(part, np.ndarray)]
    return np.concatenate(arrays) if len(arrays) == len(parts) else JoinedValues(parts)
