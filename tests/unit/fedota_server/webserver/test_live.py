"""The newest snapshot of each problem, with its age, for as long as its coordinator is there."""

from __future__ import annotations

from support.accounts import SetClock
from support.problem_rows import PROBLEM

from fedota_proto.v1 import fl_records_pb2 as records_pb
from fedota_proto.v1 import fl_round_pb2 as round_pb
from fedota_proto.v1 import fl_status_pb2 as pb
from fedota_server.webserver.live import Live


def snapshot(*held: int) -> pb.StatusClock:
    return pb.StatusClock(
        state="running",
        clock=round_pb.Clock(
            round=records_pb.RoundKey(generation=1, server_round=3, attempt=2),
            stage="reporting",
            rounds=20,
            cohort=5,
            reported=4,
            goal=5,
            minimum=3,
            closes_in_s=130.0,
        ),
        selectors=[
            pb.SelectorState(name=f"selector-{n}", attached=True, held_clients=clients)
            for n, clients in enumerate(held, start=1)
        ],
        members_bound=7,
    )


def test_a_snapshot_is_shown_with_its_age() -> None:
    clock = SetClock()
    live = Live(clock)
    live.attach(PROBLEM, "stream")
    assert live.attached(PROBLEM)
    assert live.clock(PROBLEM) is None
    live.take(PROBLEM, snapshot(2, 3))
    clock.pass_by(4.0)
    seen = live.clock(PROBLEM)
    assert seen is not None
    assert (seen.server_round, seen.attempt, seen.generation) == (3, 2, 1)
    assert (seen.stage, seen.reported, seen.goal, seen.minimum) == ("reporting", 4, 5, 3)
    assert (seen.closes_in_s, seen.age_s, seen.members_bound) == (130.0, 4.0, 7)
    assert [selector.name for selector in seen.selectors] == ["selector-1", "selector-2"]
    assert seen.held_clients == 5


def test_nothing_is_shown_of_a_coordinator_that_is_gone() -> None:
    live = Live(SetClock())
    live.attach(PROBLEM, "old")
    live.attach(PROBLEM, "new")
    live.take(PROBLEM, snapshot())
    live.detach(PROBLEM, "old")
    assert live.attached(PROBLEM), "the newer stream stays"
    assert live.clock(PROBLEM) is not None
    live.detach(PROBLEM, "new")
    assert not live.attached(PROBLEM)
    assert live.clock(PROBLEM) is None
