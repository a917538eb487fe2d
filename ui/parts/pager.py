"""Leafing through a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import streamlit as st

_Item = TypeVar("_Item")


def pages_of(total: int, a_page: int) -> int:
    """Return how many pages a list takes, at least 1."""
    return max(1, -(-total // a_page))


def page_of(items: Sequence[_Item], a_page: int, key: str) -> Sequence[_Item]:
    """Show page numbers where a list is long, and return the entries of the chosen page."""
    pages = pages_of(len(items), a_page)
    if pages == 1:
        return items
    chosen = st.pagination(pages, key=key)
    return items[(chosen - 1) * a_page : chosen * a_page]


def offset_of(total_key: str, a_page: int, key: str) -> int:
    """Return where the chosen page begins, for a list that is asked for page by page.

    Parameters
    ----------
    total_key
        In the session's state: how many entries the list had when it was last asked for.
    a_page
        Entries on a page.
    key
        Of the page numbers, which `show_pager` shows below the list.
    """
    chosen = int(st.session_state.get(key, 1))
    pages = pages_of(int(st.session_state.get(total_key, 0)), a_page)
    return (min(chosen, pages) - 1) * a_page


def show_pager(total: int, total_key: str, a_page: int, key: str) -> None:
    """Show page numbers below a list that takes several pages."""
    st.session_state[total_key] = total
    pages = pages_of(total, a_page)
    if pages > 1:
        if st.session_state.get(key, 1) > pages:
            st.session_state[key] = pages
        st.pagination(pages, key=key)


def show_older_and_newest(place: str, older: int | None) -> None:
    """Show the way through a list that grows at its newest end.

    Parameters
    ----------
    place
        In the session's state: before which entry the shown ones lie; absent: the newest are shown.
    older
        That of the next page; None where there is none.
    """

    def go_to(before: int | None) -> None:
        if before is None:
            st.session_state.pop(place, None)
        else:
            st.session_state[place] = before

    with st.container(horizontal=True):
        if place in st.session_state:
            st.button("Newest", key=f"newest_{place}", on_click=go_to, args=(None,))
        if older is not None:
            st.button("Older", key=f"older_{place}", on_click=go_to, args=(older,))
