"""Servers and jobs as containers of a Docker engine."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Callable, Mapping
from typing import TypeVar

from fedota_proto.errors import ServerStartError
from fedota_server.spawners.base import (
    JobResult,
    JobSpec,
    LineListener,
    ServerSpec,
    Spawner,
)
from fedota_server.spawners.container_log import ServerLogs
from fedota_server.spawners.container_plan import ContainerState
from fedota_server.spawners.docker_jobs import DockerJobs
from fedota_server.spawners.docker_networks import ProblemNetworks
from fedota_server.spawners.docker_place import SPEC_LABEL, DockerPlace
from fedota_server.spawners.engine import Engine
from fedota_server.spawners.environment import container_environment
from fedota_server.spawners.log_file import last_lines
from fedota_server.spawners.server_container import fingerprint, ready_address, server_plan
from fedota_server.spawners.start_failure import (
    being_stopped,
    ended_early,
    not_ours,
    not_ready,
    runs_already,
    start_failure,
)

logger = logging.getLogger(__name__)

_LOOK_S = 0.1
_WATCH_S = 0.5
_JOB_TAIL_BYTES = 64 << 10

_Result = TypeVar("_Result")


class DockerSpawner(Spawner):
    """Start each server and job as a container that can do no more than it must.

    Three networks a problem: webserver and coordinator meet on one, coordinator and selectors on
    another; both are internal and have no address of the host's, so that the coordinator has no way
    out. The third is the selectors' own: it publishes their ports. Jobs have no network.

    The engine keeps the servers when the webserver ends; labels say whose they are and what they
    were told, and `adopt` takes over those that fit. The engine never starts one again by itself:
    that is the supervisor's to decide.

    Parameters
    ----------
    engine
        Opened at the first need.
    place
        Names, images, limits.
    environ
        Of its ``FEDOTA_*`` variables those of a server's own role are passed on to it;
        `os.environ` unless told.
    """

    def __init__(
        self,
        engine: Callable[[], Engine],
        place: DockerPlace,
        *,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._open = engine
        self._environ = os.environ if environ is None else environ
        self._opened: Engine | None = None
        self._opening = threading.Lock()
        self._networks = ProblemNetworks(place)
        self._jobs = DockerJobs(lambda: self._engine, place, self._environ)
        self._place = place
        self._starting: set[str] = set()
        self._logs = ServerLogs(
            place.logs,
            place.log_max_bytes,
            lambda name, after: self._engine.log(self._container(name), after),
        )
        self._closed = False

    async def start(self, spec: ServerSpec) -> str:
        """Start a server; see `Spawner.start`."""
        if self._closed:
            raise being_stopped(spec.name)
        if spec.name in self._starting:
            raise runs_already(spec.name)
        self._starting.add(spec.name)
        try:
            state = await self._state(spec.name)
            if state is not None and state.running:
                raise runs_already(spec.name)
            await asyncio.to_thread(self._logs.copy, spec.name)
            await self._call(self._make, spec)
            return await self._until_ready(spec)
        finally:
            self._starting.discard(spec.name)

    async def adopt(self, spec: ServerSpec) -> str | None:
        """Take over what an earlier spawner started; see `Spawner.adopt`."""
        state = await self._state(spec.name)
        if state is None or not state.running:
            return None
        if state.labels.get(SPEC_LABEL) != await self._call(self._fingerprint, spec):
            logger.info("%s was told something else, and is stopped", spec.name)
            await self.stop(spec.name)
            return None
        await self._call(lambda: self._networks.connect_webserver(self._engine, spec.role))
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
            state = await self._state(name)
            if name in self._starting:
                code = None
            elif state is None:
                return 0
            else:
                await asyncio.to_thread(self._logs.copy, name)
                code = None if state.running else state.exit_code
            left_s = ends_at - loop.time()
            if code is not None or left_s <= 0:
                return code
            await asyncio.sleep(min(_WATCH_S, left_s))

    async def stop(self, name: str, grace_s: float = 10.0) -> int:
        """End a server; see `Spawner.stop`."""
        return await self._end(name, grace_s)

    async def logs(self, name: str, lines: int = 200) -> str:
        """Return a server's newest log lines; see `Spawner.logs`."""
        if await self._state(name) is not None:
            await asyncio.to_thread(self._logs.copy, name)
        return await asyncio.to_thread(last_lines, self._logs.path(name), lines)

    async def run_job(self, spec: JobSpec, on_line: LineListener | None = None) -> JobResult:
        """Run a job under its limits, without a network; see `Spawner.run_job`."""
        if self._closed:
            raise being_stopped(spec.name)
        return await self._jobs.run(spec, on_line)

    async def close(self, grace_s: float = 10.0) -> None:
        """Stop everything; see `Spawner.close`. Containers and networks are removed."""
        self._closed = True
        try:
            await self._close(grace_s)
        finally:
            self._logs.close()

    async def _close(self, grace_s: float) -> None:
        try:
            names = await self._call(self._engine_containers)
        except ServerStartError as error:
            logger.warning("nothing can be stopped: %s", error.public_message)
            return
        servers = [name.removeprefix(f"{self._place.prefix}-") for name in names]
        await asyncio.gather(*(self._end(name, grace_s) for name in servers))
        for name in servers:
            await asyncio.to_thread(self._logs.copy, name)
        await self._call(self._remove_everything, names)

    async def release(self) -> None:
        """Let go of the servers; see `Spawner.release`."""
        self._closed = True
        self._logs.close()

    @property
    def _engine(self) -> Engine:
        """The engine; only to be asked for in a thread."""
        with self._opening:
            if self._opened is None:
                self._opened = self._open()
            return self._opened

    async def _call(self, what: Callable[..., _Result], *arguments: object) -> _Result:
        return await asyncio.to_thread(what, *arguments)

    async def _state(self, name: str) -> ContainerState | None:
        return await self._call(self._look, name)

    def _look(self, name: str) -> ContainerState | None:
        """Look at a server's container; somebody else's of that name is left alone."""
        found = self._engine.state(self._container(name))
        ours = self._place.labels.items()
        if found is not None and any(found.labels.get(label) != value for label, value in ours):
            raise not_ours("container", found.name)
        return found

    def _engine_containers(self) -> list[str]:
        return self._engine.containers(self._place.labels)

    def _make(self, spec: ServerSpec) -> None:
        """Make the networks and the container, and start it; what failed leaves nothing."""
        self._networks.make(self._engine, spec.role)
        name = self._container(spec.name)
        if self._look(spec.name) is not None:  # left of an earlier start
            self._engine.remove(name)
        self._engine.create(
            server_plan(
                spec,
                self._place,
                networks=self._networks.names_of(spec.role),
                told=self._told(spec),
                fingerprint=self._fingerprint(spec),
            )
        )
        try:
            self._networks.connect_webserver(self._engine, spec.role)
            self._engine.start(name)
        except BaseException:
            self._engine.remove(name)
            raise

    async def _until_ready(self, spec: ServerSpec) -> str:
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + spec.ready_timeout_s
        name = self._container(spec.name)
        try:
            while loop.time() < ends_at:
                state = await self._state(spec.name)
                said = await self._call(lambda: self._engine.log(name))
                await asyncio.to_thread(self._logs.copy, spec.name)
                if state is None or not state.running:
                    code = state.exit_code if state else -signal.SIGKILL
                    raise self._failure(spec, ended_early(code), said)
                for _, line in said:
                    if address := ready_address(line):
                        return address
                await asyncio.sleep(_LOOK_S)
        except asyncio.CancelledError:
            await self._end(spec.name, 0)
            raise
        await self._end(spec.name, 0)
        raise self._failure(
            spec, not_ready(spec.ready_timeout_s), await self._call(lambda: self._engine.log(name))
        )

    def _failure(
        self, spec: ServerSpec, said: str, log: list[tuple[float, bytes]]
    ) -> ServerStartError:
        tail = b"".join(line for _, line in log)[-_JOB_TAIL_BYTES:].decode(errors="replace")
        return start_failure(spec.name, said, tail, self._logs.path(spec.name))

    async def _end(self, name: str, grace_s: float) -> int:
        container = self._container(name)
        state = await self._state(name)
        if state is None:
            return 0
        if state.running and grace_s > 0:
            await self._call(self._engine.signal, container, signal.SIGTERM)
            state = await self._until_ended(name, grace_s) or state
        if state.running:
            await self._call(self._engine.signal, container, signal.SIGKILL)
            state = await self._until_ended(name, 10.0) or state
        if state.running:
            raise ServerStartError(
                f"The container {container} cannot be killed: look at the Docker engine's log."
            )
        await asyncio.to_thread(self._logs.copy, name)
        return state.exit_code

    async def _until_ended(self, name: str, wait_s: float) -> ContainerState | None:
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + wait_s
        state = await self._state(name)
        while state is not None and state.running and loop.time() < ends_at:
            await asyncio.sleep(_LOOK_S)
            state = await self._state(name)
        return state

    def _remove_everything(self, containers: list[str]) -> None:
        for name in containers:
            self._engine.remove(name)
        self._networks.remove(self._engine)

    def _container(self, name: str) -> str:
        return f"{self._place.prefix}-{name}"

    def _told(self, spec: ServerSpec) -> dict[str, str]:
        return container_environment(self._environ, spec.role, spec.settings)

    def _fingerprint(self, spec: ServerSpec) -> str:
        """Name what a server is."""
        image = self._engine.image_id(self._place.images[spec.role])
        return fingerprint(spec, self._place, image, self._told(spec))
