"""Events and clocks become a table, lines and JSON."""

import json
from datetime import datetime

import pytest
from rich.console import Console

from fedota_proto.v1 import fl_records_pb2 as records_pb
from fedota_proto.v1 import fl_round_pb2 as round_pb
from fedota_proto.v1 import fl_status_pb2 as pb
from fedota_server.event_lines import event_line
from fedota_server.status_view import StatusView

NAMES = {7: "north"}


def key(server_round: int, attempt: int = 1, generation: int = 0) -> records_pb.RoundKey:
    return records_pb.RoundKey(generation=generation, server_round=server_round, attempt=attempt)


def ended(server_round: int, *, completed: bool = True, attempt: int = 1) -> pb.Event:
    body = pb.RoundEnded(
        round=key(server_round, attempt),
        completed=completed,
        reason="" if completed else "2 of 3 reported",
        abandoned_in="" if completed else "reporting",
        admitted=4,
        reported=3,
        failed=1,
        weight=300,
        train_metrics=[
            pb.NamedValue(name="accuracy", value=0.9),
            pb.NamedValue(name="loss", value=0.25),
        ],
        stage_s=[
            pb.NamedValue(name="selection", value=0.5),
            pb.NamedValue(name="reporting", value=1),
        ],
    )
    return pb.Event(round=body)


def evaluated(server_round: int, accuracy: float) -> pb.Event:
    metrics = [pb.NamedValue(name="accuracy", value=accuracy)]
    return pb.Event(
        evaluated=pb.Evaluated(round=key(server_round), metrics=metrics, clients=3, weight=75)
    )


def view_of(*events: pb.Event, clock: pb.StatusClock | None = None) -> StatusView:
    view = StatusView("Tumours", NAMES, now=lambda: 100.0)
    for seq, event in enumerate(events, start=1):
        event.seq = seq
        view.take(pb.WatchMessage(event=event))
    if clock is not None:
        view.take(pb.WatchMessage(clock=clock))
    return view


def drawn(view: StatusView) -> str:
    console = Console(width=120, record=True, file=None, force_terminal=False, quiet=True)
    with console.capture() as capture:
        console.quiet = False
        console.print(view.render())
    return capture.get()


def test_rounds_are_kept_with_their_evaluation() -> None:
    view = view_of(ended(1, completed=False))
    assert view.completed == 0
    view = view_of(ended(1), evaluated(1, 0.8))
    rounds = view.as_json()["rounds"]
    assert rounds[0]["evaluation"] == {"accuracy": pytest.approx(0.8)}
    assert rounds[0]["train_metrics"] == {"accuracy": 0.9, "loss": 0.25}


def test_a_roll_back_leaves_rounds_behind() -> None:
    back = pb.Event(rolled_back=pb.RolledBack(generation=1, to_round=1))
    view = view_of(ended(1), ended(2), ended(3), back)
    assert view.completed == 1
    assert [seen.superseded for seen in view.rounds.values()] == [False, True, True]
    assert "superseded" in drawn(view)


def test_the_round_clock_runs_between_messages() -> None:
    clock = pb.StatusClock(
        state="running",
        clock=round_pb.Clock(
            round=key(3),
            stage="reporting",
            rounds=12,
            cohort=4,
            reported=2,
            goal=4,
            closes_in_s=60,
        ),
        selectors=[pb.SelectorState(name="selector-1", address="h:1", held_clients=2)],
    )
    view = view_of(clock=clock)
    view.now = lambda: 120.0
    text = drawn(view)
    assert "round 3 of 12: reporting, 2 of 4 reported, goal 4" in text
    assert "reporting closes in 40 s" in text
    assert "selector-1 (lost)" in text


def test_a_problem_that_waits_says_for_whom() -> None:
    clock = pb.StatusClock(
        state="waiting for data holders",
        clock=round_pb.Clock(round=key(1), stage="selection", waiting=1, minimum=3),
        detail="1 of 3 are here",
    )
    text = drawn(view_of(clock=clock))
    assert "waiting for data holders" in text
    assert "1 of 3 needed clients are here" in text
    assert "1 of 3 are here" in text


def test_everything_is_json() -> None:
    member = pb.Event(member=pb.MemberChanged(node_id=7, change="bound"))
    view = view_of(member, ended(1), clock=pb.StatusClock(state="completed", members_bound=1))
    found = json.loads(json.dumps(view.as_json()))
    assert found["state"] == "completed"
    assert found["completed_round"] == 1
    assert found["members"] == [
        {
            "node_id": 7,
            "name": "north",
            "last": "bound",
            "ready": False,
            "away_until_unix_s": None,
        }
    ]


def test_members_are_connected_until_they_go() -> None:
    changes = ("bound", "connected", "gone", "ready")
    seen = []
    view = view_of()
    for change in changes:
        view.take(
            pb.WatchMessage(event=pb.Event(member=pb.MemberChanged(node_id=7, change=change)))
        )
        seen.append(view.connected)
    assert seen == [0, 1, 0, 0], "ready is said of data, also by who is not connected"


def test_who_is_ready_and_who_is_away_is_told() -> None:
    def member(node_id: int, change: str, until: float = 0.0) -> pb.Event:
        changed = pb.MemberChanged(node_id=node_id, change=change, away_until_unix_s=until)
        return pb.Event(member=changed)

    noon = datetime(2030, 6, 3, 12, 0).astimezone()
    view = view_of(member(7, "bound"), member(7, "ready"), member(8, "bound"))
    assert "1 of 2 clients are ready" in drawn(view)
    view.take(pb.WatchMessage(event=member(7, "away", noon.timestamp())))
    assert "north is away, back Mon 12:00" in drawn(view)
    (north, other) = view.as_json()["members"]
    assert (north["ready"], north["away_until_unix_s"]) == (True, noon.timestamp())
    view.take(pb.WatchMessage(event=member(7, "connected")))
    assert "away" not in drawn(view)
    assert other["ready"] is False


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (ended(2), "round 2 completed: 3 of 4 reported, 1 failed; loss 0.25, accuracy 0.9"),
        (
            ended(2, completed=False, attempt=3),
            "round 2, attempt 3 abandoned in reporting: 2 of 3 reported",
        ),
        (
            pb.Event(round=pb.RoundEnded(round=key(5, generation=1), completed=True)),
            "round 5 (generation 1) completed: 0 of 0 reported",
        ),
        (evaluated(2, 0.75), "round 2 evaluated by 3 clients: accuracy 0.75"),
        (
            pb.Event(evaluated=pb.Evaluated(round=key(2), clients=1)),
            "round 2 evaluated by 1 client",
        ),
        (
            pb.Event(
                member=pb.MemberChanged(node_id=7, change="bound", selector="selector-1.x.fedota")
            ),
            "north has enrolled (selector-1)",
        ),
        (pb.Event(member=pb.MemberChanged(node_id=8, change="gone")), "client 8 is gone"),
        (
            pb.Event(member=pb.MemberChanged(node_id=7, change="away", away_until_unix_s=1e300)),
            "north is away",
        ),
        (
            pb.Event(state=pb.StateChanged(state="failed", reason="no disk")),
            "the problem is failed: no disk",
        ),
        (
            pb.Event(
                update=pb.UpdateSettled(
                    node_id=7,
                    outcome=round_pb.Outcome(
                        kind=round_pb.REJECTED, code="not-finite", reason="it holds NaN"
                    ),
                )
            ),
            "the update of north was rejected (not-finite): it holds NaN",
        ),
        (
            pb.Event(
                update=pb.UpdateSettled(node_id=7, outcome=round_pb.Outcome(kind=round_pb.COUNTED))
            ),
            "",
        ),
        (
            pb.Event(rolled_back=pb.RolledBack(generation=1, to_round=4)),
            "rolled back to round 4; generation 1 begins",
        ),
        (
            pb.Event(selector=pb.SelectorChanged(name="selector-1", change="lost")),
            "selector-1 lost",
        ),
        (pb.Event(stage=pb.StageChanged(stage="reporting")), ""),
    ],
)
def test_events_are_said_in_one_line(event: pb.Event, line: str) -> None:
    assert event_line(event, NAMES) == line
