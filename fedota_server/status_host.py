"""The fl_status service of `fedota serve`: the coordinator reports here, the operator asks here."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

import grpc
import grpc.aio

from fedota_proto.errors import ServerStartError, UnreachableError, UsageError
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
from fedota_server.event_file import EventFile
from fedota_server.report_stream import ReportHost

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


class StatusServicer(ReportHost, rpc.FlStatusServicer):
    """Stores the coordinator's events once, and carries the operator's commands to it.

    Parameters
    ----------
    problem_id
        The only problem whose coordinator may report here.
    events
        Where events go.
    set_selectors
        Carries out the one command that is not the coordinator's; returns what was done.
    answer_wait_s
        Seconds for which a command waits for the coordinator's answer.
    """

    def __init__(
        self,
        problem_id: str,
        events: EventFile,
        set_selectors: SetSelectors,
        *,
        answer_wait_s: float = ANSWER_WAIT_S,
    ) -> None:
        super().__init__(problem_id, events)
        self.events = events
        self._set_selectors = set_selectors
        self._answer_wait_s = answer_wait_s
        self._book = CommandBook()
        self._changed = _Bell()
        self._answered = _Bell()

    async def Report(  # noqa: N802
        self, request_iterator: AsyncIterator[pb.StatusReport], context: _Context
    ) -> AsyncIterator[pb.StatusCommand]:
        """Take a coordinator's events, and send it acknowledgements and commands."""
        async with contextlib.aclosing(self.report(request_iterator)) as commands:
            async for command in commands:
                yield command

    async def waiting(self) -> Sequence[pb.Command]:
        """List the commands that somebody waits for."""
        return self._book.waiting()

    async def answered(self, reply: pb.CommandReply) -> None:
        """Wake who waits for this answer."""
        if self._book.answered(reply):
            self._answered.ring()

    def moved(self) -> None:
        """Wake everybody who watches."""
        self._changed.ring()

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
        if self._book.give(command):
            self.send(command)
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
            events = self.events.recent_after(seq)
            if events is None:
                events = await asyncio.to_thread(self.events.stored_after, seq)
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
    roles = {
        "Report": coordinator_name(problem_id),
        "Control": operator_name(problem_id),
        "Watch": operator_name(problem_id),
    }
    return server_with_roles(servicer, roles, identity, ca_pem, address)


def server_with_roles(
    servicer: rpc.FlStatusServicer,
    roles: Mapping[str, str],
    identity: ServerIdentity,
    ca_pem: bytes,
    address: str,
) -> tuple[grpc.aio.Server, int]:
    """Make the server, with a pattern of the peers' names for each method that may be called.

    Raises
    ------
    ServerStartError
        The port is taken.
    """
    interceptor = RoleInterceptor(
        {f"fedota.v1.FlStatus/{method}": pattern for method, pattern in roles.items()}
    )
    server = grpc.aio.server(
        interceptors=(interceptor, ErrorInterceptor()), options=server_options()
    )
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
