"""What a setter does with a problem: the buttons, and what is asked before some of them."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from fedota_server.webserver.permissions import Action, Actor
from fedota_server.webserver.platform import Platform
from fedota_server.webserver.problems.drafts import SELECTORS_MAX
from fedota_server.webserver.views import ProblemView
from ui.parts import confirm
from ui.parts.answers import show_answers, watch_answer
from ui.parts.links import go
from ui.parts.told import say_after_rerun, told
from ui.parts.words import count
from ui.session import account


def show_actions(platform: Platform, actor: Actor, view: ProblemView) -> None:
    """Show the buttons that this actor may press now, and no other."""
    pid, may = view.problem_id, view.may
    service = platform.problems
    with st.container(horizontal=True, gap="small", key="actions"):
        if Action.EDIT_PROBLEM in may and _button("Go on writing", "edit", first=True):
            go("new_problem", pid)
        if Action.START in may and _button("Start", "play_arrow", first=True):
            _now(lambda: service.start(actor, pid), "Starting: the servers come up.")
        if Action.RESUME in may and _button("Resume", "play_arrow", first=True):
            _now(lambda: watch_answer(pid, service.resume(actor, pid)), "Resuming.")
        if Action.PAUSE in may and _button("Pause", "pause"):
            _now(
                lambda: watch_answer(pid, service.pause(actor, pid)),
                "It pauses after the open round.",
            )
        if Action.STOP in may and _button("Stop", "stop"):
            _ask_to_stop(platform, actor, view)
        if Action.ROLL_BACK in may and _button("Roll back", "undo"):
            _ask_to_roll_back(platform, view)
        if Action.SCALE in may and _button("Scale", "dns"):
            _ask_to_scale(platform, view)
        if Action.ARCHIVE in may and _button("Archive", "inventory_2"):
            _ask_to_archive(platform, actor, view)
    show_answers(platform, actor, view)


def _button(words: str, icon: str, *, first: bool = False) -> bool:
    return st.button(
        words,
        type="primary" if first else "secondary",
        icon=f":material/{icon}:",
        key=f"action_{words}",
    )


def _now(act: Callable[[], object], done: str) -> None:
    with told():
        act()
        say_after_rerun(done)
        st.rerun()


def _ask_to_stop(platform: Platform, actor: Actor, view: ProblemView) -> None:
    pid = view.problem_id
    confirm.ask_first(
        "Stop training for good?",
        "The open round is abandoned and the problem is completed with its last checkpoint, "
        f"round {view.completed_round} of {view.rounds}. Clients are told that it is finished. "
        "To go on later instead, pause it.",
        yes="Stop for good",
        act=lambda: watch_answer(pid, platform.problems.stop(actor, pid)),
        done="Stopping.",
    )


def _ask_to_archive(platform: Platform, actor: Actor, view: ProblemView) -> None:
    confirm.ask_first(
        "Archive this problem?",
        "It leaves the catalogue, and nobody can join or train it any more. Its rounds and models "
        "stay here. This cannot be undone.",
        yes="Archive",
        act=lambda: platform.problems.archive(actor, view.problem_id),
        done="Archived.",
    )


def _ask_to_roll_back(platform: Platform, view: ProblemView) -> None:
    with told():
        earlier = earlier_rounds(platform, view)
        st.dialog("Roll back to an earlier round?")(roll_back_fields)(platform, view, earlier)


def earlier_rounds(platform: Platform, view: ProblemView) -> list[int]:
    """List the rounds that can be rolled back to, the newest first."""
    kept = platform.problems.kept_rounds(account().actor, view.problem_id).state
    rounds = list(kept)[::-1]
    return [one for one in rounds if one < view.completed_round] or rounds


def roll_back_fields(platform: Platform, view: ProblemView, earlier: list[int]) -> None:
    """Show rounds to roll back to, and what that means; roll back on the button.

    The list stays as it was when the dialog was opened, while rounds go on: the button does what
    it says, or is refused.
    """
    actor, pid = account().actor, view.problem_id
    with told():
        if not earlier:
            st.markdown(
                "There is no round to roll back to yet: the strategy's state is kept of the last "
                "three rounds and of every tenth."
            )
            return
        chosen = st.selectbox(
            "Round",
            earlier,
            format_func=lambda one: f"round {one}" if one else "the published model",
            help="Those whose strategy state is kept: the last three, and every tenth.",
            key="roll_back_to",
        )
        st.markdown(
            f"Training goes on from round {chosen}. The rounds after it stay in the history, "
            "marked as superseded; the open round is abandoned. This cannot be undone."
        )
        if st.button(f"Roll back to round {chosen}", type="primary", key="confirm_yes"):
            watch_answer(pid, platform.problems.roll_back(actor, pid, int(chosen)))
            say_after_rerun(f"Rolling back to round {chosen}.")
            st.rerun()


def _ask_to_scale(platform: Platform, view: ProblemView) -> None:
    st.dialog("Change the number of selectors")(scale_fields)(platform, view)


def scale_fields(platform: Platform, view: ProblemView) -> None:
    """Show how many selectors there are and what a change means; change it on the button."""
    actor = account().actor
    st.markdown(
        "Selectors hold the clients' connections. When one is taken away, its clients move to the "
        "others; a report that it held is sent again."
    )
    many = st.number_input(
        "Selectors", min_value=1, max_value=SELECTORS_MAX, value=view.selectors, key="scale_to"
    )
    if st.button(f"Run {count(many, 'selector')}", type="primary", key="confirm_yes"):
        with told():
            platform.problems.scale(actor, view.problem_id, int(many))
            say_after_rerun(f"{count(many, 'selector')} will run.")
            st.rerun()
