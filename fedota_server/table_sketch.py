"""The columns of a sample table: types and ranges, as a draft of a data format."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from fedota_proto.data_format import ColumnType
from fedota_proto.errors import DataError

CLASSES_MAX = 50
_ROWS_MAX = 1_000_000
_KEY_ROWS = 20
_BOOLEANS = {"true", "false"}
_DIGITS = 3


@dataclass(frozen=True)
class ColumnSketch:
    """What a sample says about one column.

    Parameters
    ----------
    name
        As in the header.
    type
        The narrowest that every cell keeps; None where the column looks unusable, see `why_not`.
    minimum, maximum
        Of a number or integer, rounded outwards to three digits; None for other types.
    classes
        Distinct values of a category, sorted.
    empty_cells
        How many rows have none.
    why_not
        Why no model can use it as it is: an identifier, free text, nothing in it.
    """

    name: str
    type: ColumnType | None
    minimum: float | None = None
    maximum: float | None = None
    classes: tuple[str, ...] = ()
    empty_cells: int = 0
    why_not: str = ""


@dataclass
class _Observed:
    """Running notes on one column, whose size does not grow with the table."""

    name: str
    rows: int = 0
    empty: int = 0
    boolean: bool = True
    integer: bool = True
    number: bool = True
    lowest: float = math.inf
    highest: float = -math.inf
    texts: set[str] = field(default_factory=set)

    def take(self, cell: str) -> None:
        self.rows += 1
        if not cell:
            self.empty += 1
            return
        if len(self.texts) <= max(CLASSES_MAX, self.rows - 1):
            self.texts.add(cell)
        self.boolean = self.boolean and cell.lower() in _BOOLEANS
        if not self.number:
            return
        try:
            value = float(cell)
        except ValueError:
            value = math.nan
        if not math.isfinite(value) or "_" in cell:
            self.number = self.integer = False
            return
        self.integer = self.integer and value.is_integer()
        self.lowest, self.highest = min(self.lowest, value), max(self.highest, value)

    def sketch(self) -> ColumnSketch:
        filled = self.rows - self.empty
        why_not = self._why_not(filled)
        if why_not:
            return ColumnSketch(self.name, None, empty_cells=self.empty, why_not=why_not)
        if self.boolean:
            return ColumnSketch(self.name, "boolean", empty_cells=self.empty)
        if self.number:
            return ColumnSketch(
                self.name,
                "integer" if self.integer else "number",
                minimum=_outwards(self.lowest, down=True, whole=self.integer),
                maximum=_outwards(self.highest, down=False, whole=self.integer),
                empty_cells=self.empty,
            )
        classes = tuple(sorted(self.texts))
        return ColumnSketch(self.name, "category", classes=classes, empty_cells=self.empty)

    def _why_not(self, filled: int) -> str:
        if not filled:
            return "every cell is empty"
        words = self.name.lower().replace("-", "_").replace(" ", "_").split("_")
        distinct = len(self.texts) == filled >= _KEY_ROWS
        if distinct and (self.integer or not self.number) and {"id", "key", "number"} & set(words):
            return "every row has its own value: an identifier, from which nothing is learnt"
        if not self.boolean and not self.number and len(self.texts) > CLASSES_MAX:
            return f"more than {CLASSES_MAX} different texts: no category"
        return ""


def _outwards(value: float, *, down: bool, whole: bool) -> float:
    """Round away from the range to a few digits, so that the sample's own extremes are hidden."""
    if value == 0:
        return 0.0
    step = 10.0 ** (math.floor(math.log10(abs(value))) - _DIGITS + 1)
    if whole and step < 1:
        return value
    steps = math.floor(value / step) if down else math.ceil(value / step)
    return float(f"{steps * step:.{_DIGITS}g}")


def sketch_table(path: Path) -> list[ColumnSketch]:
    """Read a sample and describe its columns.

    Parameters
    ----------
    path
        A comma-separated file whose first row names the columns.

    Returns
    -------
    list of ColumnSketch
        In the file's order.

    Raises
    ------
    DataError
        The file cannot be read or is no regular table.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _sketch(path, csv.reader(file))
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8: save it as “CSV UTF-8”.") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error
    except csv.Error as error:
        raise DataError(f"{path} is no regular CSV table: {error}.") from error


def _sketch(path: Path, lines: Iterator[list[str]]) -> list[ColumnSketch]:
    columns = [_Observed(name.strip()) for name in next(lines, [])]
    _check_header(path, [column.name for column in columns])
    rows = 0
    for number, cells in enumerate(lines, start=2):
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(columns):
            raise DataError(
                f"{path}, row {number}: found {len(cells)} cells, but row 1 names "
                f"{len(columns)} columns; give every row one cell for each."
            )
        for column, cell in zip(columns, cells, strict=True):
            column.take(cell.strip())
        rows += 1
        if rows == _ROWS_MAX:
            break
    if not rows:
        raise DataError(f"{path} has no rows below its header: pass a sample with some examples.")
    return [column.sketch() for column in columns]


def _check_header(path: Path, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for number, name in enumerate(names, start=1):
        if not name:
            raise DataError(f"{path}, row 1: column {number} has no name; give it one.")
        if name in seen:
            raise DataError(f"{path}, row 1: the column {name!r} is there twice; rename one.")
        seen.add(name)
    if len(seen) < 2:
        raise DataError(
            f"{path}, row 1: found {len(seen) or 'no'} column; the first row must name the "
            "columns, separated by commas."
        )
