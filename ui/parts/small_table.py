"""Tables to read: a short one as text, a long one as a table to scroll and search in."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from ui.parts.words import plain

_ROWS_AS_TEXT = 40


def show_table(columns: Sequence[str], rows: Sequence[Sequence[str]], about: str) -> None:
    """Show rows of words.

    A short table costs a browser nothing: the scrolling one loads more than a megabyte of program.

    Parameters
    ----------
    columns
        Their headings.
    rows
        As many cells each as there are columns; shown letter by letter.
    about
        What the table is, for who hears the page.
    """
    if len(rows) > _ROWS_AS_TEXT:
        frame = pd.DataFrame(rows, columns=list(columns))
        st.dataframe(frame, hide_index=True, alt=about)
        return
    lines = [columns, ["---"] * len(columns)]
    lines += [[plain(cell) or "\u2013" for cell in row] for row in rows]
    st.markdown("\n".join(f"| {' | '.join(line)} |" for line in lines))
