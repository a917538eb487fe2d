"""What a problem's coordinator reported, read from the database as it comes."""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import col, select

from fedota_proto.errors import NotFoundError
from fedota_proto.v1 import fl_status_pb2 as pb
from fedota_server.event_store import event_from_line
from fedota_server.webserver.database import Database
from fedota_server.webserver.tables import EventRow, ProblemRow

_MOST = 1_000


@dataclass(frozen=True)
class News:
    """What a look brought.

    Parameters
    ----------
    events
        Those that the looks before had not brought, in their order.
    status, reason
        The problem's, after these events.
    """

    events: tuple[pb.Event, ...]
    status: str
    reason: str


class EventFeed:
    """Reads each event of a problem once; for one reader.

    Parameters
    ----------
    database
        Of the platform.
    problem_id
        Whose events.
    """

    def __init__(self, database: Database, problem_id: str) -> None:
        self._database = database
        self._problem_id = problem_id
        self._last_id = 0

    def look(self) -> News:
        """Read what has come since the last look.

        Raises
        ------
        NotFoundError
            There is no such problem.
        """
        with self._database.session() as session:
            problem = session.get(ProblemRow, self._problem_id)
            if problem is None:
                raise NotFoundError("This problem is not there any more.")
            rows = session.exec(
                select(EventRow)
                .where(
                    col(EventRow.problem_id) == self._problem_id, col(EventRow.id) > self._last_id
                )
                .order_by(col(EventRow.id))
                .limit(_MOST)
            ).all()
        if rows:
            self._last_id = rows[-1].id or 0
        events = tuple(event_from_line(row.body) for row in rows)
        return News(events, problem.status, problem.status_reason)
