"""The fl_status service of the webserver: one for the coordinators of all problems."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc.aio
from sqlmodel import col, select

from fedota_proto.errors import AuthenticationError, FedotaError, ServerStartError, UsageError
from fedota_proto.tls import ServerIdentity, peer_name
from fedota_proto.v1 import fl_status_pb2 as pb
from fedota_proto.v1 import fl_status_pb2_grpc as rpc
from fedota_server.report_stream import ReportHost
from fedota_server.status_host import server_with_roles
from fedota_server.webserver.database import Database
from fedota_server.webserver.database_event_store import DatabaseEventStore
from fedota_server.webserver.event_writer import Answered, EventWriter, Stands
from fedota_server.webserver.live import Live
from fedota_server.webserver.statuses import PUBLISHED
from fedota_server.webserver.tables import CommandRow, ProblemRow
from fedota_server.webserver.threads import in_thread

logger = logging.getLogger(__name__)

_COORDINATORS = r"coordinator\.[0-9a-f]{12}\.fedota"
_OPERATORS = r"operator\.[0-9a-f]{12}\.fedota"
_NOT_HERE = "This problem belongs to a platform: use its page, or `fedota problems`."
_STOP_S = 1.0
_TRUE = ("pause", "resume", "stop")

_Context = grpc.aio.ServicerContext[Any, Any]


class StatusService(rpc.FlStatusServicer):
    """Takes every coordinator's report, and carries to each the commands in the database.

    Parameters
    ----------
    database
        Migrated.
    writer
        Writes what comes.
    live
        Shows what is not kept.
    """

    def __init__(self, database: Database, writer: EventWriter, live: Live) -> None:
        self._database = database
        self._writer = writer
        self._live = live
        self._reports: dict[str, ProblemReport] = {}

    @asynccontextmanager
    async def serving(
        self, address: str, identity: ServerIdentity, ca_pem: bytes
    ) -> AsyncIterator[None]:
        """Serve for as long as the block lasts.

        Parameters
        ----------
        address
            Where coordinators report.
        identity
            The webserver's certificate.
        ca_pem
            The platform's CA.

        Raises
        ------
        ServerStartError
            The port is taken.
        """
        roles = {"Report": _COORDINATORS, "Control": _OPERATORS, "Watch": _OPERATORS}
        try:
            server, _ = server_with_roles(self, roles, identity, ca_pem, address)
        except ServerStartError as error:
            raise ServerStartError(
                f"{address}, where coordinators report, is taken by another program: end that "
                "one, or remove ports.json from the platform's folder, so that other ports are "
                "chosen."
            ) from error
        await server.start()
        try:
            yield
        finally:
            for report in self._reports.values():
                report.end()
            await server.stop(_STOP_S)
            await asyncio.gather(*(report.settled() for report in self._reports.values()))

    async def Report(  # noqa: N802
        self, request_iterator: AsyncIterator[pb.StatusReport], context: _Context
    ) -> AsyncIterator[pb.StatusCommand]:
        """Take a coordinator's events, and send it acknowledgements and commands."""
        problem_id = peer_name(context).split(".")[1]
        report = self._reports.get(problem_id)
        if report is None:
            await in_thread(self._refuse_unless_published, problem_id)
            made = ProblemReport(problem_id, self._database, self._writer, self._live)
            report = self._reports.setdefault(problem_id, made)
        async with contextlib.aclosing(report.report(request_iterator)) as commands:
            async for command in commands:
                yield command

    async def Control(  # noqa: N802
        self, request: pb.ControlRequest, context: _Context
    ) -> pb.CommandReply:
        """Refuse a command that would stand in nobody's name.

        Raises
        ------
        UsageError
            Always.
        """
        raise UsageError(_NOT_HERE)

    async def Watch(  # noqa: N802
        self, request: pb.WatchRequest, context: _Context
    ) -> AsyncIterator[pb.WatchMessage]:
        """Refuse an operator, as `Control` does.

        Raises
        ------
        UsageError
            Always.
        """
        raise UsageError(_NOT_HERE)
        yield  # which makes it a stream

    def attached(self, problem_id: str) -> bool:
        """Whether the problem's coordinator reports at the moment."""
        report = self._reports.get(problem_id)
        return report is not None and report.attached

    async def deliver(self) -> None:
        """Send the commands that were given since, to those who are attached.

        Raises
        ------
        DatabaseError
            The database does not answer.
        """
        attached = {pid: report for pid, report in self._reports.items() if report.attached}
        if not attached:
            return
        for row in await in_thread(open_commands, self._database, list(attached)):
            attached[row.problem_id].deliver(row)

    def _refuse_unless_published(self, problem_id: str) -> None:
        with self._database.session() as session:
            row = session.get(ProblemRow, problem_id)
        if row is None or row.status not in PUBLISHED:
            raise AuthenticationError("There is no such problem on this platform.")


class ProblemReport(ReportHost):
    """What one problem's coordinator reports.

    Parameters
    ----------
    problem_id
        Its.
    database, writer, live
        The service's.
    """

    def __init__(
        self, problem_id: str, database: Database, writer: EventWriter, live: Live
    ) -> None:
        super().__init__(problem_id, DatabaseEventStore(problem_id, writer))
        self._database = database
        self._writer = writer
        self._live = live
        self._sent: set[str] = set()
        self._shown: pb.StatusClock | None = None
        self._state = ""
        self._was_attached = False
        self._flushing: asyncio.Task[None] | None = None

    async def waiting(self) -> Sequence[pb.Command]:
        """List what the database holds for the coordinator.

        Raises
        ------
        DatabaseError
            The database does not answer.
        """
        rows = await in_thread(open_commands, self._database, [self.problem_id])
        self._sent = {row.id for row in rows}
        return [as_command(row) for row in rows]

    def deliver(self, row: CommandRow) -> None:
        """Send a command, once over each stream."""
        if row.id not in self._sent and self.send(as_command(row)):
            self._sent.add(row.id)

    async def answered(self, reply: pb.CommandReply) -> None:
        """Keep an answer.

        Raises
        ------
        DatabaseError
            The database does not answer; the coordinator is asked again over the next stream.
        """
        self._writer.put(Answered(self.problem_id, reply))
        await self._writer.flush(self.problem_id)

    def moved(self) -> None:
        """Show what is new, and have a state written down that no event told of."""
        if self.attached != self._was_attached:
            self._was_attached = self.attached
            self._state = ""
            if self.attached:
                self._live.attach(self.problem_id, self)
            else:
                self._live.detach(self.problem_id, self)
                self._flush_soon()
        if self.clock is not None and self.clock is not self._shown:
            self._shown = self.clock
            self._live.take(self.problem_id, self.clock)
            self._note_state(self.clock)

    def _note_state(self, clock: pb.StatusClock) -> None:
        if clock.state == self._state:
            return
        self._state = clock.state
        self._writer.put(Stands(self.problem_id, clock.state, clock.detail))
        self._flush_soon()

    async def settled(self) -> None:
        """Wait until everything that came is written, if it can be."""
        if self._flushing is not None:
            await self._flushing

    def _flush_soon(self) -> None:
        self._flushing = asyncio.create_task(self._flush())

    async def _flush(self) -> None:
        try:
            await self._writer.flush(self.problem_id)
        except FedotaError as error:
            logger.warning("problem %s: %s", self.problem_id, error.public_message)


def open_commands(database: Database, problem_ids: Sequence[str]) -> Sequence[CommandRow]:
    """List the commands to these problems that were not answered yet, oldest first."""
    with database.session() as session:
        return session.exec(
            select(CommandRow)
            .where(
                col(CommandRow.problem_id).in_(problem_ids),
                col(CommandRow.answered_unix_s).is_(None),
            )
            .order_by(col(CommandRow.created_unix_s), col(CommandRow.id))
        ).all()


def as_command(row: CommandRow) -> pb.Command:
    """Write a row as the message that a coordinator understands."""
    command = pb.Command(command_id=row.id)
    setattr(command, row.what, True if row.what in _TRUE else row.value)
    return command
