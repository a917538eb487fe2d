"""The steps of the form, the way between them, and how one is saved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from fedota_server.webserver.views import DraftView
from ui.parts.told import say_after_rerun, show_mistakes, told

_KEY = "step"
_NEXT = "next_step"


@dataclass(frozen=True)
class Step:
    """A step.

    Parameters
    ----------
    name
        As `DraftView.steps` calls it; ``review`` is the form's own.
    title
        In the row of steps.
    about
        One sentence: what is decided here.
    """

    name: str
    title: str
    about: str


STEPS = (
    Step("about", "About", "What is learnt and what for: this is what data holders read first."),
    Step("model", "Model", "A compiled Keras model, saved as a .keras file."),
    Step("data", "Data", "The form that every data holder's data must have."),
    Step("strategy", "Strategy", "How the updates of a round become the next model."),
    Step("rounds", "Rounds", "Who takes part in a round, how long it waits, how clients train."),
    Step("who", "Who may join", "Anyone, or whom you approve; and an optional test file of yours."),
    Step("review", "Review", "A dry run on fake data, and then publishing."),
)
_BY_NAME = {step.name: step for step in STEPS}


def _label(draft: DraftView, name: str) -> str:
    if name == "review":
        done = draft.dry_run_passed
        state = "done" if done else "empty"
    else:
        state = draft.step(name).state
    icon = {"done": "check_circle", "wrong": "error"}.get(state, "radio_button_unchecked")
    return f":material/{icon}: {_BY_NAME[name].title}"


def choose_step(draft: DraftView) -> Step:
    """Show the row of steps, each marked as done, wrong or open, and return the chosen one.

    The choice stands in the page's address, so that the form can be left and taken up again.
    """
    # A step that the form itself goes to is shown by new buttons: the old ones, in the browser,
    # may still tell the step that was left.
    turn_key = f"{_KEY}_turn_{draft.problem_id}"
    turn: int = st.session_state.setdefault(turn_key, 0)
    asked = st.session_state.pop(_NEXT, "")
    if asked:
        turn = st.session_state[turn_key] = turn + 1
    else:
        asked = st.query_params.get(_KEY, "")
    chosen = st.segmented_control(
        "Steps",
        [step.name for step in STEPS],
        default=asked if asked in _BY_NAME else _first_open(draft),
        required=True,
        format_func=lambda name: _label(draft, name),
        key=f"{_KEY}_{draft.problem_id}_{turn}",
        label_visibility="collapsed",
        wrap=True,
    )
    step = _BY_NAME[chosen or "about"]
    st.query_params[_KEY] = step.name
    return step


def _first_open(draft: DraftView) -> str:
    return next((step.name for step in draft.steps if not step.done), "review")


def show_step_mistakes(draft: DraftView, name: str) -> None:
    """Show what is wrong with a step; of one that nobody has begun, nothing."""
    step = draft.step(name)
    if step.state == "wrong":
        show_mistakes(step.mistakes)


def go_on_after(name: str) -> None:
    """Take the step after this one at the next run, and run."""
    names = [step.name for step in STEPS]
    st.session_state[_NEXT] = names[min(names.index(name) + 1, len(names) - 1)]
    st.rerun()


def save(name: str, act: Callable[[], object], *, go_on: bool = True) -> None:
    """Save a step; then go on to the next, or stay and say what is wrong.

    Parameters
    ----------
    name
        Of the step.
    act
        Saves it.
    go_on
        Otherwise the page is run anew with the same step.
    """
    with told():
        act()
        say_after_rerun("Saved.")
        if go_on:
            go_on_after(name)
        st.rerun()
