"""The one writer of what coordinators report: all that came meanwhile in one transaction."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, func, select, update

from fedota_proto.errors import FedotaError, InternalError
from fedota_proto.v1 import fl_status_pb2 as pb
from fedota_server.event_store import event_to_line
from fedota_server.webserver.database import Database
from fedota_server.webserver.projection import fold, note_clock
from fedota_server.webserver.tables import CommandRow, EventRow

logger = logging.getLogger(__name__)

_BATCH_MAX = 1_000
# What one item can end in that no repetition helps.
_DEFECTS = (SQLAlchemyError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
_TOLD = frozenset({"state", "round", "rolled_back"})

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Happened:
    """An event of a problem's coordinator."""

    problem_id: str
    journal: int
    event: pb.Event

    def write(self, session: Session, now: float) -> bool:
        """Store it, once, and fold it; tell whether others should look."""
        event, kind = self.event, self.event.WhichOneof("body") or ""
        dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
        row = EventRow(
            problem_id=self.problem_id,
            journal=self.journal,
            seq=event.seq,
            unix_s=event.unix_s,
            kind=kind,
            body=event_to_line(event),
        )
        statement = dialect.insert(EventRow).values(**row.model_dump(exclude={"id"}))
        session.exec(statement.on_conflict_do_nothing())
        fold(session, self.problem_id, event)
        return kind in _TOLD


@dataclass(frozen=True, slots=True)
class Answered:
    """A coordinator's answer to a command."""

    problem_id: str
    reply: pb.CommandReply

    def write(self, session: Session, now: float) -> bool:
        """Keep the first answer."""
        session.exec(
            update(CommandRow)
            .where(
                col(CommandRow.id) == self.reply.command_id,
                col(CommandRow.problem_id) == self.problem_id,
                col(CommandRow.answered_unix_s).is_(None),
            )
            .values(
                answered_unix_s=now,
                done=self.reply.done,
                message=self.reply.message.replace("\0", ""),
            )
        )
        return True


@dataclass(frozen=True, slots=True)
class Stands:
    """How a problem stands by its coordinator's newest clock; most often the table knows."""

    problem_id: str
    state: str
    detail: str

    def write(self, session: Session, now: float) -> bool:
        """Take the state over where the table has another."""
        return note_clock(session, self.problem_id, self.state, self.detail)


Item = Happened | Answered | Stands


class EventWriter:
    """Writes from one thread of its own, so that many problems cost few transactions.

    What was put is written by the next `flush`, whoever asks for it, in the order in which it came.
    An item that the database refuses for good ends the reports of its own problem alone.

    Parameters
    ----------
    database
        Migrated.
    on_stored
        Called, in that thread, after something was stored that others act on.
    clock
        Seconds since 1970.
    """

    def __init__(
        self,
        database: Database,
        on_stored: Callable[[], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._on_stored = on_stored
        self._clock = clock
        self._queue: deque[Item] = deque()
        self._refused: dict[str, FedotaError] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="events")

    def put(self, item: Item) -> None:
        """Have it written by the next `flush`."""
        self._queue.append(item)

    async def flush(self, problem_id: str) -> None:
        """Wait until everything that was put is written.

        Raises
        ------
        DatabaseError
            The database does not answer; all is kept for the next time.
        InternalError
            The database refused something of this problem.
        """
        await self._in_thread(self._write_all)
        refused = self._refused.pop(problem_id, None)
        if refused is not None:
            raise refused

    async def newest(self, problem_id: str) -> tuple[int, int]:
        """Return the journal that a problem's events are in, and the newest number in it.

        Raises
        ------
        DatabaseError
            The database does not answer.
        """
        return await self._in_thread(lambda: self._newest(problem_id))

    def close(self) -> None:
        """End the thread; what was not flushed comes again when the coordinator reports next."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    async def _in_thread(self, work: Callable[[], _Result]) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _newest(self, problem_id: str) -> tuple[int, int]:
        self._write_all()
        of_problem = col(EventRow.problem_id) == problem_id
        with self._database.session() as session:
            journal = session.exec(select(func.max(EventRow.journal)).where(of_problem)).one()
            if journal is None:
                return 0, 0
            seq = session.exec(
                select(func.max(EventRow.seq)).where(of_problem, col(EventRow.journal) == journal)
            ).one()
        return int(journal), int(seq or 0)

    def _write_all(self) -> None:
        while self._queue:
            items = [self._queue.popleft() for _ in range(min(_BATCH_MAX, len(self._queue)))]
            written = False
            try:
                self._write_batch(items)
                written = True
            finally:
                if not written:
                    self._queue.extendleft(reversed(items))

    def _write_batch(self, items: list[Item]) -> None:
        try:
            told = self._write(items)
        except _DEFECTS as error:
            problems = list(dict.fromkeys(item.problem_id for item in items))
            if len(problems) == 1:
                self._refuse(problems[0], error)
                return
            for problem_id in problems:
                self._write_batch([item for item in items if item.problem_id == problem_id])
        else:
            if told:
                self._on_stored()

    def _write(self, items: Iterable[Item]) -> bool:
        now = self._clock()
        with self._database.session() as session, session.begin():
            told = [item.write(session, now) for item in items]
        return any(told)

    def _refuse(self, problem_id: str, error: Exception) -> None:
        failure_id = secrets.token_hex(4)
        logger.error(
            "what problem %s reports cannot be stored, id %s",
            problem_id,
            failure_id,
            exc_info=error,
        )
        self._refused[problem_id] = InternalError(
            "What this problem reports cannot be stored, which is a defect of Fedota's own "
            f"(id {failure_id}): report it with the lines of the log that bear this id."
        )
