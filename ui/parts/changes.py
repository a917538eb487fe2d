"""What was done to a problem: who, when."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from fedota_server.webserver.audit import AuditEntry
from fedota_server.webserver.platform import Platform
from fedota_server.webserver.views import ProblemView
from ui.parts.pager import show_older_and_newest
from ui.parts.told import told
from ui.parts.words import day_and_time, reader_zone
from ui.session import account

_A_PAGE = 50


def changes_frame(entries: list[AuditEntry]) -> pd.DataFrame:
    """Write entries as rows."""
    zone = reader_zone()
    return pd.DataFrame(
        [
            (
                day_and_time(one.unix_s, zone),
                one.actor,
                one.action,
                ", ".join(filter(None, (one.subject, one.detail))),
            )
            for one in entries
        ],
        columns=["when", "who", "what", "more"],
    )


def show_changes(platform: Platform, view: ProblemView) -> None:
    """Show the newest, and older ones on demand."""

    @st.fragment
    def page() -> None:
        place = f"changes_before_{view.problem_id}"
        with told():
            entries = platform.audit.entries(
                account().actor,
                problem_id=view.problem_id,
                before_id=st.session_state.get(place),
                limit=_A_PAGE + 1,
            )
            st.dataframe(
                changes_frame(entries[:_A_PAGE]),
                hide_index=True,
                alt="What was done to this problem",
            )
            more = len(entries) > _A_PAGE
            show_older_and_newest(place, entries[_A_PAGE - 1].entry_id if more else None)

    page()
