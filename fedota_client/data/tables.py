"""Tables for training: read whole, refused at the first mistake."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fedota_client.data.column_rules import expected, remedy
from fedota_client.data.findings import FileRefusedError, Finding, refuse_first
from fedota_client.data.judge import TableJudge
from fedota_client.data.repeats import Repeats, value_hashes
from fedota_client.data.table_files import open_table, table_files
from fedota_client.data.table_values import table_examples
from fedota_client.examples import Examples
from fedota_proto.data_format import Column, TableFormat
from fedota_proto.errors import DataError


def table_pieces(place: Path, data_format: TableFormat) -> Iterator[Examples]:
    """Read all tables of a folder and check every cell.

    Parameters
    ----------
    place
        A folder of CSV and Parquet files, or one of them.
    data_format
        What they must hold. Further columns are not looked at.

    Yields
    ------
    Examples
        Of all files in the order of their names, piece by piece.

    Raises
    ------
    DataError
        At the first cell, row or file that does not keep the format, saying which, what was found,
        what was expected and what to do.
    """
    judge = TableJudge(data_format)
    unique = [_Unique(column) for column in data_format.columns if column.unique]
    try:
        for path in table_files(place):
            for block in open_table(path, data_format).blocks():
                judged = judge.judge(block)
                refuse_first(judged.findings)
                for one in unique:
                    one.repeats.add(value_hashes(judged.table, one.column), judged.rows)
                if judged.table.num_rows:
                    yield table_examples(judged.table, data_format)
    except FileRefusedError as error:
        raise DataError(error.finding.sentence) from error
    for one in unique:
        one.refuse()


class _Unique:
    def __init__(self, column: Column) -> None:
        self.column = column
        self.repeats = Repeats()

    def refuse(self) -> None:
        found = self.repeats.found()
        if found.count:
            refuse_first([repeated_value(self.column, found.rows, found.count)])


def repeated_value(column: Column, rows: tuple[int, ...], count: int) -> Finding:
    """Say that values of a column that must be unique are there twice."""
    return Finding(
        "unique",
        "",
        "a value that stands there already",
        expected=expected(column, "unique"),
        remedy=remedy("unique"),
        column=column.name,
        rows=rows,
        count=count,
    )
