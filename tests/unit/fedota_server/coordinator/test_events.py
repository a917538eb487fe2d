"""Events are numbered over processes and kept until they are acknowledged."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedota_proto.errors import FolderError
from fedota_proto.v1 import fl_round_pb2, fl_status_pb2
from fedota_server.coordinator import events as events_module
from fedota_server.coordinator.events import Events


def killed(events: Events) -> None:
    """End a process without a word: the file stays as it is."""
    events._journal.close()


def member(node: int) -> fl_status_pb2.Event:
    return fl_status_pb2.Event(member=fl_status_pb2.MemberChanged(node_id=node, change="bound"))


def numbers(events: Events, after: int = 0) -> list[int]:
    return [event.seq for event in events.after(after)]


def test_events_are_numbered_and_dated(tmp_path: Path) -> None:
    events = Events(tmp_path / "events.jsonl", clock=lambda: 5.5)
    assert events.append(member(1)).seq == 1
    assert events.append(member(2)).unix_s == 5.5
    assert events.last_seq == 2
    assert numbers(events, after=1) == [2]
    events.close()


def test_they_survive_a_killed_process_whole(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    events = Events(path)
    outcome = fl_round_pb2.Outcome(task_id=2**63 + 5, weight=0.1, signature=b"\0\xff" * 32)
    update = fl_status_pb2.UpdateSettled(node_id=2**62 + 1, outcome=outcome)
    first = events.append(fl_status_pb2.Event(update=update))
    killed(events)
    again = Events(path)
    assert again.after(0) == [first]
    assert again.append(member(1)).seq == 2
    again.close()


def test_acknowledged_events_are_forgotten_and_numbers_go_on(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    events = Events(path)
    for node in range(1, 6):
        events.append(member(node))
    events.acknowledge(5)
    assert numbers(events) == []
    events.close()
    again = Events(path)
    assert (again.last_seq, again.acknowledged) == (5, 5)
    assert again.append(member(9)).seq == 6
    again.close()


def test_an_acknowledgement_from_nowhere_changes_nothing(tmp_path: Path) -> None:
    events = Events(tmp_path / "events.jsonl")
    events.append(member(1))
    events.acknowledge(7)
    assert numbers(events) == [1]
    events.acknowledge(1)
    events.acknowledge(0)
    assert events.acknowledged == 1
    events.close()


def test_the_file_does_not_grow_with_what_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events_module, "_COMPACT_AFTER", 10)
    path = tmp_path / "events.jsonl"
    events = Events(path)
    for number in range(1, 201):
        events.append(member(number))
        events.acknowledge(number)
    assert len(path.read_text().splitlines()) <= 12
    killed(events)
    again = Events(path)
    assert again.last_seq == 200
    again.close()


def test_a_watcher_is_woken_by_each_event(tmp_path: Path) -> None:
    events = Events(tmp_path / "events.jsonl")
    flag = events.watch()
    events.append(member(1))
    assert flag.is_set()
    flag.clear()
    events.unwatch(flag)
    events.append(member(2))
    assert not flag.is_set()
    events.close()


def test_damaged_events_are_told(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('{"seq": "1", "nonsense": {}}\n')
    with pytest.raises(FolderError, match="damaged"):
        Events(path)


@given(st.lists(st.sampled_from(["append", "acknowledge", "kill", "close"]), max_size=40))
def test_no_event_is_lost_and_no_number_comes_twice(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    path = tmp_path_factory.mktemp("events") / "events.jsonl"
    events = Events(path)
    appended, stored = 0, 0
    for step in steps:
        if step == "append":
            appended += 1
            assert events.append(member(appended)).seq == appended
        elif step == "acknowledge":
            stored = appended
            events.acknowledge(stored)
        elif step == "close":
            events.close()
            events = Events(path)
        else:
            killed(events)
            events = Events(path)
        assert events.last_seq == appended
        kept = {event.seq: event.member.node_id for event in events.after(0)}
        assert all(number == node for number, node in kept.items())
        assert set(range(stored + 1, appended + 1)) <= set(kept)
    events.close()
