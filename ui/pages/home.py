"""Home: what needs attention next, and one's own problems."""

from __future__ import annotations

import streamlit as st

from fedota_server.webserver.account import Account
from fedota_server.webserver.permissions import Role
from fedota_server.webserver.platform import Platform
from ui.parts.attention import notices_for, show_notices
from ui.parts.cards import show_cards
from ui.parts.empty import show_empty
from ui.parts.links import link
from ui.parts.style import show_style
from ui.parts.told import show_said, told
from ui.parts.words import plain
from ui.session import account, platform

_SHOWN = 6


def _show_setters_part(service: Platform, someone: Account) -> None:
    page = service.problems.own(someone.actor, limit=_SHOWN)
    st.subheader("Problems that you set", anchor=False)
    if not page.items:
        show_empty(
            "You have not set a problem yet",
            "Bring a compiled Keras model and say what data it needs; a dry run tells you in "
            "seconds whether it works.",
            "add_circle",
            lambda: link("new_problem", "New problem", icon="add_circle"),
        )
        return
    show_cards(page.items, owner=False)
    link("new_problem", "New problem", icon="add_circle")


def _show_holders_part(service: Platform, someone: Account) -> None:
    page = service.problems.catalogue(someone.actor, mine=True, limit=_SHOWN)
    st.subheader("Problems that you take part in", anchor=False)
    if not page.items:
        show_empty(
            "You take part in no problem yet",
            "Look in the catalogue for one that your data fits. Your data stays with you: a "
            "client on your machine trains, and only what it learnt leaves.",
            "search",
            lambda: link("catalogue", "Open the catalogue", icon="search"),
        )
        return
    show_cards(page.items)
    if page.has_more:
        link("my_data", "All of them", icon="hub")


def _show() -> None:
    show_style()
    show_said()
    someone, service = account(), platform()
    st.title(f"Hello, {plain(someone.name)}", anchor=False)
    with told():
        notices = notices_for(service, someone)
        if notices:
            st.subheader("What is next", anchor=False)
            show_notices(notices)
        if Role.SETTER in someone.roles:
            _show_setters_part(service, someone)
        if Role.HOLDER in someone.roles:
            _show_holders_part(service, someone)
        if not someone.roles & {Role.SETTER, Role.HOLDER} and not notices:
            show_empty(
                "Nothing needs you",
                "No problem has failed. The pages of the platform are in the menu.",
                "check_circle",
                lambda: link("catalogue", "Open the catalogue", icon="search"),
            )


_show()
