"""What the supervisor reads and writes, on SQLite and PostgreSQL."""

from __future__ import annotations

import logging

import pytest
from sqlmodel import select
from support.accounts import SetClock
from support.problem_rows import PROBLEM, add_client, add_problem, problem_row

from fedota_server.webserver.database import Database
from fedota_server.webserver.reconcile import Observed, Phase
from fedota_server.webserver.server_rows import ServerRows, Wish
from fedota_server.webserver.tables import ClientRow, CommandRow, ServerRow

OTHER = "fedcba654321"


@pytest.fixture
def clock() -> SetClock:
    return SetClock(100.0)


@pytest.fixture
def rows(database: Database, clock: SetClock) -> ServerRows:
    return ServerRows(database, clock)


def command(database: Database, command_id: str, what: str = "pause") -> None:
    with database.session() as session, session.begin():
        session.add(
            CommandRow(id=command_id, problem_id=PROBLEM, what=what, value=5, created_unix_s=1.0)
        )


def commands(database: Database) -> dict[str, CommandRow]:
    with database.session() as session:
        return {row.id: row for row in session.exec(select(CommandRow))}


def servers(database: Database) -> dict[str, ServerRow]:
    with database.session() as session:
        return {row.name: row for row in session.exec(select(ServerRow))}


def test_only_problems_that_are_to_run_or_may_run_are_looked_at(
    database: Database, rows: ServerRows
) -> None:
    add_problem(database, wanted="serving", selectors=2, status="completed")
    add_problem(database, OTHER)
    command(database, "c1")
    assert rows.wishes() == [
        Wish(PROBLEM, True, 2, completed=True, has_commands=True, known=frozenset())
    ]
    rows.write(OTHER, {"coordinator": Observed(Phase.RUNNING), "x": Observed(Phase.STOPPED)})
    (left,) = [wish for wish in rows.wishes() if wish.problem_id == OTHER]
    assert left == Wish(
        OTHER, False, 1, completed=False, has_commands=False, known=frozenset({"coordinator"})
    )


def test_a_servers_row_says_since_when(
    database: Database, rows: ServerRows, clock: SetClock
) -> None:
    add_problem(database)
    rows.write(PROBLEM, {"coordinator": Observed(Phase.STARTING, starts=1)})
    clock.pass_by(5)
    rows.write(PROBLEM, {"coordinator": Observed(Phase.RUNNING, address="a:1", starts=1)})
    clock.pass_by(5)
    rows.write(PROBLEM, {"coordinator": Observed(Phase.STOPPING, address="a:1", starts=1)})
    row = servers(database)["coordinator"]
    assert (row.state, row.address, row.starts, row.since_unix_s) == ("running", "a:1", 1, 105.0)
    rows.write(PROBLEM, {"coordinator": Observed(Phase.BACKING_OFF, detail="it\0 died", starts=1)})
    row = servers(database)["coordinator"]
    assert (row.state, row.detail, row.since_unix_s) == ("backing off", "it died", 110.0)
    assert rows.starts(PROBLEM) == {"coordinator": 1}


def test_without_a_coordinator_nobody_is_connected(database: Database, rows: ServerRows) -> None:
    add_problem(database)
    add_client(database, 5, last_change="connected")
    rows.write(PROBLEM, {"selector-1": Observed(Phase.STOPPED)})
    rows.write(PROBLEM, {"coordinator": Observed(Phase.RUNNING)})
    with database.session() as session:
        assert session.exec(select(ClientRow.last_change)).one() == "connected"
    rows.write(PROBLEM, {"coordinator": Observed(Phase.BACKING_OFF)})
    with database.session() as session:
        assert session.exec(select(ClientRow.last_change)).one() == "gone"


def test_giving_up_is_told_on_the_problem_and_in_the_log(
    database: Database, rows: ServerRows, caplog: pytest.LogCaptureFixture
) -> None:
    add_problem(database, wanted="serving")
    command(database, "c1", "resume")
    command(database, "c2", "revoke")
    with caplog.at_level(logging.ERROR):
        rows.give_up(PROBLEM, "coordinator was started 6 times in a row and did not last. No.")
    row = problem_row(database)
    assert (row.status, row.wanted) == ("failed", "stopped")
    assert row.status_reason.startswith("coordinator was started 6 times")
    assert "resume the problem" in row.status_reason
    assert row.failure_id
    assert row.failure_id in caplog.text
    answered = commands(database)
    assert (answered["c1"].answered_unix_s, answered["c1"].done) == (100.0, False)
    assert "did not last" in answered["c1"].message
    assert answered["c2"].answered_unix_s is None, "who was revoked stays so"


def test_a_completed_problem_rests_unless_something_is_wanted_of_it(
    database: Database, rows: ServerRows
) -> None:
    add_problem(database, wanted="serving", status="running")
    assert not rows.rest(PROBLEM)
    with database.session() as session, session.begin():
        row = session.merge(problem_row(database))
        row.status = "completed"
    command(database, "c1", "roll_back_to")
    assert not rows.rest(PROBLEM)
    assert problem_row(database).wanted == "serving"
    with database.session() as session, session.begin():
        given = session.get(CommandRow, "c1")
        assert given is not None
        given.answered_unix_s = 1.0
    assert rows.rest(PROBLEM)
    assert problem_row(database).wanted == "stopped"


def test_all_that_stopped_with_the_webserver_is_told_so(
    database: Database, rows: ServerRows
) -> None:
    add_problem(database)
    add_client(database, 5, last_change="connected")
    rows.write(
        PROBLEM,
        {"coordinator": Observed(Phase.RUNNING, address="a:1"), "x": Observed(Phase.GIVEN_UP)},
    )
    rows.all_stopped(PROBLEM)
    found = servers(database)
    assert (found["coordinator"].state, found["coordinator"].address) == ("stopped", "")
    assert found["x"].state == "given up"
    with database.session() as session:
        assert session.exec(select(ClientRow.last_change)).one() == "gone"
