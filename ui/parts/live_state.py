"""What happens now: the round clock, and a sentence where no clock runs."""

from __future__ import annotations

import streamlit as st

from fedota_server.webserver.permissions import Action
from fedota_server.webserver.platform import Platform
from fedota_server.webserver.statuses import TRAINING, Status
from fedota_server.webserver.views import ProblemView
from ui.parts.clock import show_clock
from ui.parts.told import told
from ui.parts.words import count, plain, when
from ui.session import account

WHILE_SERVED_S = 1.5
WHILE_READY_S = 10.0


def every_s(view: ProblemView) -> float | None:
    """Return how often the page looks again; None where nothing can happen by itself."""
    if view.wanted == "serving" or view.status in TRAINING or view.open_commands:
        return WHILE_SERVED_S
    return WHILE_READY_S if view.status == Status.READY else None


def standing_words(view: ProblemView) -> str:
    """Say how a problem stands of which no round is open."""
    rounds = f"{view.completed_round} of {count(view.rounds, 'round')}"
    members = count(view.members, "data holder")
    match view.status:
        case Status.DRAFT:
            return "A draft: only its setter sees it."
        case Status.READY if view.wanted == "serving":
            return "The servers are starting."
        case Status.READY:
            verb = "has" if view.members == 1 else "have"
            then = (
                "Start it when enough have."
                if Action.START in view.may
                else "Training begins when its setter starts it."
            )
            return f"Published; {members} {verb} joined. {then}"
        case Status.PAUSED:
            return f"Paused after {rounds}."
        case Status.COMPLETED:
            return f"Completed with {rounds}. The model can be downloaded below."
        case Status.ARCHIVED:
            return f"Archived with {rounds}."
        case Status.FAILED:
            return f"Failed after {rounds}."
        case Status.WAITING:
            return "Fewer clients are connected than a round needs; it begins when they are here."
        case _:
            return f"{rounds} are completed; its coordinator is about to report."


def attendance_words(view: ProblemView, now: float | None = None) -> str:
    """Say how many clients are ready, until rounds say more, and how many are away until when."""
    standing = view.attendance
    if (
        standing is None
        or not (standing.clients or standing.left)
        or view.status not in (Status.READY, *TRAINING)
    ):
        return ""
    parts = []
    if not view.completed_round and standing.clients:
        parts.append(f"{standing.ready} of {count(standing.clients, 'client')} ready")
    if standing.away:
        parts.append(f"{standing.away} away")
        if standing.back_unix_s is not None:
            first = "back" if standing.away == 1 else "the first back"
            parts[-1] += f", {first} {when(standing.back_unix_s, now=now)}"
    if standing.left:
        verb = "has" if standing.left == 1 else "have"
        parts.append(f"{standing.left} {verb} left for good: see Members")
    return "; ".join(parts)


def _stamp(view: ProblemView) -> tuple[object, ...]:
    """Return what the rest of the page was drawn from."""
    return (
        view.status,
        view.wanted,
        view.failure_id,
        view.generation,
        view.requests,
        view.membership,
        tuple(one.command_id for one in view.open_commands),
    )


def show_live(platform: Platform, view: ProblemView) -> None:
    """Show what happens now, over and over; where the status changes the page is run anew."""
    every = every_s(view)

    @st.fragment(run_every=every)
    def live() -> None:
        with told():
            now = platform.problems.view(account().actor, view.problem_id)
            if _stamp(now) != _stamp(view):
                st.rerun(scope="app")
            _show_now(platform, now)

    live()


def _show_now(platform: Platform, view: ProblemView) -> None:
    clock = platform.live.clock(view.problem_id) if view.wanted == "serving" else None
    if clock is not None and clock.stage:
        show_clock(clock)
    else:
        st.markdown(plain(standing_words(view)))
    if standing := attendance_words(view):
        st.caption(plain(standing))
    if view.status_reason and view.status != Status.FAILED:
        st.caption(plain(view.status_reason))
