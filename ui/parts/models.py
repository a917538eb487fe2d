"""The rounds' models, to be fetched as .keras files."""

from __future__ import annotations

import streamlit as st

from fedota_server.webserver.permissions import Action, Actor, may
from fedota_server.webserver.platform import Platform
from fedota_server.webserver.statuses import Status
from fedota_server.webserver.views import ProblemView
from ui.parts.download_link import download_link
from ui.parts.layers import show_model
from ui.parts.test_file import show_test_file
from ui.parts.told import told
from ui.parts.words import count

_LOADING = """import keras

model = keras.saving.load_model("{name}")
"""


def show_models(platform: Platform, actor: Actor, view: ProblemView) -> None:
    """Show the downloads to whom may have them, and what the model is made of to everybody."""
    if Action.DOWNLOAD_MODEL in view.may:
        _show_downloads(platform, actor, view)
    else:
        st.caption(
            "Its setter and the data holders who take part can download the trained model here."
        )
    if may(actor, Action.EDIT_PROBLEM, owner_id=view.owner_id) and view.status != Status.ARCHIVED:
        show_test_file(platform, actor, view.problem_id, view.test_file, _kind(view))
    if view.model is not None:
        st.markdown("**What it is made of**")
        show_model(view.model)


def _kind(view: ProblemView) -> str:
    return view.problem.data.kind if view.problem is not None else ""


def _round_words(server_round: int, newest: int) -> str:
    if server_round == 0:
        return "as published, untrained"
    return f"round {server_round}" + (" (current)" if server_round == newest else "")


def _show_downloads(platform: Platform, actor: Actor, view: ProblemView) -> None:
    with told():
        kept = sorted(platform.problems.kept_rounds(actor, view.problem_id).arrays, reverse=True)
        if not kept:
            st.caption("No round's model is kept yet: the first appears when a round is completed.")
            return
        newest = view.completed_round if view.completed_round in kept else kept[0]
        with st.container(horizontal=True, vertical_alignment="bottom"):
            chosen = st.selectbox(
                f"Model ({count(len(kept), 'round')} kept)",
                kept,
                index=kept.index(newest),
                format_func=lambda one: _round_words(one, newest),
                key="model_round",
                width=280,
            )
            path = f"/download/{view.problem_id}/model?round={chosen}"
            download_link("Download .keras", path)
        with st.expander("Use it in Keras"):
            st.code(_LOADING.format(name=f"{view.problem_id}-round-{chosen}.keras"), "python")
