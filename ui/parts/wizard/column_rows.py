"""The columns of a table, between problem.toml and the editor in the page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

FIELDS = (
    "name",
    "type",
    "unit",
    "minimum",
    "maximum",
    "allowed",
    "target",
    "optional",
    "used",
    "unique",
    "pattern",
    "longest",
)
_TEXTS = ("name", "type", "unit", "pattern")
_FLAGS = {"target": False, "optional": False, "used": True, "unique": False}
_NUMBERS = ("minimum", "maximum", "longest")


def frame_of(columns: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Write columns as rows for the editor.

    Parameters
    ----------
    columns
        ``[[data.columns]]`` of a problem.toml.
    """
    rows = [
        {
            **{name: str(column.get(name, "")) for name in _TEXTS},
            **{name: _as_number(column.get(name)) for name in _NUMBERS},
            **{name: bool(column.get(name, usual)) for name, usual in _FLAGS.items()},
            "allowed": [str(value) for value in column.get("allowed", ())],
        }
        for column in columns
    ]
    frame = pd.DataFrame(rows, columns=list(FIELDS))
    for name in _NUMBERS:
        frame[name] = frame[name].astype("float64")
    for name in _FLAGS:
        frame[name] = frame[name].astype("bool")
    return frame


def columns_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Read columns from the editor's rows; rows without any word are left out.

    Returns
    -------
    list of dict
        As ``[[data.columns]]``, without what is usual anyway.
    """
    columns = []
    for row in frame.to_dict("records"):
        column = _column({str(name): value for name, value in row.items()})
        if column:
            columns.append(column)
    return columns


def _column(row: Mapping[str, Any]) -> dict[str, Any]:
    column: dict[str, Any] = {}
    for name in _TEXTS:
        text = _as_text(row.get(name))
        if text:
            column[name] = text
    for name in _NUMBERS:
        value = _as_number(row.get(name))
        if not math.isnan(value):
            column[name] = int(value) if value.is_integer() else value
    allowed = row.get("allowed")
    if allowed is not None and not isinstance(allowed, float) and len(allowed):
        texts = [_as_text(value) for value in allowed]
        numeric = column.get("type") in ("number", "integer")
        column["allowed"] = [_as_value(text) for text in texts] if numeric else texts
    if not column:
        return {}
    for name, usual in _FLAGS.items():
        given = row.get(name)
        flag = usual if given is None or pd.isna(given) else bool(given)
        if flag != usual:
            column[name] = flag
    return column


def _as_number(value: Any) -> float:
    return math.nan if value is None else float(value)


def _as_text(value: Any) -> str:
    return "" if value is None or isinstance(value, float) else str(value).strip()


def _as_value(text: str) -> float | int | str:
    """Read a number; what is none stays a text, of which the check then tells."""
    try:
        value = float(text)
    except ValueError:
        return text
    return int(value) if value.is_integer() else value
