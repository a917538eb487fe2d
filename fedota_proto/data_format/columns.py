"""The columns of a table, as the setter declares them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

from fedota_proto.data_format.common import check_list
from fedota_proto.toml_reader import Mistakes, TableReader, is_number, shown

ColumnType = Literal["number", "integer", "category", "boolean", "text"]
COLUMN_TYPES: tuple[ColumnType, ...] = ("number", "integer", "category", "boolean", "text")
TEXT_LONGEST = 10_000_000
COLUMNS_MAX = 10_000
PATTERN_LONGEST = 500
# Patterns are matched by RE2, in time that is linear in the cell: a pattern comes from somebody
# else. It knows neither of these.
_NOT_IN_RE2 = re.compile(r"\(\?(?:=|!|<=|<!|\(|P=|>)|\\[1-9]|[*+?}]\+")
_REPEATS = re.compile(r"\{(\d*),?(\d*)\}")
_REPEATS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the table.

    Parameters
    ----------
    name
        As in the header of the file.
    type
        ``number`` and ``integer`` are taken as they are, ``boolean`` becomes 0 or 1, a value of
        `allowed` becomes its index there, ``text`` goes to the model as it is.
    unit
        For people; may be empty.
    minimum, maximum
        Bounds, both included, in `unit`; None where there is none.
    allowed
        Texts for a ``category`` (never empty there), numbers otherwise; empty: no restriction.
    target
        Whether this is what the model predicts.
    optional
        Whether a cell may be empty. The model is given NaN for it, the index after the last
        allowed value, or an empty text.
    pattern
        Regular expression in RE2's syntax that a whole text must match; empty: any.
    unique
        Whether no two rows may have the same value.
    used
        Whether the model is given the column; if not, it is only checked, as an identifier is.
    longest
        Most characters of a ``text``; 0: no bound.
    """

    name: str
    type: ColumnType
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    allowed: tuple[str, ...] | tuple[float, ...] = ()
    target: bool = False
    optional: bool = False
    pattern: str = ""
    unique: bool = False
    used: bool = True
    longest: int = 0

    @property
    def classes(self) -> tuple[str, ...]:
        """The values that the model tells apart, as texts; empty where it is a number or text."""
        if self.type == "boolean":
            return ("false", "true")
        return tuple(v if isinstance(v, str) else f"{v:g}" for v in self.allowed)


def read_columns(reader: TableReader, key: str) -> tuple[list[Column], bool]:
    """Read the columns of ``[[data.KEY]]``, no two of which bear the same name.

    Parameters
    ----------
    reader
        Of the section ``[data]``; every mistake is noted there.
    key
        ``columns`` or ``targets``.

    Returns
    -------
    list of Column, bool
        Not to be used if there was a mistake; and whether each is a table, so that what they are
        together can be judged.
    """
    mistakes = reader.mistakes
    rows = reader.list_of_values(key)
    columns: list[Column] = []
    places: dict[str, str] = {}
    if len(rows) > COLUMNS_MAX:
        reader.wrong(key, f"has {len(rows)} columns, at most {COLUMNS_MAX} are allowed")
        return [], False
    all_tables = True
    for number, row in enumerate(rows, start=1):
        place = f"[[data.{key}]] number {number}"
        if not isinstance(row, dict):
            mistakes.add(place, f"must be a table with name and type, not {shown(row)}")
            all_tables = False
            continue
        column = _read_column(row, key, place, mistakes)
        if column.name in places:
            mistakes.add(
                f"{place} name", f"{shown(column.name)} is also the name of {places[column.name]}"
            )
        elif column.name:
            places[column.name] = f"number {number}"
        columns.append(column)
    return columns, all_tables


def _read_column(row: Mapping[str, object], key: str, place: str, mistakes: Mistakes) -> Column:
    name = row.get("name")
    if isinstance(name, str) and name.strip():
        place = f"[[data.{key}]] {shown(name)}"
    reader = TableReader(row, place, mistakes)
    column_name = reader.text("name")
    if reader.fine("name") and column_name != column_name.strip():
        reader.wrong("name", f"{shown(column_name)} begins or ends with a blank; leave it out")
    column_type = cast(ColumnType, reader.choice("type", COLUMN_TYPES))
    unit = reader.text("unit", default="", longest=50, may_be_empty=True)
    minimum = reader.optional_number("minimum")
    maximum = reader.optional_number("maximum")
    values = reader.list_of_values("allowed")
    target = reader.flag("target", default=False)
    optional = reader.flag("optional", default=False)
    pattern = reader.text("pattern", default="", longest=PATTERN_LONGEST, may_be_empty=True)
    unique = reader.flag("unique", default=False)
    used = reader.flag("used", default=True)
    longest = reader.integer("longest", minimum=1, maximum=TEXT_LONGEST, default=0)
    allowed: tuple[str, ...] | tuple[float, ...] = ()
    if reader.fine("allowed", "type"):
        if column_type == "category":
            allowed = _classes(reader, values)
        elif values:
            allowed = _numbers(reader, column_type, values)
    if column_type in ("category", "boolean", "text"):
        for key in ("minimum", "maximum"):
            if reader.given(key):
                reader.wrong(key, f"makes no sense for type {shown(column_type)}; leave it out")
    elif minimum is not None and maximum is not None and minimum > maximum:
        reader.wrong("minimum", f"is {minimum:g}, above the maximum {maximum:g}")
    if reader.fine("type"):
        _check_text_keys(reader, column_type, pattern)
    if target and reader.fine("target"):
        _check_target(reader, column_type, optional=optional, used=used)
    reader.finish()
    return Column(
        column_name,
        column_type,
        unit,
        minimum,
        maximum,
        allowed,
        target,
        optional,
        pattern,
        unique,
        used,
        longest,
    )


def _check_text_keys(reader: TableReader, column_type: ColumnType, pattern: str) -> None:
    for key in ("pattern", "longest"):
        if reader.given(key) and column_type != "text":
            reader.wrong(key, f'is for type "text", not {shown(column_type)}; leave it out')
    if not pattern or not reader.fine("pattern"):
        return
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        reader.wrong("pattern", f"{shown(pattern)} is no regular expression: {error}")
        return
    repeats = [int(n) for pair in _REPEATS.findall(pattern) for n in pair if n]
    if _NOT_IN_RE2.search(pattern) or max(repeats, default=0) > _REPEATS_MAX:
        reader.wrong(
            "pattern",
            f"{shown(pattern)} looks ahead or behind, refers back or repeats more than "
            f"{_REPEATS_MAX} times; write it without",
        )


def _check_target(
    reader: TableReader, column_type: ColumnType, *, optional: bool, used: bool
) -> None:
    if column_type == "text":
        reader.wrong("target", "is true, but a text cannot be predicted; declare its classes")
    if optional:
        reader.wrong("optional", "is true, but the target is needed in every row; leave it out")
    if not used:
        reader.wrong("used", "is false, but the model predicts this column; leave it out")


def _classes(reader: TableReader, values: list[object]) -> tuple[str, ...]:
    texts: list[str] = []
    for value in values:
        if isinstance(value, bool) or not isinstance(value, str | int):
            reader.wrong("allowed", f"holds {shown(value)}; a category's values are texts")
            return ()
        texts.append(str(value))
    if not texts:
        reader.wrong("allowed", 'is missing; list the values of the category, as ["B", "M"]')
    check_list(reader, "allowed", texts)
    for text in texts:
        if not text.strip() or text != text.strip() or not text.isprintable() or len(text) > 200:
            reader.wrong(
                "allowed",
                f"holds {shown(text)}; a value has 1 to 200 visible characters and neither "
                "begins nor ends with a blank",
            )
            break
    return tuple(texts)


def _numbers(reader: TableReader, column_type: str, values: list[object]) -> tuple[float, ...]:
    if column_type in ("boolean", "text"):
        reader.wrong("allowed", f"makes no sense for type {shown(column_type)}; leave it out")
        return ()
    numbers: list[float] = []
    for value in values:
        whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        if not is_number(value) or (column_type == "integer" and not whole):
            reader.wrong("allowed", f"holds {shown(value)}, which is no {column_type}")
            return ()
        numbers.append(float(value))
    check_list(reader, "allowed", numbers)
    return tuple(numbers)
