"""A field for a number of either kind."""

from __future__ import annotations

import math

import streamlit as st


def number_field(
    label: str,
    *,
    whole: bool,
    value: float | None,
    lowest: float,
    highest: float,
    key: str,
    help_text: str | None = None,
) -> float | int | None:
    """Show a field.

    Parameters
    ----------
    label, help_text
        Beside it.
    whole
        Whether it takes whole numbers alone.
    value
        What stands in it at first; None: nothing.
    lowest, highest
        Bounds, included; infinite where there is none.
    key
        Of the widget.

    Returns
    -------
    float, int or None
        None where nothing stands in it.
    """
    if whole:
        return st.number_input(
            label,
            min_value=int(lowest) if math.isfinite(lowest) else None,
            max_value=int(highest) if math.isfinite(highest) else None,
            value=None if value is None else int(value),
            step=1,
            help=help_text,
            key=key,
        )
    return st.number_input(
        label,
        min_value=float(lowest) if math.isfinite(lowest) else None,
        max_value=float(highest) if math.isfinite(highest) else None,
        value=None if value is None else float(value),
        format="%g",
        help=help_text,
        key=key,
    )
