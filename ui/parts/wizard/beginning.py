"""Before the first step: a new draft, or one that was begun."""

from __future__ import annotations

import streamlit as st

from fedota_proto.errors import FedotaError
from fedota_server.webserver.permissions import Actor
from fedota_server.webserver.platform import Platform
from fedota_server.webserver.statuses import Status
from fedota_server.webserver.views import ProblemCard
from ui.parts.links import go, link
from ui.parts.told import told
from ui.parts.words import ago

_DRAFTS_SHOWN = 20


def show_beginning(platform: Platform, actor: Actor) -> None:
    """Show the fields for a new draft, and the drafts to go on with."""
    st.markdown(
        "A problem is a Keras model, the form of the data that it learns from, and the rules of "
        "its rounds. You write it in a few steps, each saved by itself; nobody sees it before you "
        "publish it."
    )
    with st.form("begin", border=True):
        title = st.text_input(
            "What is to be learnt?", max_chars=200, placeholder="Is a breast tumour malignant?"
        )
        upload = st.file_uploader(
            "Take the rest from a problem.toml (optional)", type=["toml"], max_upload_size=1
        )
        begun = st.form_submit_button("Begin", type="primary")
    if begun:
        with told():
            pid = platform.problems.create(actor, title)
            if upload is not None:
                platform.problems.import_toml(
                    actor, pid, upload.getvalue().decode("utf-8", "replace")
                )
            go("new_problem", pid)
    drafts = [
        card
        for card in platform.problems.own(actor, status=Status.DRAFT, limit=_DRAFTS_SHOWN).items
        if card.status == Status.DRAFT
    ]
    if drafts:
        st.markdown("#### Your drafts")
        for card in drafts:
            _show_draft(card)


def _begin(platform: Platform, actor: Actor, title: str, text: str) -> str:
    """Begin a draft with the text of a problem.toml; if that is refused, leave none behind."""
    pid = platform.problems.create(actor, title)
    if text:
        try:
            platform.problems.import_toml(actor, pid, text)
            platform.problems.set_about(actor, pid, title, _description(platform, actor, pid))
        except FedotaError:
            platform.problems.delete_draft(actor, pid)
            raise
    return pid


def _description(platform: Platform, actor: Actor, pid: str) -> str:
    return platform.problems.draft(actor, pid).description


def _show_draft(card: ProblemCard) -> None:
    with st.container(
        border=True, horizontal=True, vertical_alignment="center", key=f"draft_{card.problem_id}"
    ):
        link("new_problem", card.title or "Without a title", card.problem_id, icon="edit")
        st.caption(f"changed {ago(card.updated_unix_s)}")
