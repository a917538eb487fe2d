"""Servers and jobs as processes of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from fedota_server.spawners.base import (
    JobResult,
    JobSpec,
    LineListener,
    Role,
    ServerSpec,
    Spawner,
    StoppedBy,
)
from fedota_server.spawners.environment import PROGRAMS, minimal_environment
from fedota_server.spawners.lines import Lines, ready_address
from fedota_server.spawners.log_file import last_lines
from fedota_server.spawners.rotating_log import RotatingLog
from fedota_server.spawners.start_failure import (
    being_stopped,
    cannot_end,
    cannot_start,
    ended_early,
    not_ready,
    runs_already,
    start_failure,
)
from fedota_server.spawners.tree_memory import TreeMemory

logger = logging.getLogger(__name__)

PARENT_GRACE_S = 5.0
_KILL_WAIT_S = 10.0
_DRAIN_WAIT_S = 2.0
_MEMORY_LOOK_S = 0.1


class _Child(asyncio.SubprocessProtocol):
    """A process of ours and its log, from its start until nothing of it is left."""

    def __init__(self, name: str, log: RotatingLog, on_out: Callable[[bytes], None]) -> None:
        self.name = name
        self.log = log
        self._on_out = on_out
        self._transport: asyncio.SubprocessTransport | None = None
        self._exited = asyncio.Event()
        self._drained = asyncio.Event()
        self.life = asyncio.create_task(self._live(), name=f"life of {name}")

    @property
    def pid(self) -> int:
        """Its process id, which is its group's as well; 0 before its start."""
        return self._transport.get_pid() or 0 if self._transport else 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take note of its start."""
        assert isinstance(transport, asyncio.SubprocessTransport)  # noqa: S101
        self._transport = transport

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Take what it wrote."""
        if fd == 1:
            self._on_out(data)
        else:
            self.log.write(data)

    def process_exited(self) -> None:
        """Take note of its end, which its children's hold on its pipes does not delay."""
        self._exited.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Take note of the end of its pipes."""
        self._on_out(b"")
        self._drained.set()

    @property
    def exit_code(self) -> int | None:
        """None until nothing of it is left."""
        return self.life.result() if self.life.done() else None

    async def ended(self, wait_s: float) -> bool:
        """Wait up to `wait_s` seconds for its end."""
        await asyncio.wait((self.life,), timeout=wait_s)
        return self.life.done()

    async def end(self, grace_s: float) -> int:
        """Ask it to stop, and kill its group after `grace_s`.

        Returns
        -------
        int
            The exit code.

        Raises
        ------
        ServerStartError
            The operating system does not let it die.
        """
        if grace_s > 0 and not self.life.done():
            self._signal(os.kill, signal.SIGTERM)
            if not await self.ended(grace_s):
                logger.warning("%s did not stop within %g s and is killed", self.name, grace_s)
        if not self.life.done():
            self._signal(os.killpg, signal.SIGKILL)
            await self.ended(_KILL_WAIT_S)
        if not self.life.done():
            raise cannot_end(self.name, self.pid)
        return self.life.result()

    def abandon(self) -> None:
        """Give up a start that failed in the operating system."""
        self.life.cancel()

    def _signal(self, send: Callable[[int, int], None], number: signal.Signals) -> None:
        if self.pid:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                send(self.pid, number)

    async def _live(self) -> int:
        await self._exited.wait()
        self._signal(os.killpg, signal.SIGKILL)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_WAIT_S):
                await self._drained.wait()
        exit_code = self._transport.get_returncode() if self._transport else None
        if self._transport:
            self._transport.close()
        self.log.close()
        return -signal.SIGKILL if exit_code is None else exit_code


class ProcessSpawner(Spawner):
    """Start each server and job as a process of its own session on this machine.

    A process gets a minimal environment and its own settings, runs in its own process group, and
    dies with this process (see `launch`). Its log is ``<logs>/<name>.log``, rotated by size. A
    job's memory is watched as resident memory of its whole tree: a limit on address space would
    stop TensorFlow long before it uses any. A job here does have the machine's network: what must
    not have one runs under a spawner of containers.

    Parameters
    ----------
    logs
        Folder for the logs.
    programs
        Module that is run for each role.
    environ
        What the minimal environment is taken from, `os.environ` unless told.
    log_max_bytes
        Size at which a log is rotated.
    """

    def __init__(
        self,
        logs: Path,
        *,
        programs: Mapping[Role, str] = PROGRAMS,
        environ: Mapping[str, str] | None = None,
        log_max_bytes: int = 8 << 20,
    ) -> None:
        self._logs = logs
        self._programs = programs
        self._environ = os.environ if environ is None else environ
        self._log_max_bytes = log_max_bytes
        self._servers: dict[str, _Child] = {}
        self._starting: set[str] = set()
        self._closed = False

    async def start(self, spec: ServerSpec) -> str:
        """Start a server; see `Spawner.start`."""
        running = self._servers.get(spec.name)
        if spec.name in self._starting or (running and running.exit_code is None):
            raise runs_already(spec.name)
        ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def listen(line: str) -> None:
            address = ready_address(line)
            if address and not ready.done():
                ready.set_result(address)

        self._starting.add(spec.name)
        try:
            child = await self._launch(
                spec.name, spec.role, (), spec.settings, grace_s=PARENT_GRACE_S, on_line=listen
            )
            self._servers[spec.name] = child
        finally:
            self._starting.discard(spec.name)
        return await self._until_ready(child, ready, spec.ready_timeout_s)

    async def _until_ready(
        self, child: _Child, ready: asyncio.Future[str], timeout_s: float
    ) -> str:
        try:
            await asyncio.wait(
                (ready, child.life), timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED
            )
        except asyncio.CancelledError:
            await child.end(0)
            raise
        if ready.done() and not child.life.done():
            return ready.result()
        ended_by_itself = child.life.done()
        exit_code = await child.end(0)
        said = ended_early(exit_code) if ended_by_itself else not_ready(timeout_s)
        raise start_failure(child.name, said, child.log.tail(), self._log_path(child.name))

    async def poll(self, name: str, wait_s: float = 0.0) -> int | None:
        """Tell whether a server runs; see `Spawner.poll`."""
        child = self._servers.get(name)
        if child is None:
            return None if name in self._starting else 0
        if wait_s > 0:
            await child.ended(wait_s)
        return child.exit_code

    async def stop(self, name: str, grace_s: float = 10.0) -> int:
        """End a server; see `Spawner.stop`."""
        child = self._servers.get(name)
        return 0 if child is None else await child.end(grace_s)

    async def logs(self, name: str, lines: int = 200) -> str:
        """Return a server's newest log lines; see `Spawner.logs`."""
        return await asyncio.to_thread(last_lines, self._log_path(name), lines)

    async def run_job(self, spec: JobSpec, on_line: LineListener | None = None) -> JobResult:
        """Run a job under its limits; see `Spawner.run_job`."""
        child = await self._launch(
            spec.name, spec.role, spec.arguments, spec.settings, grace_s=0, on_line=on_line
        )
        try:
            stopped_by = await self._until_limit(child, spec)
        finally:
            exit_code = await child.end(0)
        return JobResult(exit_code, child.log.tail(), stopped_by)

    @staticmethod
    async def _until_limit(child: _Child, spec: JobSpec) -> StoppedBy:
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + spec.time_limit_s
        limit_bytes = spec.memory_limit_bytes
        look_s = math.inf if limit_bytes is None else _MEMORY_LOOK_S
        memory = TreeMemory(child.pid)
        while not await child.ended(max(0.0, min(look_s, ends_at - loop.time()))):
            if loop.time() >= ends_at:
                return StoppedBy.TIME
            if limit_bytes is not None and memory.size_bytes() > limit_bytes:
                return StoppedBy.MEMORY
        return StoppedBy.NOTHING

    async def close(self, grace_s: float = 10.0) -> None:
        """Stop everything; see `Spawner.close`."""
        self._closed = True
        await asyncio.gather(*(child.end(grace_s) for child in self._servers.values()))

    def _log_path(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    async def _launch(
        self,
        name: str,
        role: Role,
        arguments: tuple[str, ...],
        settings: Mapping[str, str],
        *,
        grace_s: float,
        on_line: LineListener | None,
    ) -> _Child:
        if self._closed:
            raise being_stopped(name)
        log = RotatingLog(self._log_path(name), max_bytes=self._log_max_bytes)
        lines = Lines()

        def out(data: bytes) -> None:
            if role is not Role.CLIENT:
                log.write(data)
            for line in lines.feed(data) if data else lines.end():
                if on_line is not None:
                    on_line(line)

        child = _Child(name, log, out)
        try:
            await asyncio.get_running_loop().subprocess_exec(
                lambda: child,
                *(sys.executable, "-P", "-m", "fedota_server.spawners.launch"),
                *(str(grace_s), self._programs[role], *arguments),
                env=minimal_environment(self._environ, role, settings),
                start_new_session=True,
            )
        except OSError as error:
            child.abandon()
            raise cannot_start(name, error) from error
        return child
