"""Servers as services of a Docker Swarm."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from fedota_proto.errors import ServerStartError
from fedota_server.spawners.base import JobResult, JobSpec, LineListener, ServerSpec, Spawner
from fedota_server.spawners.docker import DockerSpawner
from fedota_server.spawners.log_file import last_lines
from fedota_server.spawners.server_container import ready_address
from fedota_server.spawners.start_failure import (
    being_stopped,
    ended_early,
    not_placed,
    not_ready,
    runs_already,
    start_failure,
)
from fedota_server.spawners.swarm_engine import SwarmEngine
from fedota_server.spawners.swarm_logs import TasksLog
from fedota_server.spawners.swarm_place import SwarmPlace
from fedota_server.spawners.swarm_services import SwarmServices
from fedota_server.spawners.swarm_tasks import Life, Standing

logger = logging.getLogger(__name__)

_LOOK_S = 0.2
_WATCH_S = 0.5
_LOG_EVERY_S = 5.0
_KILLED_S = 20.0

_Result = TypeVar("_Result")


class SwarmSpawner(Spawner):
    """Start each server as a service of one replica that can do no more than it must.

    Who starts a server again is divided. When its node goes away or is drained, Swarm moves it to
    another, whether or not a webserver is there, and to the supervisor it has run all the time:
    `poll` says so for as long as the move may take. When it ends by itself, the supervisor decides;
    Swarm starts it only where nobody has decided for some seconds, because the webserver is away.

    Jobs are containers of the manager's own engine, as `DockerSpawner` runs them.

    Parameters
    ----------
    engine
        A manager's; opened at the first need.
    place
        Names, images, limits, nodes.
    environ
        Of its ``FEDOTA_*`` variables those of a server's own role are passed on to it;
        `os.environ` unless told.
    """

    def __init__(
        self,
        engine: Callable[[], SwarmEngine],
        place: SwarmPlace,
        *,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        environ = os.environ if environ is None else environ
        self._services = SwarmServices(engine, place, environ)
        self._jobs = DockerSpawner(lambda: self._services.engine, place.containers, environ=environ)
        self._place = place
        self._starting: set[str] = set()
        self._stopping: set[str] = set()
        self._ended: dict[str, int] = {}
        self._waiting_since: dict[str, float] = {}
        self._logs: dict[str, TasksLog] = {}
        self._copied_at: dict[str, float] = {}
        self._closed = False

    async def start(self, spec: ServerSpec) -> str:
        """Start a server; see `Spawner.start`."""
        if self._closed:
            raise being_stopped(spec.name)
        if spec.name in self._starting:
            raise runs_already(spec.name)
        self._starting.add(spec.name)
        try:
            await self._call(self._services.refuse_foreign, spec.name)
            found = await self._standing(spec.name)
            if found.life in (Life.WAITING, Life.RUNNING):
                raise runs_already(spec.name)
            if found.life is Life.ENDED:
                await self._finish(spec.name, found.exit_code)
            await self._call(self._services.make, spec)
            return await self._until_ready(spec)
        finally:
            self._starting.discard(spec.name)

    async def adopt(self, spec: ServerSpec) -> str | None:
        """Take over what an earlier spawner started; see `Spawner.adopt`."""
        found = await self._standing(spec.name)
        if found.life is Life.ABSENT:
            return None
        if found.life is Life.ENDED:
            await self._finish(spec.name, found.exit_code)
            return None
        if not await self._call(self._services.fits, spec):
            logger.info("%s was told something else, and is stopped", spec.name)
            await self.stop(spec.name)
            return None
        await self._call(self._services.connect_webserver, spec.role)
        try:
            return await self._until_ready(spec)
        except ServerStartError as error:
            logger.info("%s", error.public_message)
            return None

    async def poll(self, name: str, wait_s: float = 0.0) -> int | None:
        """Tell whether a server runs; see `Spawner.poll`."""
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + wait_s
        while True:
            code = await self._look(name)
            left_s = ends_at - loop.time()
            if code is not None or left_s <= 0:
                return code
            await asyncio.sleep(min(_WATCH_S, left_s))

    async def _look(self, name: str) -> int | None:
        found = await self._standing(name)
        now = asyncio.get_running_loop().time()
        if name in self._starting or name in self._stopping:
            return None
        if found.life is Life.ABSENT:
            return self._ended.get(name, 0)
        if found.life is Life.ENDED:
            return await self._finish(name, found.exit_code, found.said)
        if found.life is Life.RUNNING:
            self._waiting_since.pop(name, None)
        elif now - self._waiting_since.setdefault(name, now) > self._place.place_most_s:
            return await self._finish(name, 1, f"no node has taken it: {found.said}")
        if now - self._copied_at.get(name, 0.0) > _LOG_EVERY_S:
            await self._copy_log(name, found)
        return None

    async def stop(self, name: str, grace_s: float = 10.0) -> int:
        """End a server; see `Spawner.stop`. The grace is its service's, whatever is asked for."""
        found = await self._standing(name)
        if found.life is Life.ABSENT:
            return self._ended.get(name, 0)
        self._stopping.add(name)
        try:
            return await self._end(name, found)
        finally:
            self._stopping.discard(name)

    async def logs(self, name: str, lines: int = 200) -> str:
        """Return a server's newest log lines; see `Spawner.logs`."""
        await self._copy_log(name, await self._standing(name))
        return await asyncio.to_thread(last_lines, self._log_path(name), lines)

    async def run_job(self, spec: JobSpec, on_line: LineListener | None = None) -> JobResult:
        """Run a job on the manager's engine; see `Spawner.run_job`."""
        if self._closed:
            raise being_stopped(spec.name)
        return await self._jobs.run_job(spec, on_line)

    async def close(self, grace_s: float = 10.0) -> None:
        """Stop everything; see `Spawner.close`. Nothing of the problem is left in the Swarm."""
        self._closed = True
        try:
            servers = await self._call(self._services.servers)
        except ServerStartError as error:
            logger.warning("nothing can be stopped: %s", error.public_message)
            return
        await asyncio.gather(*(self.stop(name, grace_s) for name in servers))
        await self._call(self._services.remove_everything)
        await self._jobs.close(grace_s)
        self._close_logs()

    async def release(self) -> None:
        """Let go of the servers; see `Spawner.release`."""
        self._closed = True
        await self._jobs.release()
        self._close_logs()

    async def _call(self, what: Callable[..., _Result], *arguments: object) -> _Result:
        return await asyncio.to_thread(what, *arguments)

    async def _standing(self, name: str) -> Standing:
        return await self._call(self._services.standing, name)

    async def _until_ready(self, spec: ServerSpec) -> str:
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + self._place.place_most_s
        found = Standing(Life.WAITING)
        runs = False
        try:
            while loop.time() < ends_at:
                found = await self._standing(spec.name)
                if found.life is Life.RUNNING and not runs:
                    runs, ends_at = True, loop.time() + spec.ready_timeout_s
                if found.life in (Life.ENDED, Life.ABSENT):
                    code = found.exit_code if found.task else -signal.SIGKILL
                    await self._finish(spec.name, code, found.said if code == 1 else "")
                    raise self._failure(spec.name, ended_early(code))
                if address := await self._said_ready(spec.name, found):
                    return address
                await asyncio.sleep(_LOOK_S)
        except asyncio.CancelledError:
            await self._end(spec.name, found)
            raise
        await self._end(spec.name, found)
        if found.life is Life.WAITING:
            self._ended[spec.name] = 1
            raise not_placed(spec.name, self._place.place_most_s, found.said)
        raise self._failure(spec.name, not_ready(spec.ready_timeout_s))

    async def _said_ready(self, name: str, found: Standing) -> str:
        if found.life is not Life.RUNNING or found.task is None:
            return ""
        lines = await self._call(self._services.log, name)
        self._log(name).take(lines)
        said = (ready_address(line.text) for line in lines if line.task == found.task.id)
        return next((address for address in said if address), "")

    async def _end(self, name: str, found: Standing) -> int:
        """Have a server ended, wait for it, and remove its service."""
        if found.life in (Life.WAITING, Life.RUNNING):
            await self._call(self._services.hold, name)
            found = await self._until_over(name, found)
        over = found.life in (Life.ENDED, Life.ABSENT)
        return await self._finish(name, found.exit_code if over else -signal.SIGKILL)

    async def _until_over(self, name: str, found: Standing) -> Standing:
        """Wait for a task's end; where its node is gone and tells no end, not for ever."""
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + self._place.stop_grace_s + _KILLED_S
        while found.task is not None and loop.time() < ends_at:
            task = await self._call(self._services.task, name, found.task.id)
            if task is None or task.over or not task.node:
                return Standing(Life.ENDED, task)
            await asyncio.sleep(_LOOK_S)
        return found

    async def _finish(self, name: str, code: int, said: str = "") -> int:
        """Take down how a server ended, and remove its service."""
        log = self._log(name)
        log.take(await self._call(self._services.log, name))
        if said:
            log.add(f"Swarm: {said}")
        await self._call(self._services.remove, name)
        self._waiting_since.pop(name, None)
        self._ended[name] = code
        return code

    def _failure(self, name: str, said: str) -> ServerStartError:
        return start_failure(name, said, self._log(name).tail(), self._log_path(name))

    async def _copy_log(self, name: str, found: Standing) -> None:
        """Copy what a server wrote since the last time to the log that pages read."""
        if found.life is Life.ABSENT:
            return
        self._copied_at[name] = asyncio.get_running_loop().time()
        log = self._log(name)
        since = log.since(found.task.id) if found.task is not None else 0.0
        log.take(await self._call(self._services.log, name, since))

    def _log(self, name: str) -> TasksLog:
        if name not in self._logs:
            size = self._place.containers.log_max_bytes
            self._logs[name] = TasksLog(self._log_path(name), size)
        return self._logs[name]

    def _log_path(self, name: str) -> Path:
        return self._place.containers.logs / f"{name}.log"

    def _close_logs(self) -> None:
        for log in self._logs.values():
            log.close()
