"""The catalogue of problems."""

from __future__ import annotations

import streamlit as st

from fedota_server.webserver.permissions import Action, may
from fedota_server.webserver.statuses import PUBLISHED, Status
from ui.parts.cards import show_cards
from ui.parts.empty import show_empty
from ui.parts.links import link
from ui.parts.pager import offset_of, show_pager
from ui.parts.style import show_style
from ui.parts.told import show_said, told
from ui.parts.words import count
from ui.session import account, platform

_A_PAGE = 12
_ANY = "any status"
_STATUSES = [_ANY, *(one.value for one in Status if one in PUBLISHED - {Status.ARCHIVED})]
_PAGE, _TOTAL = "catalogue_page", "catalogue_total"


def _first_page() -> None:
    st.session_state[_PAGE] = 1


def _show() -> None:
    show_style()
    show_said()
    actor = account().actor
    st.title("Catalogue", anchor=False)
    st.caption("What is learnt here, and what data it needs.")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        search = st.text_input(
            "Search",
            placeholder="in titles, descriptions and setters' names",
            icon=":material/search:",
            key="catalogue_search",
            on_change=_first_page,
        )
        status = st.selectbox(
            "Status", _STATUSES, key="catalogue_status", width=240, on_change=_first_page
        )
    with told():
        page = platform().problems.catalogue(
            actor,
            search=search or "",
            status="" if status == _ANY else status,
            offset=offset_of(_TOTAL, _A_PAGE, _PAGE),
            limit=_A_PAGE,
        )
        if page.items:
            st.caption(count(page.total, "problem"))
            show_cards(page.items)
            show_pager(page.total, _TOTAL, _A_PAGE, _PAGE)
        elif search or status != _ANY:
            show_empty("Nothing found", "Search for fewer words, or for any status.", "search_off")
        elif may(actor, Action.CREATE_PROBLEM):
            show_empty(
                "No problem is published yet",
                "Publish the first: a model, the form of its data, and the rules of its rounds.",
                "library_add",
                lambda: link("new_problem", "New problem", icon="add_circle"),
            )
        else:
            show_empty(
                "No problem is published yet",
                "Come back when a problem setter has published one. Your account is ready to join.",
                "hourglass_empty",
            )


_show()
