"""The fl_status service of `fedota serve`: the coordinator reports here, the operator asks here."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import grpc.aio

from fedota_proto.credential import PROTOCOL
from fedota_proto.errors import (
    AuthenticationError,
    FedotaError,
    ServerStartError,
    StreamError,
    UnreachableError,
    UsageError,
    VersionError,
)
from fedota_proto.grpc_errors import ErrorInterceptor
from fedota_proto.tls import (
    RoleInterceptor,
    ServerIdentity,
    coordinator_name,
    operator_name,
    server_credentials,
    server_options,
)
from fedota_proto.v1 import fl_status_pb2 as pb
from fedota_proto.v1 import fl_status_pb2_grpc as rpc
from fedota_server.command_book import CommandBook
from fedota_server.event_store import EventStore

logger = logging.getLogger(__name__)

ANSWER_WAIT_S = 30.0

SetSelectors = Callable[[int], Awaitable[str]]
_Context = grpc.aio.ServicerContext[Any, Any]


class _Bell:
    """Wakes everybody who waits for something new."""

    def __init__(self) -> None:
        self._rung: asyncio.Future[None] | None = None

    def ring(self) -> None:
        if self._rung is not None and not self._rung.done():
            self._rung.set_result(None)
        self._rung = None

    async def wait(self) -> None:
        if self._rung is None:
            self._rung = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._rung)


class StatusServicer(rpc.FlStatusServicer):
    """Stores the coordinator's events once, and carries the operator's commands to it.

    Parameters
    ----------
    problem_id
        The only problem whose coordinator may report here.
    store
        Where events go.
    set_selectors
        Carries out the one command that is not the coordinator's; returns what was done.
    answer_wait_s
        Seconds for which a command waits for the coordinator's answer.
    """

    def __init__(
        self,
        problem_id: str,
        store: EventStore,
        set_selectors: SetSelectors,
        *,
        answer_wait_s: float = ANSWER_WAIT_S,
    ) -> None:
        self.store = store
        self.clock: pb.StatusClock | None = None
        self._problem_id = problem_id
        self._set_selectors = set_selectors
        self._answer_wait_s = answer_wait_s
        self._book = CommandBook()
        self._changed = _Bell()
        self._answered = _Bell()
        self._out: asyncio.Queue[pb.StatusCommand | None] | None = None

    @property
    def attached(self) -> bool:
        """Whether the coordinator reports at the moment."""
        return self._out is not None

    async def Report(  # noqa: N802
        self, request_iterator: AsyncIterator[pb.StatusReport], context: _Context
    ) -> AsyncIterator[pb.StatusCommand]:
        """Take a coordinator's events, and send it acknowledgements and commands."""
        self._begin(await anext(request_iterator, None))
        if self._out is not None:
            self._out.put_nowait(None)
        out: asyncio.Queue[pb.StatusCommand | None] = asyncio.Queue()
        self._out = out
        self._acknowledge(out)
        for command in self._book.waiting():
            out.put_nowait(pb.StatusCommand(command=command))
        reading = asyncio.create_task(self._read(request_iterator, out))
        try:
            while (message := await out.get()) is not None:
                yield message
            if reading.done():
                reading.result()
        finally:
            if self._out is out:
                self._out = None
                self.clock = None
                self._changed.ring()
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def Control(  # noqa: N802
        self, request: pb.ControlRequest, context: _Context
    ) -> pb.CommandReply:
        """Have a command carried out and answer with its reply."""
        command = request.command
        if not command.command_id or command.WhichOneof("what") is None:
            raise UsageError("The command is empty: use the same release of Fedota on both sides.")
        if command.WhichOneof("what") == "selectors":
            done = await self._set_selectors(command.selectors)
            return pb.CommandReply(command_id=command.command_id, done=True, message=done)
        if self._book.give(command) and self._out is not None:
            self._out.put_nowait(pb.StatusCommand(command=command))
        try:
            async with asyncio.timeout(self._answer_wait_s):
                while (reply := self._book.answer(command.command_id)) is None:
                    await self._answered.wait()
        except TimeoutError:
            self._book.withdraw(command.command_id)
            raise UnreachableError(
                f"The coordinator did not answer within {self._answer_wait_s:g} s"
                f"{'' if self.attached else ', since it is not connected'}: "
                "look at its log, and give the command again."
            ) from None
        return reply

    async def Watch(  # noqa: N802
        self, request: pb.WatchRequest, context: _Context
    ) -> AsyncIterator[pb.WatchMessage]:
        """Send an operator what `messages` yields."""
        async for message in self.messages(request.after_seq):
            yield message

    async def messages(self, after_seq: int = 0) -> AsyncIterator[pb.WatchMessage]:
        """Yield the events after a number, then those that come, with the newest clocks between."""
        seq, told = after_seq, None
        while True:
            events = self.store.recent_after(seq)
            if events is None:
                events = await asyncio.to_thread(self.store.stored_after, seq)
            for event in events:
                yield pb.WatchMessage(event=event)
                seq = event.seq
            if events:
                continue
            if self.clock is not None and self.clock is not told:
                told = self.clock
                yield pb.WatchMessage(clock=told)
                continue
            await self._changed.wait()

    def _begin(self, first: pb.StatusReport | None) -> None:
        if first is None or first.WhichOneof("body") != "start":
            raise StreamError("A report must begin with its start.")
        if first.start.version.protocol != PROTOCOL:
            raise VersionError(
                "The coordinator and `fedota serve` are of different releases: use the same.",
                ours=PROTOCOL,
                theirs=first.start.version.protocol,
            )
        if first.start.problem_id != self._problem_id:
            raise AuthenticationError("This coordinator belongs to another problem.")
        self.store.begin(first.start.last_seq)

    def _acknowledge(self, out: asyncio.Queue[pb.StatusCommand | None]) -> None:
        acknowledged = pb.Acknowledged(seq=self.store.synced_seq)
        out.put_nowait(pb.StatusCommand(acknowledged=acknowledged))

    async def _read(
        self,
        reports: AsyncIterator[pb.StatusReport],
        out: asyncio.Queue[pb.StatusCommand | None],
    ) -> None:
        syncing: asyncio.Task[None] | None = None
        try:
            async for report in reports:
                match report.WhichOneof("body"):
                    case "event":
                        self.store.append(report.event)
                        self._changed.ring()
                        if syncing is not None and syncing.done():
                            syncing.result()
                            syncing = None
                        if syncing is None:
                            syncing = asyncio.create_task(self._sync(out))
                    case "reply":
                        if self._book.answered(report.reply):
                            self._answered.ring()
                    case "clock":
                        self.clock = report.clock
                        self._changed.ring()
                    case _:
                        raise StreamError("The coordinator sent something unknown.")
            if syncing is not None:
                await syncing
        except FedotaError as error:
            logger.error("the coordinator's report ends: %s", error.public_message)
            raise
        finally:
            out.put_nowait(None)

    async def _sync(self, out: asyncio.Queue[pb.StatusCommand | None]) -> None:
        """Bring to the disk what came, also what comes meanwhile, then acknowledge it."""
        while self.store.synced_seq < self.store.last_seq:
            await asyncio.to_thread(self.store.sync)
            self._acknowledge(out)


def status_server(
    servicer: StatusServicer, problem_id: str, identity: ServerIdentity, ca_pem: bytes, address: str
) -> tuple[grpc.aio.Server, int]:
    """Make the server of fl_status, mutual TLS, each method for its one role.

    Parameters
    ----------
    identity
        The webserver's certificate, by whose name the coordinator knows this server.
    ca_pem
        The platform's CA.
    address
        Where it listens, ``host:port``; port 0 takes a free one.

    Returns
    -------
    server, int
        Not started yet; and the port.

    Raises
    ------
    ServerStartError
        The port is taken.
    """
    roles = RoleInterceptor(
        {
            "fedota.v1.FlStatus/Report": coordinator_name(problem_id),
            "fedota.v1.FlStatus/Control": operator_name(problem_id),
            "fedota.v1.FlStatus/Watch": operator_name(problem_id),
        }
    )
    server = grpc.aio.server(interceptors=(roles, ErrorInterceptor()), options=server_options())
    rpc.add_FlStatusServicer_to_server(servicer, server)
    with contextlib.suppress(RuntimeError):
        credentials = server_credentials(identity, ca_pem, require_client=True)
        port = server.add_secure_port(address, credentials)
        if port:
            return server, port
    raise ServerStartError(
        f"{address} is taken by another program: end that one, or give this one another port "
        "in ports.json."
    )
