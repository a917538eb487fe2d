"""How a format's fields become a model's inputs and targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fedota_client.declared_fields import (
    DeclaredField,
    has_gaps,
    input_fields,
    target_classes,
    target_fields,
)
from fedota_client.examples import Examples, Field, Values
from fedota_proto.data_format import DataFormat, TableFormat
from fedota_proto.errors import ModelFileError
from fedota_proto.manifest import ManifestInput

STRING = "string"
_NUMBER_DTYPES = frozenset(
    {"float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16"}
)


class InputLayout:
    """Puts examples into the form that a model takes.

    One input takes a whole field, as all columns in declared order, ``(batch, columns)``; where the
    inputs bear the columns' names, each gets its own, ``(batch, 1)``. The same holds for outputs
    and targets.

    Parameters
    ----------
    data_format
        The problem's.
    inputs, outputs
        Of the model, in its order.

    Attributes
    ----------
    targets
        Of each output the names of the targets that it predicts.

    Raises
    ------
    ModelFileError
        If the fields do not fit the model; says which and what to change.
    """

    def __init__(
        self,
        data_format: DataFormat,
        inputs: Sequence[ManifestInput],
        outputs: Sequence[ManifestInput],
    ) -> None:
        fields = input_fields(data_format)
        self._inputs = _choose(fields, inputs, _InputWords())
        for one, place in zip(inputs, self._inputs, strict=True):
            _check_input(one, fields[place.field], place, data_format)
        targets = target_fields(data_format)
        self._targets = _choose(targets, outputs, _OutputWords())
        _check_classes(data_format, outputs)
        self._dtypes = [_dtype(one.dtype) for one in inputs]
        self.targets = [_names(targets[place.field], place) for place in self._targets]

    def arrange(self, examples: Examples) -> tuple[list[Values], list[Values]]:
        """Lay examples out for the model.

        Parameters
        ----------
        examples
            In the declared format.

        Returns
        -------
        list of Values, list of Values
            One ``(examples, …)`` per input, in the input's dtype; one float32 per output. Arrays,
            where the examples are.
        """
        inputs = [
            _laid(examples.inputs[place.field], place, dtype)
            for place, dtype in zip(self._inputs, self._dtypes, strict=True)
        ]
        float32 = np.dtype(np.float32)
        return inputs, [_laid(examples.targets[p.field], p, float32) for p in self._targets]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an input's values are: a field, and a column of it if it is not the whole."""

    field: int
    column: int | None = None


class _InputWords:
    def lacks(self, given: Sequence[ManifestInput], names: Sequence[str]) -> str:
        takes = ", ".join(repr(one.name) for one in given[:5])
        return (
            f"The model has {len(given)} inputs ({takes}), and their names are not those of "
            f"the {len(names)} columns that are not the target. Give it one input of shape "
            f"({len(names)},), or one of shape (1,) for each column, named like it."
        )

    def misfits(self, one: ManifestInput, field: DeclaredField) -> str:
        if len(field.names) > 1 or len(field.shape) == 1:
            return (
                f"The model's input {one.name!r} takes {_width_words(one)}, but [data] declares "
                f"{len(field.names)} columns that are not the target: make them agree."
            )
        return (
            f"The model's input {one.name!r} has the shape {one.shape}, but [data] declares "
            f"{field.names[0]!r} with {field.shape}: make them agree."
        )


class _OutputWords:
    def lacks(self, given: Sequence[ManifestInput], names: Sequence[str]) -> str:
        listed = ", ".join(map(repr, names[:5]))
        targets = f"{len(names)} targets" if len(names) > 1 else "one target"
        return (
            f"The model has {len(given)} outputs, but [data] declares {targets} ({listed}): give "
            "the model one output, or one for each target, named like it."
        )

    def misfits(self, one: ManifestInput, field: DeclaredField) -> str:
        return (
            f"The model's output {one.name!r} has the shape {one.shape}, but [data] declares the "
            f"targets {', '.join(map(repr, field.names[:5]))}: make them agree."
        )


def _choose(
    fields: Sequence[DeclaredField],
    given: Sequence[ManifestInput],
    words: _InputWords | _OutputWords,
) -> list[_Place]:
    """Find for each of the model's inputs (or outputs) what it is given."""
    parts: dict[str, _Place] = {}
    for number, field in enumerate(fields):
        if len(field.names) == 1:
            parts[field.names[0]] = _Place(number)
        else:
            parts |= {name: _Place(number, column) for column, name in enumerate(field.names)}
    if {one.name for one in given} == set(parts) and all(
        _takes(one, fields[parts[one.name].field], parts[one.name].column, words) for one in given
    ):
        return [parts[one.name] for one in given]
    whole = {field.names[0]: n for n, field in enumerate(fields) if len(field.names) == 1}
    places = [_Place(whole[one.name]) if one.name in whole else None for one in given]
    left = sorted(set(range(len(fields))) - {place.field for place in places if place})
    nameless = [number for number, place in enumerate(places) if place is None]
    if len(left) != len(nameless) or len(left) > 1:
        raise ModelFileError(words.lacks(given, list(parts)))
    for number, field_number in zip(nameless, left, strict=True):
        places[number] = _Place(field_number)
    found = [place for place in places if place is not None]
    for one, place in zip(given, found, strict=True):
        if not _takes(one, fields[place.field], None, words):
            raise ModelFileError(words.misfits(one, fields[place.field]), place=one.name)
    return found


def _takes(
    one: ManifestInput,
    field: DeclaredField,
    column: int | None,
    words: _InputWords | _OutputWords,
) -> bool:
    """Say whether an input's (or output's) shape is that of a field, or of one of its columns."""
    if isinstance(words, _OutputWords) and len(field.shape) <= 1:
        # An output for each class is wider than its target, which is the class's index.
        several = column is None and len(field.names) > 1
        return not several or _width(one) in (len(field.names), None)
    if column is not None or len(field.shape) <= 1:
        width = 1 if column is not None else field.shape[0] if field.shape else 1
        return _width(one) in (width, None)
    if isinstance(words, _OutputWords):
        return len(one.shape) in (len(field.shape), len(field.shape) + 1)
    return len(one.shape) == len(field.shape) and all(
        mine in (None, theirs) for mine, theirs in zip(one.shape, field.shape, strict=True)
    )


def _check_input(
    one: ManifestInput, field: DeclaredField, place: _Place, data_format: DataFormat
) -> None:
    if field.is_text != (one.dtype == STRING):
        if field.is_text:
            raise ModelFileError(
                f"The model's input {one.name!r} takes {one.dtype}, but {field.names[0]!r} is a "
                'text: let it begin with keras.Input((1,), dtype="string") and a '
                "TextVectorization layer.",
                place=one.name,
            )
        raise ModelFileError(
            f"The model's input {one.name!r} takes texts, but [data] declares none for it: give "
            "it a floating-point or integer dtype.",
            place=one.name,
        )
    if not field.is_text and one.dtype not in _NUMBER_DTYPES:
        raise ModelFileError(
            f"The model's input {one.name!r} takes {one.dtype}, but columns become "
            "numbers: give it a floating-point or integer dtype.",
            place=one.name,
        )
    if field.has_gaps and "int" in one.dtype and _has_gaps(data_format, field, place):
        raise ModelFileError(
            f"The model's input {one.name!r} takes {one.dtype}, but a missing number becomes NaN: "
            "give it a floating-point dtype.",
            place=one.name,
        )


def _names(field: DeclaredField, place: _Place) -> tuple[str, ...]:
    return field.names if place.column is None else (field.names[place.column],)


def _has_gaps(data_format: DataFormat, field: DeclaredField, place: _Place) -> bool:
    if not isinstance(data_format, TableFormat):
        return False
    names = _names(field, place)
    return has_gaps([column for column in data_format.inputs if column.name in names])


def _check_classes(data_format: DataFormat, outputs: Sequence[ManifestInput]) -> None:
    """Refuse an output that tells fewer classes apart than its target has."""
    targets = target_classes(data_format)
    only = next(iter(targets)) if len(outputs) == len(targets) == 1 else None
    for one in outputs:
        name = only or one.name
        width, classes = one.shape[-1] if one.shape else None, len(targets.get(name, ()))
        if width is not None and 1 < width < classes:
            raise ModelFileError(
                f"The model's output {one.name!r} tells {width} classes apart, but {name!r} has "
                f"{classes} values: make them agree.",
                place=one.name,
            )


def _width(one: ManifestInput) -> int | None:
    """Count the numbers that an input takes for an example; None: any, -1: no list of them."""
    shape = one.shape
    if len(shape) == 0:
        return 1
    if len(shape) == 1 or (len(shape) == 2 and shape[1] == 1):
        return shape[0]
    return -1


def _width_words(one: ManifestInput) -> str:
    width = _width(one)
    return f"the shape {one.shape}" if width == -1 else f"{width} numbers"


def _dtype(name: str) -> np.dtype[Any]:
    return np.dtype(object) if name == STRING else np.dtype(name)


def _laid(field: Field, place: _Place, dtype: np.dtype[Any]) -> Values:
    values = field.values
    laid = LaidOut(values, place.column, dtype)
    return laid[:] if isinstance(values, np.ndarray) else laid


class LaidOut:
    """Values of a field, or one of its columns, in the dtype that a model takes.

    Parameters
    ----------
    values
        The field's.
    column
        Along the last axis; None: all of it.
    dtype
        Of the model's input.
    """

    def __init__(self, values: Values, column: int | None, dtype: np.dtype[Any]) -> None:
        self._values = values
        self._columns = slice(None) if column is None else slice(column, column + 1)
        self.dtype = dtype
        self.shape = values.shape if column is None else (*values.shape[:-1], 1)

    def __len__(self) -> int:
        """Count the examples."""
        return self.shape[0]

    def __getitem__(self, rows: Any) -> Any:
        """Read some of the examples."""
        return np.ascontiguousarray(self._values[rows][..., self._columns], dtype=self.dtype)
