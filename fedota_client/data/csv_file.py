"""CSV files, read in blocks of whole rows."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.csv

from fedota_client.data.blocks import Block, arrow_type
from fedota_client.data.csv_header import not_utf8, read_header, unreadable
from fedota_client.data.findings import Finding
from fedota_proto.data_format import TableFormat

BLOCK_BYTES = 16 << 20
ROW_BYTES_MAX = 64 << 20
FIRST_ROW = 2
BOM = b"\xef\xbb\xbf"
_SURPLUS = re.compile(r"Expected \d+ fields in line (\d+), saw \d+")
_UNCLOSED = re.compile(r"EOF inside string starting at row (\d+)")
_BLANK_LINES = (b"\n\n", b"\n\r\n")


class CsvFile:
    """One CSV file: UTF-8, commas, its first row naming the columns.

    Parameters
    ----------
    path
        The file.
    name
        How it is called in findings.
    data_format
        Which columns count; further ones are not looked at.

    Raises
    ------
    FileRefusedError
        The file's first rows are such that nothing of it can be read.
    """

    def __init__(self, path: Path, name: str, data_format: TableFormat) -> None:
        self._path = path
        self._name = name
        self._columns = data_format.columns
        self._header = read_header(path, name, [column.name for column in self._columns])

    def blocks(self) -> Iterator[Block]:
        """Read the file, from its second row on.

        Yields
        ------
        Block
            Of whole rows. One with `irregular` is the last.
        """
        row = FIRST_ROW
        try:
            with self._path.open("rb") as file:
                for part in _parts(file):
                    block, rows = self._read(part.data, row, part.size_bytes)
                    yield block
                    if block.irregular is not None:
                        return
                    row += rows
        except OSError as error:
            yield self._ending(row, unreadable(self._name, error))
        except _NoRowEndsError:
            reason = f"row {row} or a later one is longer than 64 MB"
            yield self._ending(row, self._irregular(reason))

    def _read(self, data: bytes, row: int, size_bytes: int) -> tuple[Block, int]:
        """Return a block and how many rows it has."""
        # Arrow passes over blank lines, which count as rows to people, and an open quotation mark.
        blank = data.startswith((b"\n", b"\r\n")) or any(mark in data for mark in _BLANK_LINES)
        whole = data.count(b'"') % 2 == 0
        table = self._typed(data) if whole and not blank else None
        if table is not None:
            cells = _Cells(data, self._header, row)
            return Block(self._name, table, cells, row, size_bytes), table.num_rows
        finding = None
        cells = _Cells(data, self._header, row)
        try:
            frame = cells()
        except pd.errors.ParserError as error:
            surplus = _SURPLUS.search(str(error))
            unclosed = _UNCLOSED.search(str(error))
            regular = int(surplus[1]) - 1 if surplus else int(unclosed[1]) if unclosed else 0
            if surplus:
                finding = too_many_cells(self._name, row + regular, len(self._header))
            elif unclosed:
                finding = self._irregular(f"a quotation mark in row {row + regular} never closes")
            else:
                finding = self._irregular(_reason(error))
            frame = _Cells(data, self._header, row, regular)()
        except UnicodeDecodeError:
            return self._ending(row, not_utf8(self._path, self._name, "WINDOWS-1252")), 0
        return Block(self._name, None, lambda: frame, row, size_bytes, finding), len(frame)

    def _typed(self, data: bytes) -> pa.Table | None:
        try:
            return pyarrow.csv.read_csv(
                pa.BufferReader(data),
                read_options=pyarrow.csv.ReadOptions(
                    column_names=self._header, use_threads=False, block_size=BLOCK_BYTES
                ),
                parse_options=pyarrow.csv.ParseOptions(newlines_in_values=b'"' in data),
                convert_options=pyarrow.csv.ConvertOptions(
                    column_types={c.name: arrow_type(c) for c in self._columns},
                    include_columns=[c.name for c in self._columns],
                    null_values=[""],
                    strings_can_be_null=True,
                ),
            )
        except (pa.ArrowInvalid, pa.ArrowKeyError):
            return None

    def _irregular(self, reason: str) -> Finding:
        return Finding(
            code="irregular",
            file=self._name,
            found=f"it is no regular CSV table ({reason})",
            remedy="Close every quotation mark that opens a cell, and give every row one cell for "
            "each column.",
        )

    def _ending(self, row: int, finding: Finding) -> Block:
        empty = pd.DataFrame({name: pd.Series(dtype=str) for name in self._header})
        return Block(self._name, None, lambda: empty, row, 0, finding)


@dataclass(frozen=True, slots=True)
class _Cells:
    """Reads a piece of a file as texts."""

    data: bytes
    header: list[str]
    first_row: int
    lines: int | None = None

    def __call__(self) -> pd.DataFrame:
        if self.lines == 0 or not self.data:
            return pd.DataFrame({name: pd.Series(dtype=str) for name in self.header})
        first = next(csv.reader(io.StringIO(_first_record(self.data))), [])
        if len(first) > len(self.header):
            # Pandas would take the surplus cells for an index, and shift the others.
            raise pd.errors.ParserError(
                f"Expected {len(self.header)} fields in line 1, saw {len(first)}"
            )
        frame = pd.read_csv(
            io.BytesIO(self.data),
            header=None,
            names=self.header,
            dtype=str,
            keep_default_na=False,
            na_values=[""],
            skip_blank_lines=False,
            skipinitialspace=True,
            nrows=self.lines,
        )
        frame.index += self.first_row
        return frame


@dataclass(frozen=True, slots=True)
class _Part:
    data: bytes
    size_bytes: int


class _NoRowEndsError(Exception):
    """A row is longer than any row is."""


def _parts(file: BinaryIO) -> Iterator[_Part]:
    """Cut a file after its header into pieces that end where a row ends."""
    rest = file.read(BLOCK_BYTES).removeprefix(BOM)
    header = True
    while True:
        more = file.read(BLOCK_BYTES)
        end = len(rest) if not more else _last_row_end(rest)
        if header and (end or not more):
            start = _first_row_end(rest)
            yield _Part(rest[start:end], end)
            header = False
        elif end:
            yield _Part(rest[:end], end)
        if not more:
            return
        rest = rest[end:] + more
        if len(rest) > ROW_BYTES_MAX + 2 * BLOCK_BYTES:
            raise _NoRowEndsError


def _last_row_end(data: bytes) -> int:
    """Return where the last whole row ends: after a line's end outside of quotation marks."""
    end = data.rfind(b"\n") + 1
    quotes = data.count(b'"', 0, end)
    while end and quotes % 2:
        earlier = data.rfind(b"\n", 0, end - 1) + 1
        quotes -= data.count(b'"', earlier, end)
        end = earlier
    return end


def _first_row_end(data: bytes) -> int:
    quotes = start = 0
    while (end := data.find(b"\n", start)) >= 0:
        quotes += data.count(b'"', start, end)
        start = end + 1
        if quotes % 2 == 0:
            return start
    return len(data)


def _first_record(data: bytes) -> str:
    return data[: _first_row_end(data)].decode("utf-8", errors="replace")


def _reason(error: pd.errors.ParserError) -> str:
    return str(error).removeprefix("Error tokenizing data. C error: ").strip().rstrip(".")


def too_many_cells(file: str, row: int, columns: int) -> Finding:
    """Say that a row has more cells than the header has columns."""
    return Finding(
        code="cells",
        file=file,
        rows=(row,),
        found=f"more cells than the {columns} columns that row 1 names",
        remedy="Write numbers without thousands separator, texts that hold a comma in double "
        "quotes, and no comma at the end of a row.",
    )
