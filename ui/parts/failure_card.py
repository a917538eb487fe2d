"""What went wrong with a problem: where, why, what to do, and the id in the log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from fedota_server.webserver.permissions import Action
from fedota_server.webserver.statuses import Status
from fedota_server.webserver.views import ProblemView, RoundView, ServerView
from ui.parts.words import plain


@dataclass(frozen=True)
class Failure:
    """A failure in words.

    Parameters
    ----------
    where
        The round and the stage, or the server.
    what
        What happened.
    remedy
        What to do about it.
    failure_id
        Under which the log tells more; may be empty.
    """

    where: str
    what: str
    remedy: str
    failure_id: str


def failure_of(
    view: ProblemView, rounds: Sequence[RoundView], servers: Sequence[ServerView] = ()
) -> Failure | None:
    """Say why a problem has failed.

    Parameters
    ----------
    view
        The problem.
    rounds
        Its newest, in any order.
    servers
        Where the reader may see them.

    Returns
    -------
    Failure or None
        None where it has not.
    """
    if view.status != Status.FAILED:
        return None
    given_up = [one for one in servers if one.state == "given up"]
    newest = max(rounds, key=lambda one: one.row_id, default=None)
    if given_up:
        where = f"{given_up[0].name} could not be kept running"
    elif newest is not None and not newest.completed:
        where = f"round {newest.server_round}, {newest.abandoned_in or 'before it began'}"
    elif newest is not None:
        where = f"after round {newest.server_round}"
    else:
        where = "before the first round ended"
    what = view.status_reason
    if not what and given_up:
        what = given_up[0].detail
    elif not what and newest is not None:
        what = newest.reason
    return Failure(where, what or "No reason was reported.", _remedy(view), view.failure_id)


def _remedy(view: ProblemView) -> str:
    if Action.RESUME in view.may:
        checkpoint = (
            f"at round {view.completed_round}'s checkpoint"
            if view.completed_round
            else "at the beginning"
        )
        remedy = f"Remove the cause, then resume: training goes on {checkpoint}."
        if Action.ROLL_BACK in view.may and view.completed_round:
            remedy += " Or roll back to an earlier round, if the model itself went wrong."
        return remedy
    return (
        f"The setter, {view.owner}, can resume it at the last checkpoint; what was trained so far "
        "is kept. There is nothing that you need to do."
    )


def show_failure(failure: Failure) -> None:
    """Show the card."""
    with st.container(border=True, key="failure"):
        st.markdown(f"#### :red[:material/error:] Training failed: {plain(failure.where)}")
        st.markdown(f"**What happened.** {plain(failure.what)}")
        st.markdown(f"**What to do.** {plain(failure.remedy)}")
        if failure.failure_id:
            st.markdown(f"In the servers' log this failure is `{failure.failure_id}`.")
