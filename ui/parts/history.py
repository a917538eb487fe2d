"""The table of rounds, page by page."""

from __future__ import annotations

import streamlit as st

from fedota_server.webserver.platform import Platform
from fedota_server.webserver.views import ProblemView
from ui.parts.pager import show_older_and_newest
from ui.parts.progress import show_nothing_yet
from ui.parts.rounds_table import ROUNDS_A_PAGE, show_rounds
from ui.parts.told import told
from ui.session import account


def show_history(platform: Platform, view: ProblemView) -> None:
    """Show the newest rounds, and older ones on demand."""

    @st.fragment
    def page() -> None:
        place = f"rounds_before_{view.problem_id}"
        with told():
            actor = account().actor
            rounds = platform.problems.rounds(
                actor,
                view.problem_id,
                superseded=True,
                before=st.session_state.get(place),
                limit=ROUNDS_A_PAGE + 1,
            )
            if not rounds:
                show_nothing_yet(view)
                return
            rounds = sorted(rounds, key=lambda one: -one.row_id)
            shown = rounds[:ROUNDS_A_PAGE]
            numbers = [one.server_round for one in shown]
            evaluations = platform.problems.evaluations(
                actor, view.problem_id, first=min(numbers), last=max(numbers)
            )
            show_rounds(shown, evaluations)
            if any(one.superseded for one in shown):
                st.caption("What is marked as superseded was set aside by a roll-back.")
            show_older_and_newest(place, shown[-1].row_id if len(rounds) > ROUNDS_A_PAGE else None)

    page()
