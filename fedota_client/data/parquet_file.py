"""Parquet files, read in blocks of rows."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fedota_client.data.blocks import NUMBERS, Block, Part, TableFile
from fedota_client.data.findings import FileRefusedError, Finding, listed
from fedota_client.data.folder import unreadable
from fedota_proto.data_format import Column, TableFormat

ROWS_AT_A_TIME = 100_000
FIRST_ROW = 1


class ParquetFile(TableFile):
    """One Parquet file.

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
        Nothing of the file can be read.
    """

    def __init__(self, path: Path, name: str, data_format: TableFormat) -> None:
        self._name = name
        self._columns = data_format.columns
        try:
            self._file = pq.ParquetFile(path, pre_buffer=False)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise FileRefusedError(_damaged(name)) from error
        except OSError as error:
            raise FileRefusedError(unreadable(name, error)) from error
        found = self._file.schema_arrow.names
        missing = [column.name for column in self._columns if column.name not in found]
        if missing:
            declared = {column.name for column in self._columns}
            others = [one for one in found if one not in declared]
            near = difflib.get_close_matches(missing[0], others, n=1)
            hint = f"Is it the one named {near[0]!r}? Rename it" if near else "Add it"
            raise FileRefusedError(
                Finding(
                    "header",
                    name,
                    f"no column {listed(missing)}",
                    remedy=f"{hint}; upper and lower case count.",
                )
            )
        rows = self._file.metadata.num_rows
        self._row_bytes = path.stat().st_size / max(1, rows)

    def parts(self) -> Iterator[Part]:
        """Read the file piece by piece; rows are counted from 1."""
        row = FIRST_ROW
        names = _names(self._columns)
        try:
            for batch in self._file.iter_batches(ROWS_AT_A_TIME, columns=names):
                table = pa.Table.from_batches([batch])
                yield Part(table, row, round(table.num_rows * self._row_bytes))
                row += table.num_rows
        except (pa.ArrowException, OSError):
            empty = pa.table({name: pa.array([], pa.string()) for name in names})
            yield Part(empty, row, 0, _damaged(self._name))

    def read(self, part: Part) -> Block:
        """Give a piece the types of a block; several threads may do so."""
        typed = None if part.finding else self._typed(part.data)
        cells = _Cells(part.data, part.row)
        return Block(self._name, typed, cells, part.row, part.size_bytes, part.finding)

    def _typed(self, table: pa.Table) -> pa.Table | None:
        try:
            return pa.table([_cast(table[c.name], c) for c in self._columns], _names(self._columns))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError):
            return None


class _Cells:
    """Writes a piece of a file as texts."""

    def __init__(self, table: pa.Table, first_row: int) -> None:
        self._table = table
        self._first_row = first_row

    def __call__(self) -> pd.DataFrame:
        texts = {name: _texts(self._table[name]) for name in self._table.column_names}
        frame = pd.DataFrame(texts)
        frame.index += self._first_row
        return frame


def _names(columns: tuple[Column, ...]) -> list[str]:
    return [column.name for column in columns]


def _cast(values: pa.ChunkedArray, column: Column) -> pa.ChunkedArray:
    kind = values.type
    if column.type in NUMBERS:
        if pa.types.is_string(kind) or pa.types.is_boolean(kind) or pa.types.is_temporal(kind):
            raise pa.ArrowTypeError(str(kind))
        return values.cast(pa.float64(), safe=False)
    texts = values.cast(pa.string())
    return texts if column.type == "text" else pc.dictionary_encode(texts)


def _texts(values: pa.ChunkedArray) -> pd.Series[str]:
    try:
        texts = values.cast(pa.string()).to_pylist()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError):
        texts = [None if one is None else str(one) for one in values.to_pylist()]
    return pd.Series(texts, dtype="str")


def _damaged(name: str) -> Finding:
    return Finding(
        "unreadable",
        name,
        "it is no whole Parquet file",
        remedy="Copy or write it again, or remove it.",
    )
