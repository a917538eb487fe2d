"""What is written down about an exchange that is over, and what its clients are told."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from fedota_proto.v1 import fl_round_pb2 as pb
from fedota_server.coordinator.exchange import Exchange
from fedota_server.coordinator.report import entries_of, round_ended, round_row, totals_of
from fedota_server.coordinator.round_key import RoundKey
from fedota_server.coordinator.round_stage import RoundStage
from fedota_server.coordinator.settling import settled_tasks
from fedota_server.coordinator.tasks import Entry, Task, TaskBook, TaskState


def book() -> TaskBook:
    """Four tasks: one counted, one rejected, one failed, one late."""
    made = TaskBook()
    for node in (1, 2, 3, 4):
        made.add(Task(100 + node, node, owner=1))
    entry = Entry(1, 101, 10.5, b"u" * 32)
    made.hold(1, entry, size_bytes=64)
    made.count_partial(1, [entry], 10.5)
    made.refuse(102, TaskState.REJECTED, "not-finite", "NaN in a")
    made.refuse(103, TaskState.FAILED, "worker", "out of memory")
    made.close("late", "It came too late.")
    return made


def exchange() -> Exchange:
    return cast("Exchange", SimpleNamespace(book=book(), sent_bytes=512))


def test_totals() -> None:
    totals = totals_of(exchange())
    assert (totals.reported, totals.failed, totals.rejected) == (1, 1, 1)
    assert (totals.weight, totals.received_bytes, totals.nodes) == (10.5, 64, (1,))


@pytest.mark.parametrize(
    ("completed", "outcomes"),
    [
        (True, {1: "counted", 2: "rejected", 4: "late"}),
        (False, {1: "abandoned", 2: "rejected", 4: "abandoned"}),
    ],
)
def test_every_update_has_an_entry(completed: bool, outcomes: dict[int, str]) -> None:
    entries = {e.node_id: e for e in entries_of(exchange(), completed=completed)}
    assert {node: e.outcome for node, e in entries.items()} == outcomes
    assert (entries[1].weight, entries[1].update_sha256) == (10.5, b"u" * 32)
    assert (entries[2].code, entries[2].reason) == ("not-finite", "NaN in a")


def test_clients_hear_what_they_have_not_heard_before() -> None:
    told = {s.task.node_id: s.kind for s in settled_tasks(book(), completed=True, reason="")}
    assert told == {1: pb.COUNTED, 4: pb.LATE}
    abandoned = list(settled_tasks(book(), completed=False, reason="Too few."))
    assert {s.kind for s in abandoned} == {pb.ROUND_ABANDONED}
    assert {s.reason for s in abandoned} == {"Too few."}


def test_a_row_and_its_event() -> None:
    stage = RoundStage(goal=2, minimum=1, now=0.0)
    stage.configure(1.0)
    stage.complete(1.5)
    row = round_row(
        RoundKey(1, 2, 3),
        stage,
        exchange(),
        ended_unix_s=9.0,
        admitted=4,
        metrics={"loss": 0.5},
    )
    assert row.completed
    assert row.key == (1, 2, 3)
    event = round_ended(row).round
    assert (event.round.generation, event.round.server_round, event.round.attempt) == (1, 2, 3)
    assert (event.admitted, event.reported, event.weight) == (4, 1, 10.5)
    assert (event.received_bytes, event.sent_bytes) == (64, 512)
    assert {v.name: v.value for v in event.stage_s} == {"selection": 1.0, "configuration": 0.5}


def test_a_row_of_a_round_that_never_went_out() -> None:
    stage = RoundStage(goal=2, minimum=1, now=0.0)
    ended_in = stage.abandon(60.0)
    row = round_row(
        RoundKey(0, 1, 1),
        stage,
        None,
        ended_unix_s=9.0,
        admitted=0,
        metrics={},
        reason="0 of at least 2 data holders waited.",
        abandoned_in=str(ended_in),
    )
    assert (row.completed, row.abandoned_in, row.entries) == (False, "selection", ())
