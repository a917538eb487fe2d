"""What became of the commands that somebody gave from this browser."""

from __future__ import annotations

import streamlit as st

from fedota_server.webserver.permissions import Actor
from fedota_server.webserver.platform import Platform
from fedota_server.webserver.views import CommandView, ProblemView
from ui.parts.told import paragraphs
from ui.parts.words import ago, plain

COMMAND_WORDS = {
    "pause": "Pause",
    "resume": "Resume",
    "stop": "Stop",
    "roll_back_to": "Roll back",
    "revoke": "Revoke a membership",
}


def _key(problem_id: str) -> str:
    return f"commands_given_{problem_id}"


def watch_answer(problem_id: str, command_id: str) -> None:
    """Remember a command that was just given: if it is refused, the page says so."""
    st.session_state.setdefault(_key(problem_id), []).append(command_id)


def command_name(one: CommandView) -> str:
    """Name a command."""
    what = COMMAND_WORDS.get(one.what, one.what)
    return f"{what} to round {one.value}" if one.what == "roll_back_to" else what


def waiting_words(one: CommandView) -> str:
    """Say of a command that it waits for the coordinator."""
    words = f"{command_name(one)}: asked for {ago(one.created_unix_s)}"
    if one.what == "pause":
        return f"{words}, the open round is finished first."
    return f"{words}, the coordinator has not answered yet."


def show_answers(platform: Platform, actor: Actor, view: ProblemView) -> None:
    """Show which commands wait for their answer, and which of one's own were refused."""
    for one in view.open_commands:
        st.caption(f":material/schedule: {plain(waiting_words(one))}")
    given: list[str] = st.session_state.pop(_key(view.problem_id), [])
    still_open = []
    for command_id in given:
        command = platform.problems.command(actor, view.problem_id, command_id)
        if not command.answered:
            still_open.append(command_id)
        elif not command.done:
            st.warning(
                paragraphs(f"{command_name(command)} was refused: {command.message}"),
                icon=":material/block:",
            )
    if still_open:
        st.session_state[_key(view.problem_id)] = still_open
