"""The form that a data holder's data must have: today a table of columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

from fedota_proto.toml_reader import Mistakes, TableReader, is_number, shown

ColumnType = Literal["number", "integer", "category", "boolean"]
COLUMN_TYPES: tuple[ColumnType, ...] = ("number", "integer", "category", "boolean")
COLUMNS_MAX = 10_000
ALLOWED_MAX = 10_000
EXAMPLES_MAX = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the table.

    Parameters
    ----------
    name
        As in the header of the file.
    type
        ``number`` and ``integer`` are taken as they are, ``boolean`` becomes 0 or 1, a value of
        `allowed` becomes its index there.
    unit
        For people; may be empty.
    minimum, maximum
        Bounds, both included, in `unit`; None where there is none.
    allowed
        Texts for a ``category`` (never empty there), numbers otherwise; empty: no restriction.
    target
        Whether this is what the model predicts.
    """

    name: str
    type: ColumnType
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    allowed: tuple[str, ...] | tuple[float, ...] = ()
    target: bool = False


@dataclass(frozen=True, slots=True)
class TableFormat:
    """Rows of declared columns, one of which is the target.

    Parameters
    ----------
    minimum_examples
        Fewest rows with which a holder may take part.
    columns
        In declared order, the target among them.
    """

    minimum_examples: int
    columns: tuple[Column, ...]
    kind: Literal["table"] = "table"

    @property
    def inputs(self) -> tuple[Column, ...]:
        """The columns that the model sees, in declared order."""
        return tuple(column for column in self.columns if not column.target)

    @property
    def target(self) -> Column:
        """The column that the model predicts."""
        return next(column for column in self.columns if column.target)


def read_data_format(reader: TableReader) -> TableFormat:
    """Read the section ``[data]``.

    Parameters
    ----------
    reader
        The section; every mistake is noted there.

    Returns
    -------
    TableFormat
        The format, with defaults filled in; not to be used if there was a mistake.
    """
    mistakes = reader.mistakes
    reader.choice("kind", ("table",), default="table")
    minimum_examples = reader.integer(
        "minimum_examples", minimum=2, maximum=EXAMPLES_MAX, default=10
    )
    rows = reader.list_of_values("columns")
    columns: list[Column] = []
    places: dict[str, str] = {}
    if len(rows) > COLUMNS_MAX:
        reader.wrong("columns", f"has {len(rows)} columns, at most {COLUMNS_MAX} are allowed")
        rows = []
    elif not rows and reader.fine("columns"):
        reader.wrong("columns", "is missing; write one [[data.columns]] for each column")
    named_all = True
    for number, row in enumerate(rows, start=1):
        place = f"[[data.columns]] number {number}"
        if not isinstance(row, dict):
            mistakes.add(place, f"must be a table with name and type, not {shown(row)}")
            named_all = False
            continue
        column = _read_column(row, place, mistakes)
        if column.name in places:
            mistakes.add(
                f"{place} name", f"{shown(column.name)} is also the name of {places[column.name]}"
            )
        elif column.name:
            places[column.name] = f"number {number}"
        columns.append(column)
    if columns and named_all:
        _check_target(columns, mistakes)
    reader.finish()
    return TableFormat(minimum_examples, tuple(columns))


def _read_column(row: Mapping[str, object], place: str, mistakes: Mistakes) -> Column:
    name = row.get("name")
    if isinstance(name, str) and name.strip():
        place = f"[[data.columns]] {shown(name)}"
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
    allowed: tuple[str, ...] | tuple[float, ...] = ()
    if reader.fine("allowed", "type"):
        if column_type == "category":
            allowed = _classes(reader, values)
        elif values:
            allowed = _numbers(reader, column_type, values)
    if column_type in ("category", "boolean"):
        for key in ("minimum", "maximum"):
            if reader.given(key):
                reader.wrong(key, f"makes no sense for type {shown(column_type)}; leave it out")
    elif minimum is not None and maximum is not None and minimum > maximum:
        reader.wrong("minimum", f"is {minimum:g}, above the maximum {maximum:g}")
    reader.finish()
    return Column(column_name, column_type, unit, minimum, maximum, allowed, target)


def _classes(reader: TableReader, values: list[object]) -> tuple[str, ...]:
    texts: list[str] = []
    for value in values:
        if isinstance(value, bool) or not isinstance(value, str | int):
            reader.wrong("allowed", f"holds {shown(value)}; a category's values are texts")
            return ()
        texts.append(str(value))
    if not texts:
        reader.wrong("allowed", 'is missing; list the values of the category, as ["B", "M"]')
    _check_list(reader, texts)
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
    if column_type == "boolean":
        reader.wrong("allowed", 'makes no sense for type "boolean"; leave it out')
        return ()
    numbers: list[float] = []
    for value in values:
        whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        if not is_number(value) or (column_type == "integer" and not whole):
            reader.wrong("allowed", f"holds {shown(value)}, which is no {column_type}")
            return ()
        numbers.append(float(cast(float, value)))
    _check_list(reader, numbers)
    return tuple(numbers)


def _check_list(reader: TableReader, values: list[str] | list[float]) -> None:
    if len(values) > ALLOWED_MAX:
        reader.wrong("allowed", f"lists {len(values)} values, at most {ALLOWED_MAX} are allowed")
        return
    seen: set[str | float] = set()
    for value in values:
        if value in seen:
            reader.wrong("allowed", f"lists {shown(value)} twice")
            return
        seen.add(value)


def _check_target(columns: list[Column], mistakes: Mistakes) -> None:
    targets = [column for column in columns if column.target]
    if not targets:
        mistakes.add(
            "[[data.columns]]", "no column has target = true; mark the one that the model predicts"
        )
    elif len(targets) > 1:
        names = ", ".join(shown(column.name) for column in targets[:5])
        mistakes.add(
            "[[data.columns]]", f"{len(targets)} columns have target = true ({names}); mark one"
        )
    elif len(columns) == 1:
        mistakes.add("[[data.columns]]", "there is no column besides the target to predict it from")
