"""CSV files, read in blocks of whole rows."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv

from fedota_client.data.blocks import Block, Part, TableFile, arrow_type
from fedota_client.data.csv_header import read_header
from fedota_client.data.encodings import not_utf8
from fedota_client.data.findings import Finding
from fedota_client.data.folder import unreadable
from fedota_proto.data_format import TableFormat

BLOCK_BYTES = 16 << 20
ROW_BYTES_MAX = 64 << 20
FIRST_ROW = 2
BOM = b"\xef\xbb\xbf"
_SURPLUS = re.compile(r"Expected \d+ fields in line (\d+), saw \d+")
_UNCLOSED = re.compile(r"EOF inside string starting at row (\d+)")


class CsvFile(TableFile):
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

    def parts(self) -> Iterator[Part]:
        """Cut the file into pieces of whole rows, from its second row on."""
        row = FIRST_ROW
        try:
            with self._path.open("rb") as file:
                for data, size_bytes in _pieces(file):
                    yield Part(data, row, size_bytes)
                    row += _count_rows(data)
        except OSError as error:
            yield Part(b"", row, 0, unreadable(self._name, error))
        except _NoRowEndsError:
            reason = f"row {row} or a later one is longer than 64 MB"
            yield Part(b"", row, 0, self._irregular(reason))

    def read(self, part: Part) -> Block:
        """Parse a piece; several threads may do so."""
        data, row = part.data, part.row
        cells = _Cells(data, self._header, row)
        # Arrow passes over blank lines, which count as rows to people, and an open quotation mark.
        plain = not _has_blank_lines(data) and (b'"' not in data or data.count(b'"') % 2 == 0)
        table = self._typed(data) if data and plain else None
        if table is not None:
            return Block(self._name, table, cells, row, part.size_bytes)
        finding = part.finding
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
            finding = not_utf8(self._path, self._name)
            frame = _Cells(b"", self._header, row)()
        return Block(self._name, None, lambda: frame, row, part.size_bytes, finding)

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


class _NoRowEndsError(Exception):
    """A row is longer than any row is."""


def _pieces(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Cut a file after its header into pieces that end where a row ends; say the size of each."""
    rest = file.read(BLOCK_BYTES).removeprefix(BOM)
    header = True
    while True:
        more = file.read(BLOCK_BYTES)
        end = len(rest) if not more else _last_row_end(rest)
        if end:
            start = _first_row_end(rest) if header else 0
            if start < end:
                yield rest[start:end], end
            header = False
        if not more:
            return
        rest = rest[end:] + more
        if len(rest) > ROW_BYTES_MAX + 2 * BLOCK_BYTES:
            raise _NoRowEndsError


def _has_blank_lines(data: bytes) -> bool:
    if data.startswith((b"\n", b"\r\n")) or b"\n\n" in data:
        return True
    return b"\r" in data and b"\n\r\n" in data


def _count_rows(data: bytes) -> int:
    """Count the rows of a piece: line ends outside of quotation marks."""
    rows = data.count(b"\n")
    if b'"' in data:
        characters = np.frombuffer(data, np.uint8)
        inside = np.cumsum(characters == ord('"'), dtype=np.uint32) % 2 == 1
        rows -= int(np.count_nonzero(inside & (characters == ord("\n"))))
    return rows


def _last_row_end(data: bytes) -> int:
    """Return where the last whole row ends: after a line's end outside of quotation marks."""
    end = data.rfind(b"\n") + 1
    quotes = data.count(b'"', 0, end) if b'"' in data else 0
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
