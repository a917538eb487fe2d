"""Judges a table's rows: Arrow's kernels say quickly whether all is well, pandera what is not."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from fedota_client.data.blocks import (
    NUMBERS,
    Block,
    Judged,
    column_codes,
    column_numbers,
    text_column,
    typed,
)
from fedota_client.data.column_rules import (
    EMPTY,
    FALSE,
    FLOAT32_MAX,
    NOT_READ,
    TRUE,
    bounds,
    expected,
    matches,
    remedy,
    schema_of,
)
from fedota_client.data.findings import PLACES_KEPT, Finding, shown
from fedota_proto.data_format import Column, TableFormat

if TYPE_CHECKING:
    from pandera.pandas import DataFrameSchema


class TableJudge:
    """Judges blocks of a table; several threads may use one.

    Parameters
    ----------
    data_format
        The problem's.
    """

    def __init__(self, data_format: TableFormat) -> None:
        self._columns = data_format.columns

    def judge(self, block: Block) -> Judged:
        """Judge rows.

        Parameters
        ----------
        block
            As the file has them.

        Returns
        -------
        Judged
            With a finding for each column and rule that is broken.

        Raises
        ------
        DataError
            The format itself cannot be used.
        """
        if block.table is not None and all(self._is_fine(block.table, c) for c in self._columns):
            rows = np.arange(block.first_row, block.first_row + block.table.num_rows)
            return Judged(block.table, rows, _only(block.irregular))
        judged = self._judge_cells(block)
        return Judged(judged.table, judged.rows, judged.findings + _only(block.irregular))

    def _is_fine(self, table: pa.Table, column: Column) -> bool:
        """Say whether no value of a column can break a rule; false where in doubt."""
        if not column.optional and table[column.name].null_count:
            return False
        if column.type in NUMBERS:
            return _numbers_are_fine(table, column)
        if column.type == "text":
            return _texts_are_fine(text_column(table, column), column)
        allowed = TRUE | FALSE if column.type == "boolean" else frozenset(column.classes)
        texts, indices = column_codes(table, column)
        return allowed.issuperset(texts) or {texts[i] for i in np.unique(indices) if i >= 0} <= (
            allowed
        )

    @cached_property
    def _schema(self) -> DataFrameSchema:
        return schema_of(self._columns)

    def _judge_cells(self, block: Block) -> Judged:
        cells = block.cells().dropna(how="all")
        values, unread = {}, {}
        for column in self._columns:
            values[column.name], unread[column.name] = _read_column(cells[column.name], column)
        table = pd.DataFrame(values, index=cells.index)
        findings = []
        for (name, code), rows in self._failures(table).items():
            column = next(c for c in self._columns if c.name == name)
            if code == EMPTY:
                rows = rows[~np.isin(rows, cells.index[unread[name]])]
            if rows.size:
                findings.append(_finding(block.file, column, code, cells[name], rows))
        for column in self._columns:
            rows = cells.index[unread[column.name]].to_numpy()
            if rows.size:
                findings.append(_finding(block.file, column, NOT_READ, cells[column.name], rows))
        order = {column.name: number for number, column in enumerate(self._columns)}
        findings.sort(key=lambda one: order[one.column])
        return Judged(typed(values, self._columns), cells.index.to_numpy(), tuple(findings))

    def _failures(self, table: pd.DataFrame) -> dict[tuple[str, str], np.ndarray]:
        """Return the rows' numbers by column and code, as pandera finds them."""
        from pandera.errors import SchemaErrors

        try:
            self._schema.validate(table, lazy=True)
        except SchemaErrors as errors:
            cases = errors.failure_cases
            return {
                (str(name), _code(check)): np.sort(group["index"].to_numpy(dtype=np.int64))
                for (name, check), group in cases.groupby(["column", "check"], sort=False)
            }
        return {}


def _numbers_are_fine(table: pa.Table, column: Column) -> bool:
    values = column_numbers(table, column)
    nulls = table[column.name].null_count
    if nulls:
        values = values[~np.isnan(values)]
    if len(values) + nulls != table.num_rows:
        return False  # some say that they are no number
    if not values.size:
        return True
    least, greatest = float(values.min()), float(values.max())
    low, high = bounds(column)
    # A comparison with NaN is false.
    if not (max(low, -FLOAT32_MAX) <= least and greatest <= min(high, FLOAT32_MAX)):
        return False
    if column.type == "integer" and not bool((values == np.floor(values)).all()):
        return False
    return not column.allowed or bool(np.isin(values, column.allowed).all())


def _texts_are_fine(texts: pa.ChunkedArray, column: Column) -> bool:
    lengths = pc.utf8_length(texts)
    shortest, longest = pc.min_max(lengths).as_py().values()
    if shortest is None:
        return True
    if not shortest or (column.longest and longest > column.longest):
        return False
    return not column.pattern or bool(matches(column, texts.drop_null()).all())


def _read_column(cells: pd.Series[Any], column: Column) -> tuple[Any, np.ndarray]:
    """Turn cells into numbers or texts; say which have something in them that is none."""
    stripped = cells.str.strip()
    stripped = stripped.where(stripped != "")
    if column.type not in NUMBERS:
        texts = stripped.str.lower() if column.type == "boolean" else stripped
        return texts, np.zeros(len(cells), dtype=bool)
    values = pd.to_numeric(stripped, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    finite = np.isfinite(values)
    values = np.where(finite, values, np.nan)
    return values, ~finite & stripped.notna().to_numpy()


def _code(check: str) -> str:
    return EMPTY if check == "not_nullable" else check


def _finding(
    file: str, column: Column, code: str, cells: pd.Series[Any], rows: np.ndarray
) -> Finding:
    first = str(cells.loc[int(rows[0])]).strip()
    quoted = column.type not in NUMBERS or code == NOT_READ
    return Finding(
        code=code,
        file=file,
        column=column.name,
        rows=tuple(int(row) for row in rows[:PLACES_KEPT]),
        count=len(rows),
        found=shown("") if code == EMPTY else shown(first) if quoted else first,
        expected=expected(column, code),
        remedy=remedy(code),
    )


def _only(finding: Finding | None) -> tuple[Finding, ...]:
    return () if finding is None else (finding,)
