"""A coordinator's report: its events into a store, its clock and answers up, commands down."""

from __future__ import annotations

import abc
import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Sequence

from fedota_proto.credential import PROTOCOL
from fedota_proto.errors import AuthenticationError, FedotaError, StreamError, VersionError
from fedota_proto.v1 import fl_status_pb2 as pb
from fedota_server.event_store import EventStore

logger = logging.getLogger(__name__)

_Out = asyncio.Queue[pb.StatusCommand | None]


class ReportHost(abc.ABC):
    """Where one problem's coordinator reports, over as many streams as that takes.

    Its newest stream counts; an older one ends. Belongs to one event loop.

    Parameters
    ----------
    problem_id
        The only problem whose coordinator may report here.
    store
        Where events go.

    Attributes
    ----------
    clock
        The newest snapshot; None while no coordinator is attached, or before its first.
    """

    def __init__(self, problem_id: str, store: EventStore) -> None:
        self.problem_id = problem_id
        self.store = store
        self.clock: pb.StatusClock | None = None
        self._out: _Out | None = None
        self._reading: asyncio.Task[None] | None = None

    @property
    def attached(self) -> bool:
        """Whether the coordinator reports at the moment."""
        return self._out is not None

    @abc.abstractmethod
    async def waiting(self) -> Sequence[pb.Command]:
        """List the commands that were not answered yet, for a coordinator that attaches."""

    @abc.abstractmethod
    async def answered(self, reply: pb.CommandReply) -> None:
        """Take the answer to a command; the same may come twice."""

    @abc.abstractmethod
    def moved(self) -> None:
        """Take note that an event or a clock came, or that a coordinator came or went."""

    def send(self, command: pb.Command) -> bool:
        """Send a command if a coordinator is attached, and tell whether one was."""
        if self._out is not None:
            self._out.put_nowait(pb.StatusCommand(command=command))
        return self._out is not None

    async def report(
        self, reports: AsyncIterator[pb.StatusReport]
    ) -> AsyncGenerator[pb.StatusCommand, None]:
        """Carry one stream until it ends or a newer one comes.

        Parameters
        ----------
        reports
            What the coordinator sends.

        Yields
        ------
        pb.StatusCommand
            Acknowledgements and commands.

        Raises
        ------
        FedotaError
            The coordinator does not belong here, or what it sent cannot be stored.
        """
        start = self._start(await anext(reports, None))
        out: _Out = asyncio.Queue()
        before, self._out = self._out, out
        if before is not None:
            before.put_nowait(None)
        reading: asyncio.Task[None] | None = None
        try:
            await self._stop_reading()
            await self.store.begin(start.last_seq)
            self._acknowledge(out)
            for command in await self.waiting():
                out.put_nowait(pb.StatusCommand(command=command))
            if self._out is not out:
                return
            self.moved()
            reading = self._reading = asyncio.create_task(self._read(reports, out))
            while (message := await out.get()) is not None:
                yield message
            if reading.done():
                reading.result()
        finally:
            if self._out is out:
                self._out = None
                self.clock = None
                self.moved()
            if reading is not None:
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)

    def end(self) -> None:
        """End the stream, if there is one; the coordinator then connects again."""
        if self._out is not None:
            self._out.put_nowait(None)

    def _start(self, first: pb.StatusReport | None) -> pb.ReportStart:
        if first is None or first.WhichOneof("body") != "start":
            raise StreamError("A report must begin with its start.")
        if first.start.version.protocol != PROTOCOL:
            raise VersionError(
                "The coordinator and the one that it reports to are of different releases: use "
                "the same.",
                ours=PROTOCOL,
                theirs=first.start.version.protocol,
            )
        if first.start.problem_id != self.problem_id:
            raise AuthenticationError("This coordinator belongs to another problem.")
        return first.start

    async def _stop_reading(self) -> None:
        """Have the older stream put nothing more into the store."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    def _acknowledge(self, out: _Out) -> None:
        acknowledged = pb.Acknowledged(seq=self.store.synced_seq)
        out.put_nowait(pb.StatusCommand(acknowledged=acknowledged))

    async def _read(self, reports: AsyncIterator[pb.StatusReport], out: _Out) -> None:
        came = asyncio.Event()
        try:
            async with asyncio.TaskGroup() as group:
                storing = group.create_task(self._keep_storing(came, out))
                async for report in reports:
                    await self._take(report, came)
                storing.cancel()
                await self.store.sync()
        except BaseExceptionGroup as group_error:
            raise _first(group_error) from group_error
        finally:
            out.put_nowait(None)

    async def _take(self, report: pb.StatusReport, came: asyncio.Event) -> None:
        match report.WhichOneof("body"):
            case "event":
                self.store.append(report.event)
                came.set()
                self.moved()
            case "reply":
                await self.answered(report.reply)
            case "clock":
                self.clock = report.clock
                self.moved()
            case _:
                raise StreamError("The coordinator sent something unknown.")

    async def _keep_storing(self, came: asyncio.Event, out: _Out) -> None:
        """Have what came stored for good, also what comes meanwhile, then acknowledge it."""
        while True:
            await came.wait()
            came.clear()
            await self.store.sync()
            self._acknowledge(out)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, FedotaError):
        logger.error("the coordinator's report ends: %s", error.public_message)
    return error
