"""Ways to other pages."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from ui.parts.words import plain

PageName = Literal["home", "catalogue", "problem", "join", "new_problem", "my_data"]


def _script(page: PageName) -> str:
    return f"pages/{page}.py"


def link(
    page: PageName, words: str, problem_id: str = "", *, icon: str = "", bold: bool = False
) -> None:
    """Show a link to a page.

    Parameters
    ----------
    page
        Which.
    words
        What is shown; not read as Markdown.
    problem_id
        Which problem the page is to show.
    icon
        Name of a Material icon.
    bold
        Whether it stands out, as a card's title does.
    """
    st.page_link(
        _script(page),
        label=f"**{plain(words)}**" if bold else plain(words),
        icon=f":material/{icon}:" if icon else None,
        query_params={"id": problem_id} if problem_id else None,
    )


def go(page: PageName, problem_id: str = "") -> None:
    """Leave for another page; the rest of the script is not run."""
    st.switch_page(_script(page), query_params={"id": problem_id} if problem_id else None)


def problem_id_asked() -> str:
    """Return the id in the page's address; empty where there is none."""
    return st.query_params.get("id", "")
