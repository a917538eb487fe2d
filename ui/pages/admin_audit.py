"""The audit log: who did what, when."""

from __future__ import annotations

import streamlit as st

from fedota_server.webserver.audit import AuditEntry
from ui.parts.empty import show_empty
from ui.parts.words import day_and_time
from ui.session import account, platform

_ON_A_PAGE = 100
_BEFORE = "audit_before"  # the newest entry of each page that was left by its button


def _from_the_newest() -> None:
    st.session_state[_BEFORE] = []


def _turn(entries: list[AuditEntry]) -> None:
    before: list[int] = st.session_state.setdefault(_BEFORE, [])

    def older() -> None:
        before.append(entries[-1].entry_id)

    def newer() -> None:
        before.pop()

    with st.container(horizontal=True):
        st.button("Newer", disabled=not before, on_click=newer)
        st.button("Older", disabled=len(entries) < _ON_A_PAGE, on_click=older)


def show() -> None:
    """Show the page."""
    me = account()
    st.title("Audit log")
    st.markdown("Every change that somebody made, newest first.")
    with st.container(horizontal=True):
        who = st.text_input("Who", placeholder="name", on_change=_from_the_newest)
        action = st.text_input("Action", placeholder="publish", on_change=_from_the_newest)
        problem_id = st.text_input("Problem", placeholder="problem id", on_change=_from_the_newest)
    before: list[int] = st.session_state.setdefault(_BEFORE, [])
    entries = platform().audit.entries(
        me.actor,
        problem_id=problem_id.strip(),
        who=who.strip(),
        action=action.strip(),
        before_id=before[-1] if before else None,
        limit=_ON_A_PAGE,
    )
    if not entries:
        show_empty("No entries", "Nothing was done that these words describe.", "history")
    else:
        st.dataframe(
            [
                {
                    "When": day_and_time(entry.unix_s),
                    "Who": entry.actor,
                    "Action": entry.action,
                    "Problem": entry.problem_id,
                    "Of": entry.subject,
                    "Detail": entry.detail,
                }
                for entry in entries
            ],
            hide_index=True,
            height="content",
        )
    _turn(entries)


show()
