"""Every problem of the platform."""

from __future__ import annotations

import streamlit as st

from fedota_server.webserver.statuses import Status
from fedota_server.webserver.views.problem import ProblemCard
from ui.parts.badges import status_text
from ui.parts.empty import show_empty
from ui.parts.links import PageName, link
from ui.parts.pager import offset_of, show_pager
from ui.parts.words import ago, count, plain
from ui.session import account, platform

_PAGE, _TOTAL = "all_problems_page", "all_problems_total"
_ON_A_PAGE = 25


def _to_first_page() -> None:
    st.session_state[_PAGE] = 1


def _row(card: ProblemCard) -> None:
    """Show a problem, in few elements: there are many of them on the page."""
    page: PageName = "new_problem" if card.status == Status.DRAFT else "problem"
    facts = (
        f"{plain(card.owner)} · round {card.completed_round} of {card.rounds} · "
        f"{count(card.members, 'member')} · changed {ago(card.updated_unix_s)} · "
        f"`{card.problem_id}`"
    )
    words = f"{status_text(card.status)} :gray[:small[{facts}]]"
    if card.status == Status.FAILED and card.status_reason:
        words += f"\n\n:red[:small[{plain(card.status_reason)}]]"
    with st.container(border=True, gap="xsmall", key=f"card_{card.problem_id}"):
        link(page, card.title or "untitled", card.problem_id, bold=True)
        st.markdown(words)


def show() -> None:
    """Show the page."""
    me = account()
    st.title("All problems")
    with st.container(horizontal=True):
        search = st.text_input(
            "Search",
            placeholder="title, setter or id",
            icon=":material/search:",
            on_change=_to_first_page,
        )
        status = st.selectbox(
            "Status",
            ["", *Status],
            format_func=lambda one: one or "every status",
            on_change=_to_first_page,
        )
    page = platform().problems.all(
        me.actor,
        search=search,
        status=status,
        offset=offset_of(_TOTAL, _ON_A_PAGE, _PAGE),
        limit=_ON_A_PAGE,
    )
    if not page.items:
        show_empty(
            "No problems here",
            "A problem setter makes one with “New problem”; it is then listed here.",
            "list_alt",
        )
    for card in page.items:
        _row(card)
    show_pager(page.total, _TOTAL, _ON_A_PAGE, _PAGE)


show()
