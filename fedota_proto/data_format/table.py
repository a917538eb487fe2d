"""Tables: rows of declared columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fedota_proto.data_format.columns import Column, read_columns
from fedota_proto.data_format.common import read_minimum_examples
from fedota_proto.toml_reader import Mistakes, TableReader


@dataclass(frozen=True, slots=True)
class TableFormat:
    """Rows of declared columns, one or several of which are the target.

    Parameters
    ----------
    minimum_examples
        Fewest rows with which a holder may take part.
    columns
        In declared order, the targets among them.
    """

    minimum_examples: int
    columns: tuple[Column, ...]
    kind: Literal["table"] = "table"

    @property
    def inputs(self) -> tuple[Column, ...]:
        """The columns that the model sees, in declared order."""
        return tuple(column for column in self.columns if column.used and not column.target)

    @property
    def targets(self) -> tuple[Column, ...]:
        """The columns that the model predicts, in declared order; at least one."""
        return tuple(column for column in self.columns if column.target)

    @property
    def target(self) -> Column:
        """The first column that the model predicts, and mostly the only one."""
        return self.targets[0]

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of the one target; empty if it is a number, or there are several."""
        return self.target.classes if len(self.targets) == 1 else ()

    @property
    def target_names(self) -> tuple[str, ...]:
        """Names of what the model predicts."""
        return tuple(column.name for column in self.targets)


def read_table_format(reader: TableReader) -> TableFormat:
    """Read the section ``[data]`` of a table.

    Parameters
    ----------
    reader
        The section; every mistake is noted there.

    Returns
    -------
    TableFormat
        Not to be used if there was a mistake.
    """
    minimum_examples = read_minimum_examples(reader)
    columns, all_tables = read_columns(reader, "columns")
    if not columns and all_tables and reader.fine("columns"):
        reader.wrong("columns", "is missing; write one [[data.columns]] for each column")
    if columns and all_tables:
        _check_roles(columns, reader.mistakes)
    return TableFormat(minimum_examples, tuple(columns))


def _check_roles(columns: list[Column], mistakes: Mistakes) -> None:
    if not any(column.target for column in columns):
        mistakes.add(
            "[[data.columns]]", "no column has target = true; mark the one that the model predicts"
        )
    elif not any(column.used and not column.target for column in columns):
        mistakes.add("[[data.columns]]", "there is no column besides the target to predict it from")
