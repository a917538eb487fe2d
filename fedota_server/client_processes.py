"""Clients that this machine itself runs: a demo's hospitals, the nodes of a Flower app."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from fedota_proto.errors import WorkerError
from fedota_server.jobs import as_argument
from fedota_server.spawners.base import JobResult, JobSpec, Role, Spawner
from fedota_server.spawners.log_file import last_words

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class LocalClient:
    """One client to be run here.

    Parameters
    ----------
    name
        Its holder's.
    invite
        File with its invite.
    home
        Folder for its state.
    arguments
        Of ``fedota-client join``, beside the invite and the home: ``--data DIR`` or ``--app DIR``.
    """

    name: str
    invite: Path
    home: Path
    arguments: tuple[str, ...]


class LocalClients:
    """Clients as processes, all ended when the block that runs them ends.

    Parameters
    ----------
    spawner
        What starts them.
    time_limit_s, memory_limit_bytes
        For each; None: no limit of memory.
    """

    def __init__(
        self, spawner: Spawner, *, time_limit_s: float, memory_limit_bytes: int | None
    ) -> None:
        self._spawner = spawner
        self._time_limit_s = time_limit_s
        self._memory_limit_bytes = memory_limit_bytes
        self._running: dict[asyncio.Task[JobResult], str] = {}

    @asynccontextmanager
    async def running(self, clients: list[LocalClient]) -> AsyncIterator[None]:
        """Run clients for as long as the block lasts."""
        for client in clients:
            task = asyncio.create_task(self._spawner.run_job(self._spec(client)))
            self._running[task] = client.name
        try:
            yield
        finally:
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)

    async def while_running(self, awaited: Awaitable[_Result]) -> _Result:
        """Wait for something that the clients bring about; a client that fails ends the wait.

        Raises
        ------
        WorkerError
            A client failed; the message is its own.
        """
        goal = asyncio.ensure_future(awaited)
        pending: set[asyncio.Task[JobResult]] = set(self._running)
        try:
            while not goal.done():
                await asyncio.wait({goal, *pending}, return_when=asyncio.FIRST_COMPLETED)
                for task in [task for task in pending if task.done()]:
                    pending.discard(task)
                    self._check(task)
            return goal.result()
        finally:
            goal.cancel()
            await asyncio.gather(goal, return_exceptions=True)

    async def all_ended(self, wait_s: float) -> bool:
        """Wait until every client has ended by itself.

        Returns
        -------
        bool
            Whether they did in time.

        Raises
        ------
        WorkerError
            A client failed.
        """
        done, pending = await asyncio.wait(self._running, timeout=wait_s)
        for task in done:
            self._check(task)
        return not pending

    def _check(self, task: asyncio.Task[JobResult]) -> None:
        result = task.result()
        if result.ok:
            return
        said = last_words(result.log_end) or f"exit code {result.exit_code}"
        raise WorkerError(
            f"The client {self._running[task]} ended early: {said}", detail=result.log_end
        )

    def _spec(self, client: LocalClient) -> JobSpec:
        arguments = ("join", as_argument(client.invite), "--home", as_argument(client.home))
        return JobSpec(
            name=f"client-{client.name}",
            role=Role.CLIENT,
            arguments=(*arguments, "--yes", *client.arguments),
            time_limit_s=self._time_limit_s,
            memory_limit_bytes=self._memory_limit_bytes,
        )
