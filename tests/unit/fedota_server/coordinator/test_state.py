"""The problem's state survives the process where it must, and every change is reported."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fedota_proto.errors import FolderError
from fedota_server.coordinator.events import Events
from fedota_server.coordinator.state import ProblemState, Standing, State


@pytest.fixture
def events(tmp_path: Path) -> Iterator[Events]:
    kept = Events(tmp_path / "events.jsonl")
    yield kept
    kept.close()


def state_in(folder: Path, events: Events) -> ProblemState:
    return ProblemState(folder / "state.json", events, lambda: None)


def test_changes_are_reported_once(tmp_path: Path, events: Events) -> None:
    changes = []
    state = ProblemState(tmp_path / "state.json", events, lambda: changes.append(1))
    assert state.now == Standing(State.RUNNING)
    state.enter(Standing(State.WAITING, "nobody is there"))
    state.enter(Standing(State.WAITING, "nobody is there"))
    state.enter(Standing(State.RUNNING))
    assert len(changes) == 2
    told = [(event.state.state, event.state.reason) for event in events.after(0)]
    assert told == [("waiting for data holders", "nobody is there"), ("running", "")]


@pytest.mark.parametrize("state", [State.PAUSED, State.COMPLETED, State.FAILED])
def test_a_held_problem_stays_so_after_a_restart(
    tmp_path: Path, events: Events, state: State
) -> None:
    standing = Standing(state, "why", "f00d")
    state_in(tmp_path, events).enter(standing)
    again = state_in(tmp_path, events)
    assert again.now == standing
    assert again.now.held
    again.enter(Standing(State.RUNNING))
    assert state_in(tmp_path, events).now == Standing(State.RUNNING)


def test_waiting_is_running_after_a_restart(tmp_path: Path, events: Events) -> None:
    state_in(tmp_path, events).enter(Standing(State.WAITING, "…"))
    assert state_in(tmp_path, events).now == Standing(State.RUNNING)


def test_a_damaged_file_is_told(tmp_path: Path, events: Events) -> None:
    (tmp_path / "state.json").write_text('{"state": "flying", "reason": "", "failure_id": ""}')
    with pytest.raises(FolderError, match=r"state\.json is damaged"):
        state_in(tmp_path, events)
