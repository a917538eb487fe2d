"""Everything that a data holder takes part in."""

from __future__ import annotations

import streamlit as st

from fedota_server.webserver.views import MembershipView
from ui.parts.badges import membership_text, status_text
from ui.parts.empty import show_empty
from ui.parts.links import link
from ui.parts.pager import page_of
from ui.parts.style import show_style
from ui.parts.told import show_said, told
from ui.parts.words import ago, count
from ui.session import account, platform

_A_PAGE = 12
_ORDER = ("approved", "requested", "declined", "revoked", "left", "withdrawn")


def _next_step(one: MembershipView) -> str:
    if one.state == "approved":
        return "Clients, invites, your part" if one.clients else "Enrol a client"
    return "Open"


def _show_membership(one: MembershipView) -> None:
    with st.container(border=True, height="stretch", gap="xsmall", key=f"card_{one.problem_id}"):
        link("problem", one.title, one.problem_id, bold=True)
        asked = f"asked {ago(one.requested_unix_s)}"
        if one.state == "approved":
            asked = f"{count(one.clients, 'client')}, since {ago(one.decided_unix_s)}"
        badges = f"{membership_text(one.state)} {status_text(one.status)}"
        st.markdown(f"{badges}\n\n:gray[:small[{asked}]]")
        link("join", _next_step(one), one.problem_id, icon="arrow_forward")


def _show() -> None:
    show_style()
    show_said()
    actor = account().actor
    st.title("My data", anchor=False)
    st.caption("Your data stays with you. Here is what your clients take part in.")
    with told():
        memberships = sorted(
            platform().memberships.mine(actor),
            key=lambda one: (
                _ORDER.index(one.state) if one.state in _ORDER else len(_ORDER),
                -one.requested_unix_s,
            ),
        )
        if not memberships:
            show_empty(
                "You take part in no problem yet",
                "Look in the catalogue for one that your data fits, and read what would run and "
                "what would leave before you join.",
                "search",
                lambda: link("catalogue", "Open the catalogue", icon="search"),
            )
            return
        shown = page_of(memberships, _A_PAGE, "my_data_page")
        with st.grid(min_column_width=300, gap="small"):
            for one in shown:
                _show_membership(one)


_show()
