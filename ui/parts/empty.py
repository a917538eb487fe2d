"""Where there is nothing yet: why, and what to do next."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st


def show_empty(
    heading: str, words: str, icon: str, next_step: Callable[[], None] | None = None
) -> None:
    """Show an empty place.

    Parameters
    ----------
    heading
        What is not there, in a few words.
    words
        Why, and what to do next, in one or two sentences of our own.
    icon
        Name of a Material icon.
    next_step
        Shows the link or button that leads on.
    """
    with st.container(border=True):
        st.markdown(f"**:material/{icon}: {heading}**")
        st.markdown(words)
        if next_step is not None:
            next_step()
