"""Long work as it goes: what is done, what is being done, how it ended."""

from __future__ import annotations

import streamlit as st

from fedota_server.webserver.platform import Platform
from fedota_server.webserver.views import JobView
from ui.parts.told import paragraphs, told
from ui.parts.words import duration, plain
from ui.session import account

EVERY_S = 1.0

_TITLES = {"inspect": "Checking the model", "dry run": "Dry run", "score": "Scoring a model"}
_WAITING = "Waiting for its turn: other work is done first."


def show_job(job: JobView) -> None:
    """Show a job, its steps below each other."""
    title = _TITLES.get(job.kind, job.kind)
    state = {"done": "complete", "failed": "error"}.get(job.state, "running")
    words = {"done": "passed", "failed": "failed", "queued": "waits"}.get(job.state, "runs")
    label = f"{title}: {words}"
    if job.started_unix_s is not None and job.ended_unix_s is not None:
        label += f" after {duration(job.ended_unix_s - job.started_unix_s)}"
    expanded = job.kind != "inspect" or job.state != "done"
    with st.status(label, state=state, expanded=expanded):  # type: ignore[arg-type]
        for step in job.steps:
            st.markdown(f":green[:material/check:] {plain(step)}")
        if job.state == "queued":
            st.markdown(f":material/hourglass_empty: {_WAITING}")
        elif job.state == "running":
            st.markdown(f":material/progress_activity: {plain(job.message or 'Beginning')}")
        elif job.state == "failed":
            st.markdown(f":red[:material/close:] {paragraphs(job.message)}")
        elif job.message:
            st.markdown(plain(job.message))


def follow_job(platform: Platform, job: JobView) -> None:
    """Show a job that has not ended, anew every second; at its end the page is run anew.

    Parameters
    ----------
    platform
        Whom to ask.
    job
        As it was last seen.
    """
    if job.over:
        show_job(job)
        return

    @st.fragment(run_every=EVERY_S)
    def follow() -> None:
        with told():
            now = platform.jobs.view(account().actor, job.job_id)
            if now.over:
                st.rerun(scope="app")
            show_job(now)

    follow()
