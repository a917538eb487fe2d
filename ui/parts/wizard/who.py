"""Step 6: who may join, how many selectors, and a test file."""

from __future__ import annotations

import streamlit as st

from fedota_server.webserver.permissions import Actor
from fedota_server.webserver.platform import Platform
from fedota_server.webserver.problems.drafts import SELECTORS_MAX
from fedota_server.webserver.views import DraftView
from ui.parts.test_file import show_test_file
from ui.parts.wizard.steps import save, show_step_mistakes

_ADMISSION = {
    "approval": "Data holders whom I approve",
    "anyone": "Every data holder of this platform",
}


def show(platform: Platform, actor: Actor, draft: DraftView) -> None:
    """Show the step."""
    show_step_mistakes(draft, "who")
    pid = draft.problem_id
    names = list(_ADMISSION)
    with st.form("who", border=False):
        admission = st.radio(
            "Who may join",
            names,
            index=names.index(draft.admission) if draft.admission in names else 0,
            format_func=_ADMISSION.__getitem__,
            key=f"admission_{pid}",
        )
        selectors = st.number_input(
            "Selectors",
            min_value=1,
            max_value=SELECTORS_MAX,
            value=draft.selectors,
            help="Processes that hold the clients' connections. Two let one fail unnoticed; more "
            "are for hundreds of clients. You can change it while the problem trains.",
            key=f"selectors_{pid}",
        )
        saved = st.form_submit_button("Save and go on", type="primary")

    def act() -> None:
        platform.problems.set_selectors(actor, pid, int(selectors))
        platform.problems.set_admission(actor, pid, admission)

    if saved:
        save("who", act)
    st.divider()
    show_test_file(platform, actor, pid, draft.test_file, str(draft.data.get("kind", "")))
