"""The stream to the webserver: events up until they are stored, commands down until answered."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import AsyncIterator, Callable

import grpc
import grpc.aio

from fedota_proto.credential import PROTOCOL
from fedota_proto.grpc_errors import from_rpc_error
from fedota_proto.v1 import fl_records_pb2
from fedota_proto.v1 import fl_status_pb2 as pb
from fedota_proto.v1 import fl_status_pb2_grpc as rpc
from fedota_server.coordinator.commands import Commands
from fedota_server.coordinator.events import Events

_log = logging.getLogger(__name__)

RETRY_FIRST_S = 0.2
RETRY_MOST_S = 5.0


class StatusReporter:
    """Reports to the webserver (or to ``fedota serve``) for as long as the process runs.

    Without one it tries again quietly, and rounds do not wait for it.

    Parameters
    ----------
    open_channel
        Opens a channel to the webserver.
    problem_id, release
        Who reports.
    events
        What is reported; kept until it is acknowledged.
    commands
        Carries out what comes down.
    on_greeted
        Called when a webserver begins to listen: it has no snapshot yet.
    """

    def __init__(
        self,
        open_channel: Callable[[], grpc.aio.Channel],
        problem_id: str,
        release: str,
        events: Events,
        commands: Commands,
        on_greeted: Callable[[], None],
    ) -> None:
        self._open_channel = open_channel
        self._problem_id = problem_id
        self._version = fl_records_pb2.Version(protocol=PROTOCOL, release=release)
        self._events = events
        self._commands = commands
        self._on_greeted = on_greeted
        self._wake = events.watch()
        self._stored = asyncio.Event()
        self._clock: pb.StatusClock | None = None
        self._replies: deque[pb.CommandReply] = deque()
        self._sent = 0
        self._stream: object | None = None
        self._greeted = False
        self._carrying: set[asyncio.Task[None]] = set()

    def show(self, clock: pb.StatusClock) -> None:
        """Send a snapshot; one that has not been sent yet is replaced."""
        if self._greeted:
            self._clock = clock
            self._wake.set()

    async def run(self) -> None:
        """Report, and connect again whenever the stream is lost, until cancelled."""
        pause_s = RETRY_FIRST_S
        channel = self._open_channel()
        try:
            while True:
                try:
                    await self._report(rpc.FlStatusStub(channel))
                except grpc.RpcError as error:
                    lost = from_rpc_error(error, peer="The webserver")
                    _log.debug("%s (%s)", lost.public_message, lost.detail)
                if self._greeted:
                    _log.info("the webserver is gone; connecting again")
                    pause_s = RETRY_FIRST_S
                self._greeted = False
                await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311
                pause_s = min(2 * pause_s, RETRY_MOST_S)
        finally:
            await channel.close()

    async def _report(self, stub: rpc.FlStatusAsyncStub) -> None:
        self._replies.clear()
        self._stream = stream = object()
        call = stub.Report(self._outgoing(stream))
        async for message in call:
            if message.HasField("acknowledged"):
                self._acknowledged(message.acknowledged.seq)
            elif message.HasField("command"):
                task = asyncio.create_task(self._carry_out(message.command))
                self._carrying.add(task)
                task.add_done_callback(self._carrying.discard)

    def _acknowledged(self, seq: int) -> None:
        if not self._greeted:
            self._greeted = True
            self._sent = max(seq, self._events.acknowledged)
            _log.info("the webserver takes events after %d", self._sent)
            self._wake.set()
            self._on_greeted()
        self._events.acknowledge(seq)
        self._stored.set()

    async def _carry_out(self, command: pb.Command) -> None:
        self._replies.append(await self._commands.carry_out(command))
        self._wake.set()

    async def _outgoing(self, stream: object) -> AsyncIterator[pb.StatusReport]:
        """Yield what goes up on one stream; that of a broken one must not take from the next."""
        start = pb.ReportStart(
            version=self._version, problem_id=self._problem_id, last_seq=self._events.last_seq
        )
        yield pb.StatusReport(start=start)
        while True:
            await self._wake.wait()
            if self._stream is not stream:
                return
            self._wake.clear()
            if not self._greeted:
                continue
            for event in self._events.after(self._sent):
                self._sent = event.seq
                yield pb.StatusReport(event=event)
                if self._stream is not stream:
                    return
            while self._replies:
                yield pb.StatusReport(reply=self._replies.popleft())
            clock, self._clock = self._clock, None
            if clock is not None:
                yield pb.StatusReport(clock=clock)

    async def stored(self, within_s: float) -> bool:
        """Wait until every event is stored, for a while; tell whether they are."""
        try:
            async with asyncio.timeout(within_s):
                while self._events.acknowledged < self._events.last_seq:
                    self._stored.clear()
                    await self._stored.wait()
        except TimeoutError:
            return False
        return True
