"""A data holder's part in a problem so far."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from fedota_server.webserver.permissions import Actor
from fedota_server.webserver.platform import Platform
from fedota_server.webserver.views import PartUpdateView, PartView, ProblemView
from ui.parts.client_table import reason_words
from ui.parts.told import told
from ui.parts.words import number, plain, reader_zone, size_words, when


def updates_frame(updates: tuple[PartUpdateView, ...]) -> pd.DataFrame:
    """Write updates as rows, newest first."""
    zone = reader_zone()
    return pd.DataFrame(
        [
            (
                one.server_round,
                one.client,
                "evaluation" if one.kind.startswith("evaluate") else "training",
                one.outcome + (f": {one.reason or one.code}" if one.reason or one.code else ""),
                number(one.weight),
                size_words(one.size_bytes),
                when(one.unix_s, zone),
            )
            for one in updates
        ],
        columns=["round", "client", "task", "outcome", "examples", "sent", "when"],
    )


def show_my_part(platform: Platform, actor: Actor, view: ProblemView) -> None:
    """Show totals, and what became of each update."""
    with told():
        part = platform.memberships.my_part(actor, view.problem_id)
        if not part.updates:
            return
        st.subheader("Your part so far", anchor=False)
        _show_totals(part)
        with st.expander("Update by update"):
            st.dataframe(updates_frame(part.updates), hide_index=True, alt="Your updates")


def _show_totals(part: PartView) -> None:
    with st.grid(min_column_width=150, gap="small"):
        st.metric("Rounds", number(part.rounds), border=True)
        st.metric("Counted", number(part.counted), help="Updates.", border=True)
        st.metric("Not counted", number(part.rejected), border=True)
        st.metric("Examples", number(part.examples), help="Added up over rounds.", border=True)
        st.metric("Sent", size_words(part.size_bytes), border=True)
    if part.reasons:
        st.caption(f"Not counted: {plain(reason_words(part.reasons))}")
