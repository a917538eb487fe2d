"""The columns of a table, to the editor and back."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from ui.parts.wizard.column_rows import FIELDS, columns_of, frame_of

COLUMNS: list[dict[str, Any]] = [
    {"name": "age", "type": "integer", "unit": "years", "minimum": 0, "maximum": 120},
    {"name": "bmi", "type": "number", "minimum": 10.5, "optional": True},
    {"name": "stage", "type": "category", "allowed": ["I", "II, or III"]},
    {"name": "score", "type": "integer", "allowed": [1, 2]},
    {"name": "key", "type": "text", "pattern": "[0-9]+", "longest": 12, "unique": True},
    {"name": "site", "type": "text", "used": False},
    {"name": "relapse", "type": "boolean", "target": True},
]


def test_they_come_back_as_they_were() -> None:
    assert columns_of(frame_of(COLUMNS)) == COLUMNS


def test_an_empty_editor_has_every_column_and_gives_none() -> None:
    frame = frame_of([])
    assert tuple(frame.columns) == FIELDS
    assert columns_of(frame) == []


def _edited(**given: object) -> pd.DataFrame:
    """A table as the editor returns one to which a row was added."""
    row: dict[str, object] = {**dict.fromkeys(FIELDS), **given}
    return pd.DataFrame([row], columns=list(FIELDS), dtype=object)


def test_a_row_that_was_added_and_left_empty_is_left_out() -> None:
    assert columns_of(_edited(target=False)) == []


def test_a_new_row_needs_only_its_name_and_type() -> None:
    frame = _edited(name=" bmi ", type="number", minimum=float("nan"))
    assert columns_of(frame) == [{"name": "bmi", "type": "number"}]


def test_no_bound_is_not_a_number() -> None:
    frame = frame_of([{"name": "x", "type": "number"}])
    assert math.isnan(frame["minimum"].iloc[0])


def test_a_value_that_is_no_number_is_left_to_the_check() -> None:
    frame = frame_of([{"name": "x", "type": "integer", "allowed": ["1", "two"]}])
    assert columns_of(frame)[0]["allowed"] == [1, "two"]
