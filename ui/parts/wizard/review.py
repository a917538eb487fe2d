"""Step 7: everything at a glance, the dry run, and publishing."""

from __future__ import annotations

import streamlit as st

from fedota_server.webserver.permissions import Actor
from fedota_server.webserver.platform import Platform
from fedota_server.webserver.views import DraftView
from ui.parts import confirm
from ui.parts.data_needed import format_words
from ui.parts.job_progress import follow_job, show_job
from ui.parts.layers import model_words
from ui.parts.told import show_mistakes, told
from ui.parts.wizard.steps import STEPS
from ui.parts.words import count, duration, plain

# In the session's state: which problem was just published, and its page is to be shown.
PUBLISHED = "published"


def show(platform: Platform, actor: Actor, draft: DraftView) -> None:
    """Show the step."""
    _show_summary(draft)
    st.download_button(
        "Download problem.toml",
        draft.toml,
        "problem.toml",
        "application/toml",
        icon=":material/download:",
        on_click="ignore",
        help="The same as text: for `fedota problem check`, or for your notes.",
    )
    if not draft.complete:
        _show_missing(draft)
        return
    st.divider()
    _show_dry_run(platform, actor, draft)
    st.divider()
    _show_publish(platform, actor, draft)


def _show_summary(draft: DraftView) -> None:
    lines = [f"**{plain(draft.title or 'Without a title')}**"]
    if draft.model is not None and draft.model.state == "fine":
        lines.append(f"Model: {plain(model_words(draft.model))}")
    problem = draft.problem
    if problem is not None:
        rules = problem.rounds
        lines.append(f"Data: {plain(format_words(problem.data))}")
        lines.append(
            f"Rounds: {count(rules.rounds, 'round')} of {problem.strategy.name}, goal "
            f"{rules.goal_count}, at least {count(rules.minimum_reports, 'report')}, "
            f"{duration(rules.reporting_deadline_s)} to train."
        )
    who = "every data holder" if draft.admission == "anyone" else "data holders whom you approve"
    lines.append(f"Who may join: {who}; {count(draft.selectors, 'selector')} at the start.")
    if draft.test_file:
        lines.append(f"Test file: {plain(draft.test_file)}")
    with st.container(border=True):
        st.markdown("\n\n".join(lines))


def _show_missing(draft: DraftView) -> None:
    titles = {step.name: step.title for step in STEPS}
    st.markdown("Before the dry run, this is still needed:")
    show_mistakes(
        [
            f"{titles[step.name]}: {mistake}"
            for step in draft.steps
            for mistake in step.mistakes
            if not step.done
        ]
    )


def _show_dry_run(platform: Platform, actor: Actor, draft: DraftView) -> None:
    st.markdown("**Dry run**")
    st.caption(
        "Three jobs go through one whole round on fake data made from the declared form: clients "
        "train, the strategy aggregates, the result is scored. A mistake costs seconds here, and "
        "not a round of your data holders."
    )
    job = draft.dry_run_job
    if job is not None and not job.over:
        follow_job(platform, job)
        return
    if job is not None and (job.state == "failed" or draft.dry_run_passed):
        show_job(job)
    elif job is not None:
        st.info(
            "Something was changed since the last dry run: run it again.", icon=":material/info:"
        )
    again = job is not None
    kind = "secondary" if draft.dry_run_passed else "primary"
    if st.button("Run it again" if again else "Run dry", type=kind, key="dry_run"):  # type: ignore[arg-type]
        with told():
            platform.problems.dry_run(actor, draft.problem_id)
            st.rerun()


def _show_publish(platform: Platform, actor: Actor, draft: DraftView) -> None:
    st.markdown("**Publish**")
    if not draft.publishable:
        st.caption("It can be published once a dry run of exactly this content has passed.")
    pid = draft.problem_id

    def publish() -> None:
        platform.problems.publish(actor, pid)
        st.session_state[PUBLISHED] = pid

    if st.button("Publish", type="primary", disabled=not draft.publishable, key="publish"):
        confirm.ask_first(
            "Publish this problem?",
            "It then stands in the catalogue, and data holders can join. What they agree to "
            "cannot be changed any more: model, data, strategy and rules stay as they are. "
            "Training begins only when you start it.",
            yes="Publish",
            act=publish,
            done="Published.",
        )
