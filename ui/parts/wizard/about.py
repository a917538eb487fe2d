"""Step 1: title and description."""

from __future__ import annotations

import streamlit as st

from fedota_server.webserver.permissions import Actor
from fedota_server.webserver.platform import Platform
from fedota_server.webserver.views import DraftView
from ui.parts.safe_markdown import show_markdown
from ui.parts.wizard.steps import save, show_step_mistakes

_PLACEHOLDER = """Which question does the model answer, for whom?
What data is needed, and where does a holder find it?
What do the holders get back?"""


def show(platform: Platform, actor: Actor, draft: DraftView) -> None:
    """Show the step."""
    show_step_mistakes(draft, "about")
    pid = draft.problem_id
    with st.form("about", border=False):
        title = st.text_input(
            "Title",
            draft.title,
            max_chars=200,
            placeholder="Is a breast tumour malignant?",
            key=f"title_{pid}",
        )
        description = st.text_area(
            "Description",
            draft.description,
            height=260,
            max_chars=20_000,
            placeholder=_PLACEHOLDER,
            help="Markdown. HTML in it is shown as text, pictures as links.",
            key=f"description_{pid}",
        )
        saved = st.form_submit_button("Save and go on", type="primary")
    if saved:
        save("about", lambda: platform.problems.set_about(actor, pid, title, description))
    if draft.description.strip():
        with st.expander("How data holders see the description"):
            show_markdown(draft.description)
