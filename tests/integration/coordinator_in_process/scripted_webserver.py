"""A webserver that stores events and gives commands."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Any

import grpc.aio
from support.waiting import Feed

from fedota_proto.tls import server_credentials, server_options
from fedota_proto.v1 import fl_status_pb2 as pb
from fedota_proto.v1 import fl_status_pb2_grpc as rpc
from fedota_server.authority import PlatformHome


class ScriptedWebserver(rpc.FlStatusServicer):
    """Stores what is reported, over any number of streams."""

    def __init__(self, home: PlatformHome) -> None:
        self.events: Feed[pb.Event] = Feed("events")
        self.replies: Feed[pb.CommandReply] = Feed("replies")
        self.clocks: Feed[pb.StatusClock] = Feed("clocks")
        self.stored = 0
        self.port = 0
        self._home = home
        self._commands: asyncio.Queue[pb.StatusCommand] = asyncio.Queue()
        self._ids = itertools.count(1)
        self._server: grpc.aio.Server | None = None

    async def start(self) -> None:
        """Serve on the same port as before, or any."""
        self._server = grpc.aio.server(options=server_options())
        rpc.add_FlStatusServicer_to_server(self, self._server)
        credentials = server_credentials(
            self._home.webserver_identity(), self._home.authority().pem, require_client=True
        )
        self.port = self._server.add_secure_port(f"127.0.0.1:{self.port}", credentials)
        await self._server.start()

    async def stop(self) -> None:
        """Serve no more."""
        if self._server is not None:
            await self._server.stop(0.2)
            self._server = None

    async def Report(
        self, request_iterator: AsyncIterator[pb.StatusReport], context: Any
    ) -> AsyncIterator[pb.StatusCommand]:
        """Acknowledge what is stored, once; pass commands down."""
        self._commands.put_nowait(_acknowledged(self.stored))
        reading = asyncio.create_task(self._read(request_iterator))
        try:
            while True:
                yield await self._commands.get()
        finally:
            reading.cancel()

    async def Control(self, request: pb.ControlRequest, context: Any) -> pb.CommandReply:
        """Nobody operates this one."""
        raise NotImplementedError

    def Watch(self, request: pb.WatchRequest, context: Any) -> AsyncIterator[pb.WatchMessage]:
        """Nobody watches this one."""
        raise NotImplementedError

    async def _read(self, requests: AsyncIterator[pb.StatusReport]) -> None:
        async for report in requests:
            kind = report.WhichOneof("body")
            if kind == "event" and report.event.seq == self.stored + 1:
                self.stored = report.event.seq
                self.events.put(report.event)
                self._commands.put_nowait(_acknowledged(self.stored))
            elif kind == "reply":
                self.replies.put(report.reply)
            elif kind == "clock":
                self.clocks.put(report.clock)

    async def command(self, command_id: str = "", **what: Any) -> pb.CommandReply:
        """Give a command and wait for its answer."""
        name = command_id or f"c{next(self._ids)}"
        before = len(self.replies.items)
        command = pb.Command(command_id=name, **what)
        self._commands.put_nowait(pb.StatusCommand(command=command))
        return await self.replies.until(lambda r: r.command_id == name, after=before)

    async def state(self, state: str, after: int = 0) -> pb.StateChanged:
        """Wait for a state to be entered."""
        event = await self.events.until(lambda e: e.state.state == state, after=after)
        return event.state

    async def round_ended(self, server_round: int, *, completed: bool = True) -> pb.RoundEnded:
        """Wait for a round's end."""
        event = await self.events.until(
            lambda e: (
                e.HasField("round")
                and (e.round.round.server_round, e.round.completed) == (server_round, completed)
            )
        )
        return event.round


def _acknowledged(seq: int) -> pb.StatusCommand:
    return pb.StatusCommand(acknowledged=pb.Acknowledged(seq=seq))
