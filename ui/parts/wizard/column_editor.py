"""How the editor of declared columns looks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from fedota_proto.data_format import COLUMN_TYPES

USUAL = ("name", "type", "unit", "minimum", "maximum", "allowed", "target")


def column_config(types: Sequence[str] = COLUMN_TYPES) -> dict[str, Any]:
    """Return the editor's columns, by the keys of a declared column.

    Parameters
    ----------
    types
        Those that may be chosen.
    """
    config = st.column_config
    return {
        "name": config.TextColumn("name", required=True, help="As in the first row of the file."),
        "type": config.SelectboxColumn("type", options=list(types), required=True),
        "unit": config.TextColumn("unit", help="For people: mm, kg/m² …", width="small"),
        "minimum": config.NumberColumn("minimum", help="Included; empty: no bound.", format="%g"),
        "maximum": config.NumberColumn("maximum", help="Included; empty: no bound.", format="%g"),
        "allowed": config.ListColumn(
            "allowed values", help="A category needs them; the model gets a value's place here."
        ),
        "target": config.CheckboxColumn("target", help="What the model predicts.", default=False),
        "optional": config.CheckboxColumn("may be empty", default=False),
        "used": config.CheckboxColumn(
            "used",
            default=True,
            help="If not, the column is checked, and the model is not given it.",
        ),
        "unique": config.CheckboxColumn("no value twice", default=False),
        "pattern": config.TextColumn("pattern", help="That a whole text must match (RE2)."),
        "longest": config.NumberColumn("longest", help="Most characters of a text.", format="%d"),
    }
