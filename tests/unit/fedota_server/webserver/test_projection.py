"""Events become rows: each once, in order, on SQLite and PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import pytest
from sqlmodel import SQLModel, select
from support.problem_rows import PROBLEM, add_client, add_problem, problem_row

from fedota_proto.v1 import fl_records_pb2 as records_pb
from fedota_proto.v1 import fl_round_pb2 as round_pb
from fedota_proto.v1 import fl_status_pb2 as pb
from fedota_server.webserver.database import Database
from fedota_server.webserver.projection import fold, note_clients_gone, note_clock
from fedota_server.webserver.tables import ClientRow, EvaluationRow, RoundRow, UpdateRow

if TYPE_CHECKING:
    from fedota_proto.v1.fl_round_pb2 import OutcomeKind


@pytest.fixture(autouse=True)
def problem(database: Database) -> str:
    return add_problem(database)


def take(database: Database, *events: pb.Event) -> None:
    """Fold events, in one transaction."""
    with database.session() as session, session.begin():
        for event in events:
            fold(session, PROBLEM, event)


_Table = TypeVar("_Table", bound=SQLModel)


def rows(database: Database, table: type[_Table]) -> list[_Table]:
    with database.session() as session:
        return list(session.exec(select(table)))


def key(server_round: int, generation: int = 0, attempt: int = 1) -> records_pb.RoundKey:
    return records_pb.RoundKey(generation=generation, server_round=server_round, attempt=attempt)


def state(word: str, reason: str = "", failure_id: str = "", unix_s: float = 5.0) -> pb.Event:
    changed = pb.StateChanged(state=word, reason=reason, failure_id=failure_id)
    return pb.Event(unix_s=unix_s, state=changed)


def ended(server_round: int, *, completed: bool = True, generation: int = 0) -> pb.Event:
    return pb.Event(
        unix_s=7.0,
        round=pb.RoundEnded(
            round=key(server_round, generation),
            completed=completed,
            reason="" if completed else "too few\0 reports",
            abandoned_in="" if completed else "reporting",
            admitted=4,
            reported=3,
            rejected=1,
            weight=30.0,
            train_metrics=[
                pb.NamedValue(name="loss", value=0.5),
                pb.NamedValue(name="odd", value=float("nan")),
            ],
            stage_s=[pb.NamedValue(name="selection", value=1.5)],
            received_bytes=1 << 40,
            sent_bytes=9,
        ),
    )


def update(
    node_id: int, kind: OutcomeKind.ValueType = round_pb.COUNTED, **fields: object
) -> pb.Event:
    outcome = round_pb.Outcome(
        round=key(1),
        message_type="train",
        kind=kind,
        weight=10.0,
        **fields,  # type: ignore[arg-type]
    )
    settled = pb.UpdateSettled(node_id=node_id, outcome=outcome, size_bytes=123)
    return pb.Event(unix_s=8.0, update=settled)


def member(node_id: int, change: str, unix_s: float = 9.0) -> pb.Event:
    changed = pb.MemberChanged(node_id=node_id, change=change, selector="selector-1.x.fedota")
    return pb.Event(unix_s=unix_s, member=changed)


def test_the_coordinators_state_is_the_problems_status(database: Database) -> None:
    take(database, state("failed", "six rounds were abandoned", "f00d"))
    row = problem_row(database)
    found = (row.status, row.status_reason, row.failure_id, row.updated_unix_s)
    assert found == ("failed", "six rounds were abandoned", "f00d", 5.0)
    take(database, state("running"))
    row = problem_row(database)
    assert (row.status, row.status_reason, row.failure_id) == ("running", "", "")


def test_a_word_that_is_no_status_and_an_archived_problem_stay(database: Database) -> None:
    take(database, state("dancing"))
    assert problem_row(database).status == "ready"
    with database.session() as session, session.begin():
        row = session.merge(problem_row(database))
        row.status = "archived"
    take(database, state("running"))
    assert problem_row(database).status == "archived"


def test_a_clock_corrects_only_another_status(database: Database) -> None:
    take(database, state("failed", "why", "f00d"))
    with database.session() as session, session.begin():
        assert not note_clock(session, PROBLEM, "failed", "a clock's words")
    assert problem_row(database).failure_id == "f00d"
    with database.session() as session, session.begin():
        assert note_clock(session, PROBLEM, "running", "")
    assert (problem_row(database).status, problem_row(database).failure_id) == ("running", "")


def test_rounds_are_rows_once_however_often_they_come(database: Database) -> None:
    take(database, ended(1), ended(1), ended(2, completed=False))
    take(database, ended(1))
    first, second = sorted(rows(database, RoundRow), key=lambda row: row.server_round)
    assert (first.completed, first.reported, first.weight) == (True, 3, 30.0)
    assert first.train_metrics == {"loss": 0.5}
    assert first.stage_s == {"selection": 1.5}
    assert (first.received_bytes, first.ended_unix_s) == (1 << 40, 7.0)
    assert (second.completed, second.abandoned_in) == (False, "reporting")
    assert second.reason == "too few reports", "PostgreSQL takes no zero"
    row = problem_row(database)
    assert (row.completed_round, row.generation) == (1, 0)


def test_an_evaluation_is_kept_beside_that_of_the_test_file(database: Database) -> None:
    with database.session() as session, session.begin():
        session.add(
            EvaluationRow(
                problem_id=PROBLEM, generation=0, server_round=1, source="test file", unix_s=1.0
            )
        )
    event = pb.Event(
        unix_s=8.0,
        evaluated=pb.Evaluated(
            round=key(1),
            metrics=[pb.NamedValue(name="loss", value=0.25)],
            clients=3,
            weight=12.0,
        ),
    )
    take(database, event, event)
    by_source = {row.source: row for row in rows(database, EvaluationRow)}
    assert set(by_source) == {"test file", "federated"}
    assert by_source["federated"].metrics == {"loss": 0.25}
    assert by_source["federated"].clients == 3


def test_the_last_word_on_an_update_counts(database: Database) -> None:
    take(database, update(5, round_pb.REJECTED, code="shape", reason="(1, 2) is not (2, 2)"))
    (row,) = rows(database, UpdateRow)
    assert (row.outcome, row.code, row.reason) == ("rejected", "shape", "(1, 2) is not (2, 2)")
    take(database, update(5), update(6, round_pb.LATE), update(7, round_pb.ROUND_ABANDONED))
    found = {row.node_id: row for row in rows(database, UpdateRow)}
    outcomes = {node_id: row.outcome for node_id, row in found.items()}
    assert outcomes == {5: "counted", 6: "late", 7: "abandoned"}
    assert (found[5].size_bytes, found[5].weight, found[5].kind) == (123, 10.0, "train")
    assert found[5].code == ""


def test_what_happens_to_a_client_stands_in_its_row(database: Database) -> None:
    add_client(database, 5)
    take(database, member(5, "bound", 2.0), member(5, "connected", 3.0), member(5, "ready", 4.0))
    (row,) = rows(database, ClientRow)
    assert (row.bound_unix_s, row.last_change, row.last_change_unix_s) == (2.0, "connected", 3.0)
    assert row.ready
    assert row.selector == "selector-1.x.fedota"
    take(database, member(5, "gone", 5.0))
    (row,) = rows(database, ClientRow)
    # Its data is as ready as before.
    assert (row.last_change, row.ready) == ("gone", True)
    take(database, member(5, "revoked", 6.0), member(5, "gone", 7.0), member(99, "gone"))
    (row,) = rows(database, ClientRow)
    assert (row.last_change, row.last_change_unix_s, row.ready) == ("revoked", 6.0, False)


@pytest.mark.parametrize(
    ("until", "kept"), [(3600.0, 3600.0), (0.0, None), (1e300, None), (float("nan"), None)]
)
def test_one_that_is_away_says_when_it_is_back(
    database: Database, until: float, kept: float | None
) -> None:
    add_client(database, 5)
    away = pb.MemberChanged(node_id=5, change="away", away_until_unix_s=until)
    take(database, member(5, "connected", 3.0), pb.Event(unix_s=4.0, member=away))
    (row,) = rows(database, ClientRow)
    assert (row.last_change, row.away_until_unix_s) == ("away", kept)
    take(database, member(5, "connected", 5.0))
    (row,) = rows(database, ClientRow)
    assert (row.last_change, row.away_until_unix_s) == ("connected", None)


def test_nobody_is_connected_when_the_servers_are_gone(database: Database) -> None:
    add_client(database, 5)
    add_client(database, 6)
    take(database, member(5, "connected"), member(6, "left"))
    with database.session() as session, session.begin():
        note_clients_gone(session, PROBLEM, 20.0)
    found = {row.node_id: row.last_change for row in rows(database, ClientRow)}
    assert found == {5: "gone", 6: "left"}


def test_a_roll_back_sets_later_rounds_aside(database: Database) -> None:
    take(database, *(ended(number) for number in (1, 2, 3)))
    rolled = pb.Event(unix_s=9.0, rolled_back=pb.RolledBack(generation=1, to_round=1))
    take(database, rolled)
    assert problem_row(database).completed_round == 1
    take(database, ended(2, generation=1), rolled)
    found = {(row.generation, row.server_round): row.superseded for row in rows(database, RoundRow)}
    assert found == {(0, 1): False, (0, 2): True, (0, 3): True, (1, 2): False}
    row = problem_row(database)
    assert (row.generation, row.completed_round) == (1, 2)


def test_what_this_release_does_not_know_changes_nothing(database: Database) -> None:
    take(database, pb.Event(seq=1), pb.Event(stage=pb.StageChanged(stage="reporting")))
    assert problem_row(database).status == "ready"
