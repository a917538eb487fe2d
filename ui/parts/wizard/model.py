"""Step 2: the model."""

from __future__ import annotations

import streamlit as st

from fedota_server.webserver.permissions import Actor
from fedota_server.webserver.platform import Platform
from fedota_server.webserver.views import DraftView
from ui.parts.job_progress import follow_job
from ui.parts.layers import show_model
from ui.parts.told import paragraphs
from ui.parts.wizard.steps import go_on_after
from ui.upload_box import upload_box

_EXAMPLE = """model.compile(
    optimizer="adam",
    loss="binary_crossentropy",
    metrics=["accuracy"],
)
model.save("model.keras")
"""


def show(platform: Platform, actor: Actor, draft: DraftView) -> None:
    """Show the step."""
    pid = draft.problem_id
    label = "Replace the model" if draft.model else "Upload the model (.keras)"
    if upload_box("model", pid, label, ".keras") is not None:
        st.rerun()
    job = draft.model_job
    if job is not None and not job.over:
        follow_job(platform, job)
    elif draft.model is None:
        st.markdown("In Keras, compile the model before you save it:")
        st.code(_EXAMPLE, language="python")
        st.caption(
            "Layers must be Keras's own: no Lambda layer and no class of yours, since a data "
            "holder runs this file. Scaling and encoding belong into the model as layers."
        )
    elif draft.model.state == "refused":
        st.error(paragraphs(draft.model.refusal), icon=":material/error:")
    else:
        st.success("The model is fine.", icon=":material/check_circle:")
        show_model(draft.model)
        if st.button("Go on", type="primary"):
            go_on_after("model")
