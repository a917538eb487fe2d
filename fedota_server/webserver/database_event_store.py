"""The events of one problem in the database."""

from __future__ import annotations

import logging

from fedota_proto.v1 import fl_status_pb2 as pb
from fedota_server.event_store import EventStore
from fedota_server.webserver.event_writer import EventWriter, Happened

logger = logging.getLogger(__name__)


class DatabaseEventStore(EventStore):
    """Stores each event in one transaction with what it means for the other tables.

    Parameters
    ----------
    problem_id
        Whose events.
    writer
        Writes for all problems.
    """

    def __init__(self, problem_id: str, writer: EventWriter) -> None:
        self.last_seq = 0
        self.synced_seq = 0
        self._problem_id = problem_id
        self._writer = writer
        self._journal = 0

    async def begin(self, last_seq: int) -> None:
        """Count on from the newest event stored, or in a new journal; see `EventStore.begin`.

        Raises
        ------
        DatabaseError, InternalError
            The database does not answer, or refused something of this problem.
        """
        await self._writer.flush(self._problem_id)
        self._journal, stored = await self._writer.newest(self._problem_id)
        if last_seq < stored:
            logger.warning("the coordinator of %s counts its events anew", self._problem_id)
            self._journal, stored = self._journal + 1, 0
        self.last_seq = self.synced_seq = stored

    def append(self, event: pb.Event) -> bool:
        """Have the event written; see `EventStore.append`."""
        if event.seq <= self.last_seq:
            return False
        if event.seq != self.last_seq + 1:
            logger.warning(
                "events %d to %d of %s never came",
                self.last_seq + 1,
                event.seq - 1,
                self._problem_id,
            )
        self._writer.put(Happened(self._problem_id, self._journal, event))
        self.last_seq = event.seq
        return True

    async def sync(self) -> int:
        """Wait until what was taken in is in the database; see `EventStore.sync`.

        Raises
        ------
        DatabaseError, InternalError
            The database does not answer, or refused something of this problem.
        """
        seq = self.last_seq
        await self._writer.flush(self._problem_id)
        self.synced_seq = max(self.synced_seq, seq)
        return self.synced_seq
