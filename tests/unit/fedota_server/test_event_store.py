"""Events are stored once each, in order, and survive a crash."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedota_proto.errors import FolderError
from fedota_proto.v1 import fl_round_pb2 as round_pb
from fedota_proto.v1 import fl_status_pb2 as pb
from fedota_server.event_file import EventFile
from fedota_server.event_store import event_from_line, event_to_line


def event(seq: int, state: str = "running") -> pb.Event:
    return pb.Event(seq=seq, unix_s=float(seq), state=pb.StateChanged(state=state))


def seqs(events: list[pb.Event] | None) -> list[int]:
    assert events is not None
    return [one.seq for one in events]


def test_an_event_is_stored_once(tmp_path: Path) -> None:
    store = EventFile(tmp_path / "events.jsonl")
    assert store.append(event(1))
    assert not store.append(event(1, "failed"))
    assert store.append(event(2))
    assert seqs(store.recent_after(0)) == [1, 2]
    assert len(store.path.read_text().splitlines()) == 2
    store.close()


async def test_only_what_is_synced_may_be_acknowledged(tmp_path: Path) -> None:
    store = EventFile(tmp_path / "events.jsonl")
    store.append(event(1))
    assert store.synced_seq == 0
    assert await store.sync() == 1
    store.close()


def test_a_store_opened_again_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    first = EventFile(path)
    for seq in (1, 2, 3):
        first.append(event(seq))
    first.close()
    again = EventFile(path)
    assert (again.last_seq, again.synced_seq) == (3, 3)
    assert not again.append(event(3))
    assert again.append(event(4))
    assert seqs(again.stored_after(2)) == [3, 4]
    again.close()


def test_half_a_last_line_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text(event_to_line(event(1)) + "\n" + event_to_line(event(2))[:9])
    store = EventFile(path)
    assert store.last_seq == 1
    assert store.append(event(2))
    assert seqs(store.stored_after(0)) == [1, 2]
    store.close()


def test_a_damaged_line_in_the_middle_is_named(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text("{oh\n" + event_to_line(event(2)) + "\n")
    with pytest.raises(FolderError, match="Line 1 of"):
        EventFile(path)


async def test_a_coordinator_that_counts_anew_gets_a_new_file(tmp_path: Path) -> None:
    store = EventFile(tmp_path / "events.jsonl")
    store.append(event(1))
    store.append(event(2))
    await store.begin(last_seq=2)
    assert store.last_seq == 2
    await store.begin(last_seq=1)
    assert store.last_seq == 0
    assert store.append(event(1, "paused"))
    assert len((tmp_path / "events-until-2.jsonl").read_text().splitlines()) == 2
    store.close()


def test_old_events_are_read_from_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fedota_server.event_file._RECENT", 3)
    store = EventFile(tmp_path / "events.jsonl")
    for seq in range(1, 9):
        store.append(event(seq))
    assert store.recent_after(2) is None
    assert seqs(store.stored_after(2, most=4)) == [3, 4, 5, 6]
    assert seqs(store.recent_after(5)) == [6, 7, 8]
    assert seqs(store.recent_after(5, most=2)) == [6, 7]
    assert store.recent_after(8) == []
    store.close()


@given(seq=st.integers(1, 2**64 - 1), node=st.integers(1, 2**63 - 1), reason=st.text())
@settings(max_examples=50)
def test_every_event_comes_back_from_its_line(seq: int, node: int, reason: str) -> None:
    whole = pb.Event(
        seq=seq,
        unix_s=1.5,
        update=pb.UpdateSettled(
            node_id=node,
            outcome=round_pb.Outcome(
                task_id=node, kind=round_pb.REJECTED, reason=reason, update_sha256=b"\0\xff"
            ),
        ),
    )
    line = event_to_line(whole)
    assert "\n" not in line
    assert event_from_line(line) == whole
