"""The form that data must have, as a person who has some wants to read it."""

from __future__ import annotations

import streamlit as st

from fedota_proto.data_format import (
    ArraysFormat,
    Column,
    DataFormat,
    DeclaredArray,
    ImagesFormat,
    TableFormat,
    TextFormat,
)
from fedota_proto.data_format.images import FILE_COLUMN, LABELS_NAMES
from ui.parts.small_table import show_table
from ui.parts.words import count, joined, number, plain

_VALUES_SHOWN = 8
_CHANNELS = {1: "grey", 3: "colour", 4: "colour with transparency"}


def format_words(data: DataFormat) -> str:
    """Say in a sentence what data is needed."""
    fewest = f"at least {count(data.minimum_examples, 'example')}"
    predicted = (
        f"{joined(data.target_names)} {'is' if len(data.target_names) == 1 else 'are'} predicted"
    )
    match data:
        case TableFormat():
            return (
                f"A table with {count(len(data.inputs), 'column')} from which {predicted}, "
                f"{fewest}."
            )
        case ImagesFormat():
            colour = _CHANNELS.get(data.channels, f"{data.channels} channels")
            fit = "others are made to fit" if data.resize else "others are refused"
            where = (
                f"from which {predicted}, with a file of labels ({' or '.join(LABELS_NAMES)})"
                if data.targets
                else f"in a folder for each of {len(data.classes)} classes"
            )
            return (
                f"Pictures (PNG or JPEG) {where}, "
                f"{data.width} × {data.height} pixels, {colour} ({fit}), {fewest}."
            )
        case TextFormat():
            return (
                f"Text files in a folder for each of {len(data.classes)} classes, up to "
                f"{number(data.longest)} characters each, {fewest}."
            )
        case ArraysFormat():
            return (
                f"NumPy files (.npz) with {count(len(data.inputs), 'array')} from which "
                f"{predicted}, {fewest}."
            )


def _range_words(one: Column | DeclaredArray) -> str:
    unit = f" {one.unit}" if one.unit else ""
    if one.minimum is not None and one.maximum is not None:
        return f"{number(one.minimum)} to {number(one.maximum)}{unit}"
    if one.minimum is not None:
        return f"from {number(one.minimum)}{unit}"
    if one.maximum is not None:
        return f"up to {number(one.maximum)}{unit}"
    return one.unit


def allowed_words(values: tuple[str, ...]) -> str:
    """List allowed values, the first of many."""
    shown = ", ".join(values[:_VALUES_SHOWN])
    rest = len(values) - _VALUES_SHOWN
    return f"{shown} … and {rest} more" if rest > 0 else shown


def column_values(column: Column) -> str:
    """Say what may stand in a column."""
    words = [allowed_words(column.classes) if column.classes else _range_words(column)]
    if column.longest:
        words.append(f"at most {count(column.longest, 'character')}")
    if column.pattern:
        words.append(f"matching {column.pattern}")
    if column.unique:
        words.append("no value twice")
    if column.optional:
        words.append("may be empty")
    return ", ".join(word for word in words if word)


def _use(column: Column) -> str:
    if column.target:
        return "predicted"
    return "input" if column.used else "only checked"


def _table(data: DataFormat) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return the headings and rows of what the data must hold."""
    match data:
        case TableFormat():
            return ("column", "type", "values", "use"), [
                (one.name, one.type, column_values(one), _use(one)) for one in data.columns
            ]
        case ArraysFormat():
            return ("array", "type", "shape of an example", "values", "use"), [
                (
                    one.name,
                    one.dtype,
                    " × ".join(map(str, one.shape)) or "one number",
                    f"classes 0 to {one.classes - 1}" if one.classes else _range_words(one),
                    "predicted" if one.target else "input",
                )
                for one in data.arrays
            ]
        case ImagesFormat() if data.targets:
            file = (
                FILE_COLUMN,
                "text",
                "the picture's path in the folder, as scans/a.png",
                "names",
            )
            return ("column of the labels", "type", "values", "use"), [
                file,
                *((one.name, one.type, column_values(one), _use(one)) for one in data.targets),
            ]
        case _:
            return ("class (a folder's name)",), [(name,) for name in data.classes]


def show_data_needed(data: DataFormat) -> None:
    """Show the sentence and the columns, classes or arrays."""
    st.markdown(plain(format_words(data)))
    show_table(*_table(data), "The form that the data must have")
