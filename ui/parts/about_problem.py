"""What a problem is about: for whoever considers joining it."""

from __future__ import annotations

import streamlit as st

from fedota_proto.terms import cost_words
from fedota_server.webserver.views import ProblemView
from ui.parts.data_needed import show_data_needed
from ui.parts.download_link import download_link
from ui.parts.safe_markdown import show_markdown
from ui.parts.words import count, duration, number, plain


def show_about(view: ProblemView) -> None:
    """Show the description, the data that is needed, and the rules."""
    if view.description.strip():
        show_markdown(view.description)
    else:
        st.caption("Its setter has not described it.")
    if view.problem is None:
        return
    st.markdown("**The data that is needed**")
    show_data_needed(view.problem.data)
    download_link("Download format.toml", f"/download/{view.problem_id}/format.toml")
    st.markdown("**The rules**")
    st.markdown("\n".join(f"- {plain(line)}" for line in rule_lines(view)))


def rule_lines(view: ProblemView) -> list[str]:
    """Write the strategy and the rules of the rounds, one line each."""
    problem = view.problem
    if problem is None:
        return []
    rules, training = problem.rounds, problem.training
    parameters = ", ".join(
        f"{name} {number(value)}" for name, value in problem.strategy.parameters.items()
    )
    strategy = f"{problem.strategy.name} ({parameters})" if parameters else problem.strategy.name
    lines = [
        f"{strategy}: {problem.strategy.spec.summary}",
        f"{count(rules.rounds, 'round')}; in each, {count(rules.goal_count, 'report')} are wanted "
        f"and at least {rules.minimum_reports} needed; up to {count(rules.admitted_max, 'client')} "
        "are admitted.",
        f"A round waits up to {duration(rules.selection_timeout_s)} for clients and up to "
        f"{duration(rules.reporting_deadline_s)} for their reports; its evaluation takes up to "
        f"{duration(rules.evaluation_deadline_s)}.",
        f"Clients train {count(training.local_epochs, 'epoch')} a round, "
        f"{count(training.batch_size, 'example')} a step, and hold "
        f"{training.holdout_fraction:.0%} of their examples out.",
    ]
    if problem.privacy is not None:
        lines.append(
            f"Every client clips what it learnt to {number(problem.privacy.clipping_norm)} and "
            f"adds noise ({number(problem.privacy.noise_multiplier)} times that) before it leaves. "
            + cost_words(problem.privacy, rules.rounds)
        )
    lines.append(
        "Every data holder of this platform may join."
        if view.admission == "anyone"
        else f"The setter, {view.owner}, approves who joins."
    )
    return lines
