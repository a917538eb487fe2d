"""Jobs as containers of a Docker engine, without a network."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import signal
import time
from collections.abc import Callable, Mapping

from fedota_proto.errors import ServerStartError
from fedota_server.spawners.base import JobResult, JobSpec, LineListener, StoppedBy
from fedota_server.spawners.container_log import JobLines
from fedota_server.spawners.container_plan import ContainerPlan
from fedota_server.spawners.docker_place import JOB_LABEL, RUN_LABEL, DockerPlace
from fedota_server.spawners.engine import Engine
from fedota_server.spawners.environment import container_environment
from fedota_server.spawners.mounts import mounts

_LOOK_S = 0.1
_TAIL_BYTES = 64 << 10


class DockerJobs:
    """Runs each job in a container of its own, which is removed when the job ends.

    Parameters
    ----------
    engine
        Returns the engine; asked in a thread.
    place
        Names, images, limits.
    environ
        Of its ``FEDOTA_*`` variables those of a job's own role are passed on to it.
    """

    def __init__(
        self, engine: Callable[[], Engine], place: DockerPlace, environ: Mapping[str, str]
    ) -> None:
        self._engine = engine
        self._place = place
        self._environ = environ

    async def run(self, spec: JobSpec, on_line: LineListener | None = None) -> JobResult:
        """Run a job under its limits; as `Spawner.run_job`."""
        name = f"{self._place.prefix}-{spec.name}-{secrets.token_hex(4)}"
        making = asyncio.ensure_future(asyncio.to_thread(self._make, name, spec))
        try:
            await asyncio.shield(making)
            return await self._until_limit(name, spec, on_line)
        finally:
            with contextlib.suppress(ServerStartError):
                await asyncio.wait((making,))
                await asyncio.to_thread(self._remove, name)

    def _kill(self, name: str) -> None:
        self._engine().signal(name, signal.SIGKILL)

    def _remove(self, name: str) -> None:
        self._engine().remove(name)

    def _make(self, name: str, spec: JobSpec) -> None:
        place, limits = self._place, self._place.limits_of(spec.role)
        reads, writes = mounts(spec.reads, spec.writes)
        self._engine().create(
            ContainerPlan(
                name=name,
                image=place.images[spec.role],
                labels={**place.labels, JOB_LABEL: spec.name, RUN_LABEL: place.run},
                command=spec.arguments,
                environment=container_environment(self._environ, spec.role, spec.settings),
                user=place.user,
                reads=reads,
                writes=writes,
                memory_bytes=spec.memory_limit_bytes or limits.memory_bytes,
                cpus=limits.cpus,
                pids=limits.pids,
                scratch_bytes=1 << 30,
                log_bytes=place.log_max_bytes,
            )
        )
        self._engine().start(name)

    async def _until_limit(
        self, name: str, spec: JobSpec, on_line: LineListener | None
    ) -> JobResult:
        ends_at = time.monotonic() + spec.time_limit_s
        heard = JobLines(on_line)
        stopped_by = StoppedBy.NOTHING
        while True:
            state = await asyncio.to_thread(lambda: self._engine().state(name))
            heard.take(await asyncio.to_thread(self._lines, name, heard.after))
            if state is None or not state.running:
                break
            if time.monotonic() >= ends_at:
                stopped_by = StoppedBy.TIME
                await asyncio.to_thread(self._kill, name)
            await asyncio.sleep(_LOOK_S)
        if stopped_by is StoppedBy.NOTHING and state is not None and state.out_of_memory:
            stopped_by = StoppedBy.MEMORY
        log = b"".join(line for _, line in await asyncio.to_thread(self._log, name))
        exit_code = -signal.SIGKILL if state is None else state.exit_code
        return JobResult(exit_code, log[-_TAIL_BYTES:].decode(errors="replace"), stopped_by)

    def _lines(self, name: str, after: float) -> list[tuple[float, bytes]]:
        return self._engine().log(name, after, err=False)

    def _log(self, name: str) -> list[tuple[float, bytes]]:
        return self._engine().log(name, out=False)
