"""A data holder's part in a problem so far."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from fedota_proto.privacy_cost import epsilon_of
from fedota_proto.privacy_rules import PrivacyRules
from fedota_server.webserver.permissions import Actor
from fedota_server.webserver.platform import Platform
from fedota_server.webserver.views import PartUpdateView, PartView, ProblemView
from ui.parts.client_table import reason_words
from ui.parts.told import told
from ui.parts.words import count, number, plain, reader_zone, size_words, when


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


def spent_words(noise: PrivacyRules, updates: int) -> str:
    """Say what the updates that left so far have cost, as far as the platform knows."""
    left = count(updates, "update")
    return (
        f"Noise: {left} of training left so far, ε = {epsilon_of(noise, 1):.2f} each and "
        f"ε = {epsilon_of(noise, updates):.2f} together, at δ = {noise.delta:g}; less "
        "where your own policy asks for more noise. Your receipts say it exactly."
    )


def show_my_part(platform: Platform, actor: Actor, view: ProblemView) -> None:
    """Show totals, and what became of each update."""
    with told():
        part = platform.memberships.my_part(actor, view.problem_id)
        if not part.updates:
            return
        st.subheader("Your part so far", anchor=False)
        _show_totals(part)
        if view.problem is not None and view.problem.privacy is not None and part.rounds:
            st.caption(plain(spent_words(view.problem.privacy, part.rounds)))
        each = st.expander("Update by update", key="update_by_update", on_change="rerun")
        if each.open:
            each.dataframe(updates_frame(part.updates), hide_index=True, alt="Your updates")


def _show_totals(part: PartView) -> None:
    with st.grid(min_column_width=150, gap="small"):
        st.metric("Rounds", number(part.rounds), border=True)
        st.metric("Counted", number(part.counted), help="Updates.", border=True)
        st.metric("Not counted", number(part.rejected), border=True)
        st.metric("Examples", number(part.examples), help="Added up over rounds.", border=True)
        st.metric("Sent", size_words(part.size_bytes), border=True)
    if part.reasons:
        st.caption(f"Not counted: {plain(reason_words(part.reasons))}")
