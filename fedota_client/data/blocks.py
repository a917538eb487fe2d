"""Some rows of a table as they come from a file, before and after they are judged."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from fedota_client.data.findings import Finding
from fedota_proto.data_format import Column

NUMBERS = ("number", "integer")
CODED = pa.dictionary(pa.int32(), pa.string())


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a file that holds whole rows, not yet parsed.

    Parameters
    ----------
    data
        What the file's class reads.
    row
        Number of its first row, as people count them.
    size_bytes
        In the file.
    finding
        Why nothing can be read from here on; the last part of its file.
    """

    data: Any
    row: int
    size_bytes: int
    finding: Finding | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """Rows as a file has them.

    Parameters
    ----------
    file
        Name of the file.
    table
        The declared columns in the types of `arrow_type`; None where some cell has no such value.
    cells
        Returns all columns as texts, NaN where empty, the index holding the rows' numbers.
        Costs far more than `table`, and says exactly what stands in the file.
    first_row
        Number of the first row.
    size_bytes
        Of the piece of the file.
    irregular
        Why the rest of the file cannot be read, if it cannot.
    """

    file: str
    table: pa.Table | None
    cells: Callable[[], pd.DataFrame]
    first_row: int
    size_bytes: int
    irregular: Finding | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """Rows whose every value is known to be right, or what is wrong with them.

    Parameters
    ----------
    table
        The declared columns; numbers float64, the others texts. A value that is not right, or
        missing, is null.
    rows
        The rows' numbers, int64.
    findings
        What does not keep the format.
    """

    table: pa.Table
    rows: np.ndarray
    findings: tuple[Finding, ...] = ()


class TableFile(ABC):
    """One file of a table, read piece by piece."""

    @abstractmethod
    def parts(self) -> Iterator[Part]:
        """Cut the file into pieces, in order; one thread at a time.

        What goes wrong on the way is the last part's `finding`.
        """

    @abstractmethod
    def read(self, part: Part) -> Block:
        """Parse a piece; several threads may do so at the same time.

        A block with `irregular` is the last that can be judged: later ones count no more.
        """

    def blocks(self) -> Iterator[Block]:
        """Read the whole file, in order, up to what is irregular."""
        for part in self.parts():
            block = self.read(part)
            yield block
            if block.irregular is not None:
                return


def arrow_type(column: Column) -> pa.DataType:
    """Return the type that a declared column's values have in a block."""
    if column.type in NUMBERS:
        return pa.float64()
    return pa.string() if column.type == "text" else CODED


def column_numbers(table: pa.Table, column: Column) -> np.ndarray:
    """Return a column of numbers as float64, NaN where it is null."""
    return np.asarray(table[column.name].to_numpy(), dtype=np.float64)


def column_codes(table: pa.Table, column: Column) -> tuple[list[str], np.ndarray]:
    """Return a coded column's distinct texts and, for each row, the index of its text or -1."""
    array = table[column.name].combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = array.unify_dictionaries().combine_chunks()
    if not pa.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    indices = array.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    texts = [str(text).strip() for text in array.dictionary.to_pylist()]
    if column.type == "boolean":
        texts = [text.lower() for text in texts]
    return texts, np.asarray(indices, dtype=np.int64)


def text_column(table: pa.Table, column: Column) -> pa.ChunkedArray:
    """Return a column of texts without blanks at either end."""
    return pc.utf8_trim_whitespace(table[column.name])


def typed(values: dict[str, Any], columns: Sequence[Column]) -> pa.Table:
    """Make a table of a block's types from numbers and texts."""
    arrays = []
    for column in columns:
        one = values[column.name]
        wanted = pa.float64() if column.type in NUMBERS else pa.string()
        array = pa.array(one, wanted, from_pandas=True)
        arrays.append(array.dictionary_encode() if arrow_type(column) == CODED else array)
    return pa.table(arrays, names=[column.name for column in columns])
