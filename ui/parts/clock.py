"""The round clock: what happens, who is awaited and until when."""

from __future__ import annotations

from html import escape

import streamlit as st

from fedota_server.webserver.live import ClockView
from ui.parts.stages import stages_html
from ui.parts.words import count, duration

STALE_AFTER_S = 20.0


def left_s(clock: ClockView) -> float:
    """Return the seconds until the stage closes, as of now; 0 where no clock runs."""
    return max(0.0, clock.closes_in_s - clock.age_s) if clock.closes_in_s else 0.0


def wanted(clock: ClockView) -> int:
    """Return how many reports close the stage: the goal, or the cohort where that is smaller."""
    return min(clock.goal, clock.cohort) if clock.cohort else clock.goal


def clock_words(clock: ClockView) -> str:
    """Write the round clock as a sentence.

    Parameters
    ----------
    clock
        The newest that the coordinator has sent.

    Returns
    -------
    str
        As ``Round 3 of 20, reporting: 4 of 5 reports, minimum 3, closes in 2 min 10 s, waiting
        for 1.``
    """
    head = f"Round {clock.server_round}"
    if clock.rounds:
        head += f" of {clock.rounds}"
    if clock.attempt > 1:
        head += f", attempt {clock.attempt}"
    parts = _parts(clock)
    left = left_s(clock)
    if clock.closes_in_s and clock.stage != "waiting":
        parts.append(f"closes in {duration(round(left))}" if left >= 1 else "closes now")
    if clock.stage in ("reporting", "evaluation"):
        missing = max(0, wanted(clock) - clock.reported)
        if missing:
            parts.append(f"waiting for {missing}")
    return f"{head}, {_stage_name(clock)}: {', '.join(parts)}."


def _stage_name(clock: ClockView) -> str:
    return "waiting for data holders" if clock.stage == "waiting" else clock.stage


def _parts(clock: ClockView) -> list[str]:
    match clock.stage:
        case "selection":
            return [
                f"{clock.waiting} of {count(clock.goal, 'client')} here",
                f"minimum {clock.minimum}",
            ]
        case "waiting":
            missing = max(0, clock.minimum - clock.waiting)
            return [f"{count(clock.waiting, 'client')} here", f"{missing} more needed to begin"]
        case "configuration":
            return [f"the model goes to {count(clock.cohort, 'client')}"]
        case "reporting":
            reports = count(wanted(clock), "report")
            return [f"{clock.reported} of {reports}", f"minimum {clock.minimum}"]
        case "evaluation":
            return [f"{clock.reported} of {count(wanted(clock), 'report')} on held-out data"]
        case "paused":
            return ["it goes on when the setter resumes it"]
        case _:
            return [f"{count(clock.waiting, 'client')} here"]


def stage_notes(clock: ClockView) -> dict[str, str]:
    """Write a few words for the stage that the round stands in."""
    match clock.stage:
        case "selection" | "waiting":
            return {"selection": f"{clock.waiting} here, minimum {clock.minimum}"}
        case "configuration":
            return {"configuration": f"{count(clock.cohort, 'client')} admitted"}
        case "reporting":
            return {"reporting": f"{clock.reported} of {wanted(clock)}"}
        case "evaluation":
            return {"completed": f"evaluation: {clock.reported} of {wanted(clock)}"}
        case _:
            return {}


def share_here(clock: ClockView) -> float:
    """Return how much of what the stage waits for has come, from 0 to 1."""
    come, all_of_it = {
        "selection": (clock.waiting, clock.goal),
        "waiting": (clock.waiting, clock.minimum),
        "reporting": (clock.reported, wanted(clock)),
        "evaluation": (clock.reported, wanted(clock)),
    }.get(clock.stage, (0, 0))
    return min(1.0, come / all_of_it) if all_of_it else 0.0


def show_clock(clock: ClockView) -> None:
    """Show the sentence, the stages, and a bar of what has come."""
    share = share_here(clock)
    bar = (
        ""
        if clock.stage == "paused"
        else (
            f'<div class="fedota-bar" role="progressbar" aria-label="What has come, in per cent" '
            f'aria-valuemin="0" aria-valuemax="100" aria-valuenow="{share * 100:.0f}">'
            f'<span style="width:{share:.1%}"></span></div>'
        )
    )
    st.html(
        f'<p class="fedota-clock">{escape(clock_words(clock))}</p>'
        f"{bar}{stages_html(clock.stage, stage_notes(clock))}"
    )
    if clock.age_s > STALE_AFTER_S:
        st.caption(
            f"The coordinator was last heard {duration(clock.age_s)} ago; the clock may have moved."
        )
