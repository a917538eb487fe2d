"""The servers of one problem, kept as they are wanted."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import ParamSpec, TypeVar

from fedota_proto.errors import DatabaseError, EngineAwayError, FedotaError
from fedota_server.problem_folder import ProblemFolder
from fedota_server.spawners.base import Spawner
from fedota_server.spawners.log_file import last_words
from fedota_server.webserver.problem_specs import ProblemSpecs
from fedota_server.webserver.reconcile import (
    Adopt,
    GiveUp,
    Instruction,
    Observed,
    Reconciler,
    Start,
    Stop,
)
from fedota_server.webserver.server_rows import ServerRows
from fedota_server.webserver.threads import in_thread

logger = logging.getLogger(__name__)

_POLL_S = 600.0
_AGAIN_S = 2.0

_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")


class ProblemKeeper:
    """Carries out what the reconciler says, and writes down what comes of it.

    Belongs to one event loop; `run` does the work.

    Parameters
    ----------
    problem_id, folder
        The problem.
    spawner
        Of this problem's servers alone.
    specs
        What they are told.
    rows
        Where it is written down.
    gate
        Lets a few servers of all problems be started at a time.
    """

    def __init__(
        self,
        problem_id: str,
        folder: ProblemFolder,
        spawner: Spawner,
        specs: ProblemSpecs,
        rows: ServerRows,
        gate: asyncio.Semaphore,
    ) -> None:
        self.spawner = spawner
        self._problem_id = problem_id
        self._folder = folder
        self._specs = specs
        self._rows = rows
        self._gate = gate
        self._reconciler = Reconciler()
        self._changed = asyncio.Event()
        self._watching: dict[str, asyncio.Task[None]] = {}
        self._written: dict[str, Observed] = {}
        self._starts_before: Mapping[str, int] | None = None
        self._gave_up_at = 0.0

    @property
    def at_rest(self) -> bool:
        """Whether nothing runs, nothing is under way, and that is written down."""
        return self._reconciler.idle and not self._news()

    def follow(self, names: Iterable[str], known: Iterable[str], asked_at: float) -> None:
        """Keep exactly these servers running from now on.

        Parameters
        ----------
        names
            Of the servers.
        known
            Those that an earlier webserver may have left running.
        asked_at
            When the database was asked, in the event loop's time: what it wanted then is tried
            afresh if everything was given up before.
        """
        wanted = list(names)
        if wanted and self._reconciler.given_up and 0 < self._gave_up_at < asked_at:
            self._gave_up_at = 0.0
            self._reconciler.forgive()
        self._reconciler.know(known)
        self._reconciler.want(wanted)
        self._changed.set()

    async def run(self) -> None:
        """Work until cancelled; servers are then left as they are."""
        self._starts_before = await self._persistently(self._rows.starts, self._problem_id)
        async with asyncio.TaskGroup() as self._group:
            while True:
                self._changed.clear()
                for instruction in self._reconciler.next(self._now()):
                    self._group.create_task(self._carry_out(instruction))
                await self._write()
                await self._wait()

    async def _wait(self) -> None:
        look_at = self._reconciler.look_again_at()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(look_at):
                await self._changed.wait()

    async def _carry_out(self, instruction: Instruction) -> None:
        try:
            match instruction:
                case Adopt(name):
                    await self._adopt(name)
                case Start(name):
                    async with self._gate:
                        await self._start(name)
                case Stop(name):
                    await self._stop(name)
                case GiveUp(_, reason):
                    await self._persistently(self._rows.give_up, self._problem_id, reason)
                    self._gave_up_at = self._now()
        finally:
            self._changed.set()

    async def _adopt(self, name: str) -> None:
        try:
            spec = await in_thread(self._specs.spec, self._folder, name, starting=False)
            address = await self.spawner.adopt(spec)
        except FedotaError as error:
            self._failed(name, error)
            return
        if address is None:
            self._reconciler.absent(name, self._now())
        else:
            logger.info("problem %s: %s is taken over", self._problem_id, name)
            self._came(name, address, adopted=True)

    async def _start(self, name: str) -> None:
        try:
            spec = await in_thread(self._specs.spec, self._folder, name, starting=True)
            address = await self.spawner.start(spec)
        except FedotaError as error:
            self._failed(name, error)
        else:
            logger.info("problem %s: %s serves at %s", self._problem_id, name, address)
            self._came(name, address)

    def _came(self, name: str, address: str, *, adopted: bool = False) -> None:
        self._reconciler.came(name, address, self._now(), adopted=adopted)
        self._watching[name] = self._group.create_task(self._watch(name))

    def _failed(self, name: str, error: FedotaError) -> None:
        logger.warning("problem %s: %s", self._problem_id, error.public_message)
        note = self._reconciler.away if error.retryable else self._reconciler.failed
        note(name, error.public_message, self._now())

    async def _watch(self, name: str) -> None:
        """Wait for a server's end, and tell the reconciler why."""
        exit_code = await self._end_of(name)
        reason = f"{name} ended with exit code {exit_code}"
        if exit_code == -signal.SIGKILL:
            reason += ", killed, as the system does with what takes more memory than its limit"
        elif exit_code > 0:
            with contextlib.suppress(EngineAwayError):
                said = last_words(await self.spawner.logs(name, lines=3))
                reason += f"; its last words: {said}" if said else ""
        logger.warning("problem %s: %s", self._problem_id, reason)
        self._reconciler.ended(name, reason, self._now())
        self._changed.set()

    async def _end_of(self, name: str) -> int:
        """Wait for a server's end; where nobody can be asked, ask again."""
        while True:
            try:
                exit_code = await self.spawner.poll(name, wait_s=_POLL_S)
            except EngineAwayError as error:
                logger.warning("problem %s: %s", self._problem_id, error.public_message)
                await asyncio.sleep(_AGAIN_S)
            else:
                if exit_code is not None:
                    return exit_code

    async def _stop(self, name: str) -> None:
        watching = self._watching.pop(name, None)
        if watching is not None:
            watching.cancel()
        detail = ""
        try:
            await self.spawner.stop(name)
        except FedotaError as error:
            logger.error("problem %s: %s", self._problem_id, error.public_message)
            detail = error.public_message
        self._reconciler.absent(name, self._now(), detail)

    def _news(self) -> dict[str, Observed]:
        """Return what stands otherwise than it was last written."""
        return {
            name: server
            for name, server in self._reconciler.servers.items()
            if self._written.get(name) != server
        }

    async def _write(self) -> None:
        news = {name: replace(server) for name, server in self._news().items()}
        if not news:
            return
        before = self._starts_before or {}
        told = {
            name: replace(server, starts=server.starts + before.get(name, 0))
            for name, server in news.items()
        }
        await self._persistently(self._rows.write, self._problem_id, told)
        self._written |= news

    async def _persistently(
        self,
        work: Callable[_Parameters, _Result],
        *arguments: _Parameters.args,
        **named: _Parameters.kwargs,
    ) -> _Result:
        """Do something with the database, again and again until it answers."""
        while True:
            try:
                return await in_thread(work, *arguments, **named)
            except DatabaseError as error:
                logger.warning("problem %s: %s", self._problem_id, error.public_message)
                await asyncio.sleep(_AGAIN_S)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
