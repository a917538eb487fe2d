"""A holder's CSV tables, read and checked against the declared format."""

from __future__ import annotations

import csv
import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, cast

import numpy as np
import pandas as pd

from fedota_client.examples import Examples, joined
from fedota_proto.data_format import Column, TableFormat
from fedota_proto.errors import DataError

ROWS_AT_A_TIME = 50_000
_FIRST_ROW = 2
_TRUE = frozenset({"true", "yes", "t", "y", "1"})
_FALSE = frozenset({"false", "no", "f", "n", "0"})
_LISTED_MAX = 8
_SURPLUS = re.compile(r"Expected \d+ fields in line (\d+), saw \d+")


def csv_files(place: Path) -> list[Path]:
    """List the CSV files of a folder.

    Parameters
    ----------
    place
        A folder, whose own files count and not those of folders in it; or one CSV file.

    Returns
    -------
    list of Path
        In the order of their names; hidden files are left out.

    Raises
    ------
    DataError
        If there is none.
    """
    if place.is_file():
        return [place]
    if not place.is_dir():
        raise DataError(f"{place} is not there; name the folder that holds your CSV files.")
    found = sorted(
        path
        for path in place.iterdir()
        if path.suffix.lower() == ".csv" and not path.name.startswith(".") and path.is_file()
    )
    if not found:
        raise DataError(
            f"{place} holds no CSV file; put your data there as one or more files named *.csv."
        )
    return found


def read_tables(place: Path, data_format: TableFormat, *, minimum: int | None = None) -> Examples:
    """Read all CSV files of a folder and check every cell.

    Parameters
    ----------
    place
        A folder of CSV files, or one CSV file.
    data_format
        What they must hold. Further columns are not looked at.
    minimum
        Fewest examples; None: as many as the format asks for.

    Returns
    -------
    Examples
        Of all files in the order of their names.

    Raises
    ------
    DataError
        At the first cell, row or file that does not keep the format, saying which, what was found,
        what was expected and what to do.
    """
    parts = [part for path in csv_files(place) for part in _read_file(path, data_format)]
    count = sum(map(len, parts))
    fewest = data_format.minimum_examples if minimum is None else minimum
    if count < fewest:
        raise DataError(
            f"{place} holds {count} examples; at least {fewest} are needed here. Add more rows, or "
            "do not take part in this problem."
        )
    return joined(parts)


def _read_file(path: Path, data_format: TableFormat) -> Iterator[Examples]:
    header = _read_header(path, data_format)
    numbers = {c.name for c in data_format.columns if c.type in ("number", "integer")}
    try:
        with pd.read_csv(
            path,
            encoding="utf-8-sig",
            header=0,
            names=header,
            dtype={name: str for name in header if name not in numbers},
            keep_default_na=False,
            na_values=[""],
            skip_blank_lines=False,
            skipinitialspace=True,
            low_memory=False,
            chunksize=ROWS_AT_A_TIME,
        ) as chunks:
            for chunk in chunks:
                table = chunk.dropna(how="all")
                if len(table):
                    rows = _Rows(path.name, table.index.to_numpy() + _FIRST_ROW)
                    yield _examples(rows, table, data_format)
    except pd.errors.ParserError as error:
        raise DataError(_irregular(path.name, str(error), len(header))) from error
    except UnicodeDecodeError as error:
        raise _not_utf8(path) from error
    except OSError as error:
        raise DataError(f"{path.name} cannot be read: {error.strerror or error}.") from error


def _read_header(path: Path, data_format: TableFormat) -> list[str]:
    """Return one distinct name for each column of the file: declared ones as they are."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.reader(file)
            found = [name.strip() for name in next(lines, [])]
            first = next(lines, [])
    except UnicodeDecodeError as error:
        raise _not_utf8(path) from error
    except (OSError, csv.Error) as error:
        raise DataError(f"{path.name} cannot be read: {error}.") from error
    declared = [column.name for column in data_format.columns]
    if not any(found):
        raise DataError(
            f"{path.name} is empty; its first row must name the columns: {_listed(declared)}."
        )
    for name in declared:
        if found.count(name) > 1:
            raise DataError(
                f"{path.name}, row 1: the column {name!r} is there {found.count(name)} times; "
                "rename or remove all but one."
            )
    missing = [name for name in declared if name not in found]
    if missing:
        raise DataError(_missing_columns(path.name, missing, found))
    if len(first) > len(found):
        # Pandas would take the surplus cells for an index, and shift the others.
        raise DataError(_too_many_cells(path.name, _FIRST_ROW, len(found)))
    return [name if name in declared else f"{name} (column {i})" for i, name in enumerate(found, 1)]


def _missing_columns(file: str, missing: Sequence[str], found: Sequence[str]) -> str:
    if len(found) == 1 and any(mark in found[0] for mark in ";\t|"):
        return (
            f"{file}, row 1: found one column, {found[0][:60]!r}; the cells must be separated by "
            "commas. Save the file as a comma-separated CSV with a decimal point."
        )
    if len(missing) > 1:
        return (
            f"{file}, row 1: the columns {_listed(missing)} are missing. Add them, named exactly "
            "so; upper and lower case count."
        )
    near = difflib.get_close_matches(missing[0], [name for name in found if name], n=1)
    remedy = f"Is it the one named {near[0]!r}? Rename it" if near else "Add it, named exactly so"
    return (
        f"{file}, row 1: the column {missing[0]!r} is missing. "
        f"{remedy}; upper and lower case count."
    )


def _irregular(file: str, parser_says: str, columns: int) -> str:
    row = _SURPLUS.search(parser_says)
    if row:
        return _too_many_cells(file, int(row[1]), columns)
    reason = parser_says.removeprefix("Error tokenizing data. C error: ").strip().rstrip(".")
    return (
        f"{file} is no regular CSV table ({reason}). Close every quotation mark that opens a cell, "
        "and give every row one cell for each column."
    )


def _too_many_cells(file: str, row: int, columns: int) -> str:
    return (
        f"{file}, row {row}: found more cells than the {columns} columns that row 1 names. Write "
        "numbers without thousands separator, texts that hold a comma in double quotes, and no "
        "comma at the end of a row."
    )


@dataclass(frozen=True, slots=True)
class _Rows:
    """Where a part of a file stands: its name, and the row of each line (the header is row 1)."""

    file: str
    numbers: np.ndarray

    def refuse(
        self, line: int, column: Column, found: object, expected: str, remedy: str
    ) -> NoReturn:
        unit = f" (in {column.unit})" if column.unit else ""
        raise DataError(
            f"{self.file}, row {self.numbers[line]}, column {column.name!r}: found "
            f"{_shown(found)}, expected {expected}{unit}. {remedy}"
        )


def _examples(rows: _Rows, table: pd.DataFrame, data_format: TableFormat) -> Examples:
    read = {c.name: _read_column(rows, c, table[c.name]) for c in data_format.columns}
    return Examples(
        inputs=np.stack([read[column.name] for column in data_format.inputs], axis=1),
        targets=read[data_format.target.name][:, np.newaxis],
    )


def _read_column(rows: _Rows, column: Column, cells: pd.Series[Any]) -> np.ndarray:
    """Turn one column's cells into float32 ``(rows,)``, or refuse the first one that is wrong."""
    empty = np.flatnonzero(cells.isna().to_numpy())
    if empty.size:
        rows.refuse(
            int(empty[0]), column, "", _expected(column), "Fill the cell in, or remove the row."
        )
    if column.type == "category":
        return _coded(rows, column, cells, {str(v): i for i, v in enumerate(column.allowed)})
    if column.type == "boolean":
        return _coded(
            rows, column, cells.str.lower(), dict.fromkeys(_FALSE, 0) | dict.fromkeys(_TRUE, 1)
        )
    values = _numbers(rows, column, cells)
    if not column.allowed:
        return values.astype(np.float32)
    codes = {float(cast("float", v)): i for i, v in enumerate(column.allowed)}
    return _coded(rows, column, pd.Series(values), codes)


def _coded(
    rows: _Rows, column: Column, cells: pd.Series[Any], codes: dict[str, int] | dict[float, int]
) -> np.ndarray:
    stripped = cells.str.strip() if cells.dtype == "str" or cells.dtype == object else cells
    coded = stripped.map(codes)
    foreign = np.flatnonzero(coded.isna().to_numpy())
    if foreign.size:
        line = int(foreign[0])
        rows.refuse(
            line,
            column,
            cells.iloc[line],
            _expected(column),
            "Correct the cell, or remove the row; upper and lower case count.",
        )
    return coded.to_numpy(dtype=np.float32)


def _numbers(rows: _Rows, column: Column, cells: pd.Series[Any]) -> np.ndarray:
    """Return float64 ``(rows,)`` that are finite, whole where asked for, and within the bounds."""
    if cells.dtype == bool:
        cells = cells.astype(str)
    values = pd.to_numeric(cells, errors="coerce").to_numpy(dtype=np.float64)

    def refuse_where(wrong: np.ndarray, remedy: str) -> None:
        lines = np.flatnonzero(wrong)
        if lines.size:
            line = int(lines[0])
            rows.refuse(line, column, cells.iloc[line], _expected(column), remedy)

    refuse_where(
        ~np.isfinite(values),
        "Write a number with a decimal point and without unit or thousands separator, "
        "or remove the row.",
    )
    refuse_where(
        np.abs(values) > float(np.finfo(np.float32).max), "The number is too large to be true."
    )
    if column.type == "integer":
        refuse_where(values != np.floor(values), "Write a whole number, or remove the row.")
    outside = np.zeros(len(values), dtype=bool)
    if column.minimum is not None:
        outside |= values < column.minimum
    if column.maximum is not None:
        outside |= values > column.maximum
    refuse_where(outside, "Check the value and its unit, or remove the row.")
    return values


def _expected(column: Column) -> str:
    if column.type == "boolean":
        return "true or false"
    if column.allowed:
        return f"one of {_listed([_shown(v) for v in column.allowed], quoted=False)}"
    kind = "a whole number" if column.type == "integer" else "a number"
    if column.minimum is not None and column.maximum is not None:
        return f"{kind} from {column.minimum:g} to {column.maximum:g}"
    if column.minimum is not None:
        return f"{kind} of at least {column.minimum:g}"
    if column.maximum is not None:
        return f"{kind} of at most {column.maximum:g}"
    return kind


def _shown(value: object) -> str:
    if isinstance(value, str):
        return "an empty cell" if not value.strip() else repr(value[:60])
    return f"{value:g}" if isinstance(value, float) else str(value)


def _listed(names: Sequence[str], *, quoted: bool = True) -> str:
    shown = [repr(name) if quoted else name for name in names[:_LISTED_MAX]]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _not_utf8(path: Path) -> DataError:
    return DataError(f"{path.name} is not UTF-8 text; save it as “CSV UTF-8”.")
