"""What a cell of a column must be, in words and for pandera."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from fedota_client.data.findings import listed, shown
from fedota_proto.data_format import Column
from fedota_proto.errors import DataError

if TYPE_CHECKING:
    from pandera.pandas import DataFrameSchema

TRUE = frozenset({"true", "yes", "t", "y", "1"})
FALSE = frozenset({"false", "no", "f", "n", "0"})
FLOAT32_MAX = float(np.finfo(np.float32).max)

EMPTY, NOT_READ = "empty", "type"
_REMEDIES = {
    EMPTY: "Fill the cell in, or remove the row.",
    NOT_READ: "Write a number with a decimal point and without unit or thousands separator, "
    "or remove the row.",
    "size": "The number is too large to be true.",
    "whole": "Write a whole number, or remove the row.",
    "range": "Check the value and its unit, or remove the row.",
    "allowed": "Correct the cell, or remove the row; upper and lower case count.",
    "pattern": "Correct the cell, or remove the row.",
    "longest": "Shorten the text, or remove the row.",
    "unique": "Keep one of the rows, or correct the value.",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that a column's values must keep.

    Parameters
    ----------
    code
        Names it in findings.
    holds
        Takes values without empty ones, says for each whether it is kept.
    """

    code: str
    holds: Callable[[pd.Series[Any]], Any]


def rules_of(column: Column) -> list[Rule]:
    """List what a column's values must keep once they are numbers or texts.

    Parameters
    ----------
    column
        As declared.

    Returns
    -------
    list of Rule
        In the order in which they are told.
    """
    rules: list[Rule] = []
    if column.type in ("number", "integer"):
        rules.append(Rule("size", lambda v: v.abs() <= FLOAT32_MAX))
        if column.type == "integer":
            rules.append(Rule("whole", lambda v: v == np.floor(v)))
        low, high = bounds(column)
        if (low, high) != (-np.inf, np.inf):
            rules.append(Rule("range", lambda v: v.between(low, high)))
    if column.type == "boolean":
        rules.append(Rule("allowed", lambda v: v.isin(TRUE | FALSE)))
    elif column.allowed:
        rules.append(Rule("allowed", lambda v: v.isin(column.allowed)))
    if column.longest:
        rules.append(Rule("longest", lambda v: v.str.len() <= column.longest))
    if column.pattern:
        rules.append(
            Rule("pattern", lambda v: pd.Series(matches(column, pa.array(v, pa.string())), v.index))
        )
    return rules


def schema_of(columns: tuple[Column, ...]) -> DataFrameSchema:
    """Write a format as pandera's schema, whose failures bear the rules' codes."""
    from pandera.pandas import Check, DataFrameSchema
    from pandera.pandas import Column as SchemaColumn

    return DataFrameSchema(
        {
            column.name: SchemaColumn(
                checks=[Check(rule.holds, error=rule.code) for rule in rules_of(column)],
                nullable=column.optional,
            )
            for column in columns
        }
    )


def matches(column: Column, texts: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """Say which texts match a column's pattern as a whole, in time linear in their length.

    Raises
    ------
    DataError
        RE2 does not take the pattern.
    """
    whole = rf"\A(?:{column.pattern})\z"
    try:
        found = pc.match_substring_regex(texts, pattern=whole)
    except pa.ArrowInvalid as error:
        raise DataError(
            f"The pattern of the column {column.name!r} cannot be used ({error}): ask the "
            "problem's setter to mend it."
        ) from error
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=bool)


def bounds(column: Column) -> tuple[float, float]:
    """Return the least and greatest value of a column, infinite where there is no bound."""
    low = -np.inf if column.minimum is None else column.minimum
    high = np.inf if column.maximum is None else column.maximum
    return low, high


def expected(column: Column, code: str = "") -> str:
    """Say in words what a column's cell must be."""
    unit = f" (in {column.unit})" if column.unit else ""
    if code == "unique":
        return f"each value once{unit}"
    return _kind(column, code) + unit


def _kind(column: Column, code: str) -> str:
    if column.type == "boolean":
        return "true or false"
    if column.allowed:
        return f"one of {listed([shown(v) for v in column.allowed], quoted=False)}"
    if column.type == "text":
        if code == "longest":
            return f"at most {column.longest:,} characters"
        return f"a text of the form {column.pattern}" if column.pattern else "a text"
    kind = "a whole number" if column.type == "integer" else "a number"
    if column.minimum is not None and column.maximum is not None:
        return f"{kind} from {column.minimum:g} to {column.maximum:g}"
    if column.minimum is not None:
        return f"{kind} of at least {column.minimum:g}"
    if column.maximum is not None:
        return f"{kind} of at most {column.maximum:g}"
    return kind


def remedy(code: str) -> str:
    """Say what to do about a cell that breaks a rule."""
    return _REMEDIES[code]
