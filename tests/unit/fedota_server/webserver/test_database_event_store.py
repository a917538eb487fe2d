"""Events in the database: stored once, acknowledged after the commit, many problems at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from sqlmodel import col, select
from support.problem_rows import PROBLEM, add_problem, problem_row

from fedota_proto.errors import DatabaseError, InternalError
from fedota_proto.v1 import fl_status_pb2 as pb
from fedota_server.event_store import event_from_line
from fedota_server.webserver.database import Database, DatabaseSession
from fedota_server.webserver.database_event_store import DatabaseEventStore
from fedota_server.webserver.event_writer import Answered, EventWriter, Stands
from fedota_server.webserver.tables import CommandRow, EventRow


class Told:
    """Counts how often others are told to look."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def writer(database: Database, told: Told) -> Iterator[EventWriter]:
    made = EventWriter(database, told, clock=lambda: 50.0)
    yield made
    made.close()


def event(seq: int, state: str = "running") -> pb.Event:
    return pb.Event(seq=seq, unix_s=float(seq), state=pb.StateChanged(state=state))


def stored(database: Database, problem_id: str = PROBLEM) -> list[tuple[int, int]]:
    with database.session() as session:
        rows = session.exec(
            select(EventRow)
            .where(col(EventRow.problem_id) == problem_id)
            .order_by(col(EventRow.id))
        ).all()
    assert all(event_from_line(row.body).seq == row.seq for row in rows)
    return [(row.journal, row.seq) for row in rows]


async def test_an_event_is_stored_once_and_for_good_before_it_is_acknowledged(
    database: Database, writer: EventWriter, told: Told
) -> None:
    add_problem(database)
    store = DatabaseEventStore(PROBLEM, writer)
    await store.begin(2)
    assert [store.append(event(seq)) for seq in (1, 2, 2, 1)] == [True, True, False, False]
    assert (store.last_seq, store.synced_seq) == (2, 0)
    assert await store.sync() == 2
    assert stored(database) == [(0, 1), (0, 2)]
    assert problem_row(database).status == "running"
    assert told.times == 1


async def test_a_store_opened_again_goes_on(database: Database, writer: EventWriter) -> None:
    add_problem(database)
    first = DatabaseEventStore(PROBLEM, writer)
    await first.begin(9)
    for seq in (1, 2, 3):
        first.append(event(seq))
    again = DatabaseEventStore(PROBLEM, writer)
    await again.begin(9)
    assert (again.last_seq, again.synced_seq) == (3, 3), "what was only taken in is stored first"
    assert not again.append(event(3))
    assert again.append(event(4))
    await again.sync()
    assert stored(database) == [(0, 1), (0, 2), (0, 3), (0, 4)]


async def test_a_coordinator_that_counts_anew_gets_a_new_journal(
    database: Database, writer: EventWriter
) -> None:
    add_problem(database)
    store = DatabaseEventStore(PROBLEM, writer)
    await store.begin(5)
    store.append(event(1))
    store.append(event(2))
    await store.begin(1)
    assert store.last_seq == 0
    store.append(event(1, "paused"))
    await store.sync()
    assert stored(database) == [(0, 1), (0, 2), (1, 1)]
    again = DatabaseEventStore(PROBLEM, writer)
    await again.begin(1)
    assert again.last_seq == 1


async def test_the_same_event_in_two_transactions_is_one_row(
    database: Database, writer: EventWriter
) -> None:
    """As when a commit's answer was lost, and the coordinator sends it again."""
    add_problem(database)
    for _ in range(2):
        store = DatabaseEventStore(PROBLEM, writer)
        store.append(event(1))
        await store.sync()
    assert stored(database) == [(0, 1)]


async def test_many_problems_share_few_transactions(
    database: Database, writer: EventWriter, told: Told
) -> None:
    problems = [f"{number:012x}" for number in range(20)]
    owner = None
    for problem_id in problems:
        add_problem(database, problem_id, owner_id=owner)
        owner = problem_row(database, problem_id).owner_id
    stores = [DatabaseEventStore(problem_id, writer) for problem_id in problems]
    await asyncio.gather(*(store.begin(9) for store in stores))
    for seq in range(1, 6):
        for store in stores:
            store.append(event(seq))
    await asyncio.gather(*(store.sync() for store in stores))
    assert all(store.synced_seq == 5 for store in stores)
    assert told.times == 1, "100 events of 20 problems were one transaction"
    assert all(stored(database, problem_id)[-1] == (0, 5) for problem_id in problems)


async def test_what_cannot_be_stored_ends_its_own_problem_alone(
    database: Database, writer: EventWriter, caplog: pytest.LogCaptureFixture
) -> None:
    add_problem(database)
    deleted = DatabaseEventStore("000000000000", writer)
    good = DatabaseEventStore(PROBLEM, writer)
    good.append(event(1))
    deleted.append(event(1))
    good.append(event(2))
    assert await good.sync() == 2
    with pytest.raises(InternalError, match="id ") as refused:
        await deleted.sync()
    assert deleted.synced_seq == 0
    assert refused.value.public_message.split("id ")[1][:8] in caplog.text
    assert stored(database) == [(0, 1), (0, 2)]


class AbsentDatabase(Database):
    """Does not answer as long as a test says so."""

    absent = False

    def session(self) -> DatabaseSession:
        if self.absent:
            raise DatabaseError("The database does not answer.")
        return super().session()


async def test_a_database_that_comes_back_gets_everything(database_url: str) -> None:
    database = AbsentDatabase(database_url)
    add_problem(database)
    writer = EventWriter(database, lambda: None)
    store = DatabaseEventStore(PROBLEM, writer)
    store.append(event(1))
    database.absent = True
    store.append(event(2))
    with pytest.raises(DatabaseError):
        await store.sync()
    assert store.synced_seq == 0
    database.absent = False
    store.append(event(3))
    assert await store.sync() == 3
    assert stored(database) == [(0, 1), (0, 2), (0, 3)]
    writer.close()
    database.close()


async def test_the_first_answer_to_a_command_is_kept(
    database: Database, writer: EventWriter, told: Told
) -> None:
    add_problem(database)
    with database.session() as session, session.begin():
        session.add(CommandRow(id="c1", problem_id=PROBLEM, what="pause", created_unix_s=1.0))
    for message in ("The problem is paused.", "again"):
        reply = pb.CommandReply(command_id="c1", done=True, message=message)
        writer.put(Answered(PROBLEM, reply))
        await writer.flush(PROBLEM)
    with database.session() as session:
        row = session.get(CommandRow, "c1")
    assert row is not None
    assert (row.done, row.message, row.answered_unix_s) == (True, "The problem is paused.", 50.0)
    assert told.times == 2


async def test_a_state_without_an_event_is_written_down(
    database: Database, writer: EventWriter, told: Told
) -> None:
    add_problem(database)
    writer.put(Stands(PROBLEM, "running", ""))
    writer.put(Stands(PROBLEM, "running", ""))
    await writer.flush(PROBLEM)
    assert problem_row(database).status == "running"
    assert told.times == 1
