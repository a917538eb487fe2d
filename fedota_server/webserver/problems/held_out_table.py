"""A first look at a setter's test file, without the client's reader, which needs pandas."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import IO

from fedota_proto.data_format import Column, TableFormat
from fedota_proto.errors import DataError

ROWS_LOOKED_AT = 10_000
_BOOLEANS = frozenset({"true", "yes", "t", "y", "1", "false", "no", "f", "n", "0"})


def check_test_table(path: Path, name: str, data_format: TableFormat) -> None:
    """Refuse a test file that cannot keep the format; what passes is read whole by the score job.

    Parameters
    ----------
    path, name
        The file, and how its owner calls it.
    data_format
        The problem's.

    Raises
    ------
    DataError
        It is no CSV table, lacks a declared column, or one of its first rows does not keep the
        format.
    """
    try:
        with path.open("rb") as file:
            check_test_rows(file, name, data_format)
    except OSError as error:
        raise DataError(f"{name} cannot be read: {error.strerror}.") from error


def check_test_rows(file: IO[bytes], name: str, data_format: TableFormat) -> None:
    """Refuse a CSV table, open from its beginning, as `check_test_table` does.

    Raises
    ------
    DataError
        As there.
    """
    try:
        with TextIOWrapper(file, encoding="utf-8-sig", newline="") as text:
            _check(name, csv.reader(text), data_format)
    except UnicodeDecodeError as error:
        raise DataError(f"{name} is not UTF-8: save it as “CSV UTF-8”.") from error
    except csv.Error as error:
        raise DataError(f"{name} is no regular CSV table: {error}.") from error


def _check(name: str, lines: Iterator[list[str]], data_format: TableFormat) -> None:
    header = [cell.strip() for cell in next(lines, [])]
    missing = [column.name for column in data_format.columns if column.name not in header]
    if missing:
        raise DataError(
            f"{name}, row 1: the column {missing[0]!r} is missing; the first row must name the "
            "declared columns, upper and lower case count."
        )
    columns = [(header.index(column.name), column) for column in data_format.columns]
    rows = 0
    for number, cells in enumerate(islice(lines, ROWS_LOOKED_AT), start=2):
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) > len(header) or len(cells) <= max(place for place, _ in columns):
            raise DataError(
                f"{name}, row {number}: found {len(cells)} cells, but row 1 names {len(header)} "
                "columns; give every row one cell for each."
            )
        for place, column in columns:
            expected = _expected(column, cells[place].strip())
            if expected:
                raise DataError(
                    f"{name}, row {number}, column {column.name!r}: found "
                    f"{cells[place].strip()[:60]!r}, expected {expected}."
                )
        rows += 1
    if not rows:
        raise DataError(f"{name} has no rows below its header: give it some examples.")


def _expected(column: Column, cell: str) -> str:
    """Say what a cell should have been; empty where it is fine."""
    if not cell:
        return "" if column.optional else "a value"
    if column.type == "boolean":
        return "" if cell.lower() in _BOOLEANS else "true or false"
    if column.type == "category":
        return "" if cell in column.allowed else f"one of {', '.join(column.classes[:8])}"
    if column.type == "text":
        return ""
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or "_" in cell:
        return "a number"
    if column.type == "integer" and not value.is_integer():
        return "a whole number"
    if column.minimum is not None and value < column.minimum:
        return f"at least {column.minimum:g}"
    if column.maximum is not None and value > column.maximum:
        return f"at most {column.maximum:g}"
    if column.allowed and value not in column.allowed:
        return f"one of {', '.join(column.classes[:8])}"
    return ""
