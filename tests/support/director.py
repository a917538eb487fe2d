"""Tells scripted workers, wherever they run, when to go on and how to fail."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from support.waiting import DEADLINE_S, Feed


@dataclass(frozen=True)
class Arrival:
    """A worker has got a task and asks what to do."""

    client: str
    message_type: str
    server_round: int
    task_id: int


class Gate:
    """A place where one worker is held.

    Parameters
    ----------
    client, message_type, server_round
        Whom to hold, at what; None holds at any.
    """

    def __init__(self, client: str, message_type: str | None, server_round: int | None) -> None:
        self._wanted = (client, message_type, server_round)
        self._reached: asyncio.Future[Arrival] = asyncio.get_running_loop().create_future()
        self._order: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def holds(self, arrival: Arrival) -> bool:
        """Tell whether this gate is for that arrival, and free."""
        client, message_type, server_round = self._wanted
        return (
            not self._reached.done()
            and arrival.client == client
            and message_type in (None, arrival.message_type)
            and server_round in (None, arrival.server_round)
        )

    async def pass_through(self, arrival: Arrival) -> str:
        """Hold an arrival until it is released."""
        self._reached.set_result(arrival)
        return await self._order

    async def reached(self, timeout_s: float = DEADLINE_S) -> Arrival:
        """Wait until the worker stands here."""
        try:
            return await asyncio.wait_for(asyncio.shield(self._reached), timeout_s)
        except TimeoutError:
            raise AssertionError(f"{self._wanted} was not reached in {timeout_s:g} s") from None

    def release(self, order: str = "go") -> None:
        """Let the worker go on: ``go``, ``fail``, ``crash`` (it exits) or ``kill`` (SIGKILL)."""
        if not self._order.done():
            self._order.set_result(order)


class Director:
    """The server that scripted workers ask; who is not held goes on at once."""

    def __init__(self) -> None:
        self.arrivals: Feed[Arrival] = Feed("tasks that came to workers")
        self.port = 0
        self._gates: list[Gate] = []
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen on loopback."""
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """End every conversation."""
        if self._server is not None:
            self._server.close()
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    def hold(
        self, client: str, message_type: str | None = "train", server_round: int | None = None
    ) -> Gate:
        """Hold the next matching task of a client."""
        gate = Gate(client, message_type, server_round)
        self._gates.append(gate)
        return gate

    def tasks_of(self, client: str, message_type: str = "train") -> list[Arrival]:
        """List the tasks that came to a client's workers."""
        return [
            arrival
            for arrival in self.arrivals.items
            if (arrival.client, arrival.message_type) == (client, message_type)
        ]

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._talks.add(task)
        answering: asyncio.Task[None] | None = None
        try:
            while line := await reader.readline():
                said: dict[str, Any] = json.loads(line)
                if answering is not None:
                    answering.cancel()
                    answering = None
                if said["at"] == "task":
                    arrival = Arrival(
                        said["client"], said["message_type"], said["server_round"], said["task_id"]
                    )
                    answering = asyncio.create_task(self._answer(arrival, writer))
        except (ConnectionError, asyncio.CancelledError):
            pass  # the worker was killed, or the test is over
        finally:
            if answering is not None:
                answering.cancel()
            writer.transport.abort()
            self._talks.discard(task)

    async def _answer(self, arrival: Arrival, writer: asyncio.StreamWriter) -> None:
        gate = next((gate for gate in self._gates if gate.holds(arrival)), None)
        self.arrivals.put(arrival)
        order = await gate.pass_through(arrival) if gate else "go"
        writer.write(json.dumps({"do": order}).encode() + b"\n")
