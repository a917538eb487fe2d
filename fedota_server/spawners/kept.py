"""Servers that outlive whoever started them, and are taken over by the next."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import fedota_server
from fedota_proto.errors import ServerStartError
from fedota_proto.release import release
from fedota_server.spawners.base import JobResult, JobSpec, LineListener, Role, ServerSpec, Spawner
from fedota_server.spawners.environment import PROGRAMS, minimal_environment
from fedota_server.spawners.keeper import RUNS_ALREADY
from fedota_server.spawners.kept_state import KeptState, Mark, load_state
from fedota_server.spawners.lifeline import Lifeline
from fedota_server.spawners.log_file import last_lines
from fedota_server.spawners.process import PARENT_GRACE_S, ProcessSpawner
from fedota_server.spawners.start_failure import (
    being_stopped,
    cannot_end,
    cannot_start,
    ended_early,
    not_ready,
    runs_already,
    start_failure,
)

logger = logging.getLogger(__name__)

_KEEPER_STARTS_WITHIN_S = 20.0
_LOOK_S = 0.05
_KILL_WAIT_S = 10.0


class KeptProcessSpawner(Spawner):
    """Start each server below a small process of its own that keeps it (see `keeper`).

    What there is to know of a server stands in files, so a spawner of the same place in another
    process knows all of it. `release` lets go of the servers; `close` stops them, also those that
    an earlier spawner started. Jobs are run as `ProcessSpawner` does, and end with this process.

    Parameters
    ----------
    place
        Folder for the keepers' files.
    logs, programs, environ, log_max_bytes
        As for `ProcessSpawner`.
    lifeline
        With whose other end the servers that are started here end, however this process ends;
        None: they go on.
    """

    def __init__(
        self,
        place: Path,
        logs: Path,
        *,
        programs: Mapping[Role, str] = PROGRAMS,
        environ: Mapping[str, str] | None = None,
        log_max_bytes: int = 8 << 20,
        lifeline: Lifeline | None = None,
    ) -> None:
        self._place = place.absolute()
        self._logs = logs.absolute()
        self._programs = programs
        self._environ = os.environ if environ is None else environ
        self._log_max_bytes = log_max_bytes
        self._lifeline = lifeline
        self._starting: set[str] = set()
        self._closed = False
        self._jobs = ProcessSpawner(
            logs, programs=programs, environ=environ, log_max_bytes=log_max_bytes
        )

    async def start(self, spec: ServerSpec) -> str:
        """Start a server; see `Spawner.start`."""
        if self._closed:
            raise being_stopped(spec.name)
        state = self._state(spec.name)
        if spec.name in self._starting or (state and state.runs):
            raise runs_already(spec.name)
        self._starting.add(spec.name)
        try:
            launch = secrets.token_hex(8)
            launching = asyncio.create_task(asyncio.to_thread(self._launch, spec, launch))
            try:
                await asyncio.shield(launching)
                return await self._until_ready(spec, launch)
            except asyncio.CancelledError:
                await asyncio.wait((launching,))
                await self._end(spec.name, 0)
                raise
        finally:
            self._starting.discard(spec.name)

    async def adopt(self, spec: ServerSpec) -> str | None:
        """Take over what an earlier spawner started; see `Spawner.adopt`."""
        state = self._state(spec.name)
        if state is None or not state.runs:
            return None
        if state.spec != self._fingerprint(spec) or not state.keeper.lives:
            logger.info("%s is of other settings or another release, and is stopped", spec.name)
            await self.stop(spec.name)
            return None
        try:
            return await self._until_ready(spec, state.launch)
        except ServerStartError as error:
            logger.info("%s", error.public_message)
            return None

    async def poll(self, name: str, wait_s: float = 0.0) -> int | None:
        """Tell whether a server runs; see `Spawner.poll`."""
        await self._ended(name, wait_s)
        state = self._state(name)
        if state is None or name in self._starting:
            return None if name in self._starting else 0
        return None if state.runs else state.code

    async def stop(self, name: str, grace_s: float = 10.0) -> int:
        """End a server; see `Spawner.stop`."""
        return await self._end(name, grace_s)

    async def logs(self, name: str, lines: int = 200) -> str:
        """Return a server's newest log lines; see `Spawner.logs`."""
        return await asyncio.to_thread(last_lines, self._log_path(name), lines)

    async def run_job(self, spec: JobSpec, on_line: LineListener | None = None) -> JobResult:
        """Run a job under its limits; see `Spawner.run_job`."""
        return await self._jobs.run_job(spec, on_line)

    async def release(self) -> None:
        """Let go of the servers; see `Spawner.release`."""
        self._closed = True
        await self._jobs.close()

    async def close(self, grace_s: float = 10.0) -> None:
        """Stop everything; see `Spawner.close`."""
        self._closed = True
        names = [path.stem for path in self._place.glob("*.json")]
        await asyncio.gather(self._jobs.close(grace_s), *(self._end(n, grace_s) for n in names))

    def _launch(self, spec: ServerSpec, launch: str) -> None:
        """Start the keeper; returns when it goes its own way."""
        order = {
            "launch": launch,
            "spec": self._fingerprint(spec),
            "argv": [
                *(sys.executable, "-P", "-m", "fedota_server.spawners.launch"),
                *(str(PARENT_GRACE_S), self._programs[spec.role]),
            ],
            "env": minimal_environment(self._environ, spec.role, spec.settings),
            "log": str(self._log_path(spec.name)),
            "log_max_bytes": self._log_max_bytes,
            "lifeline": -1 if self._lifeline is None else self._lifeline.end,
        }
        keeper = (sys.executable, "-P", "-S", "-m", "fedota_server.spawners.keeper")
        try:
            self._place.mkdir(parents=True, exist_ok=True, mode=0o700)
            done = subprocess.run(  # noqa: S603
                [*keeper, str(self._place), spec.name],
                input=json.dumps(order).encode(),
                capture_output=True,
                env={"PYTHONPATH": str(Path(fedota_server.__file__).parents[1])},
                timeout=_KEEPER_STARTS_WITHIN_S,
                check=False,
                pass_fds=() if self._lifeline is None else (self._lifeline.end,),
            )
        except OSError as error:
            raise cannot_start(spec.name, error) from error
        except subprocess.TimeoutExpired as error:
            raise start_failure(
                spec.name, not_ready(_KEEPER_STARTS_WITHIN_S), "", self._log_path(spec.name)
            ) from error
        if done.returncode == RUNS_ALREADY:
            raise runs_already(spec.name)
        if done.returncode:
            said = done.stderr.decode(errors="replace")
            raise start_failure(
                spec.name, ended_early(done.returncode), said, self._log_path(spec.name)
            )

    async def _until_ready(self, spec: ServerSpec, launch: str) -> str:
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + spec.ready_timeout_s
        while loop.time() < ends_at:
            state = self._state(spec.name)
            if state is not None and state.launch == launch:
                if not state.runs:
                    raise self._failure(spec, ended_early(state.code), state.tail)
                if state.address:
                    return state.address
            await asyncio.sleep(_LOOK_S)
        await self._end(spec.name, 0)
        state = self._state(spec.name)
        raise self._failure(spec, not_ready(spec.ready_timeout_s), state.tail if state else "")

    def _failure(self, spec: ServerSpec, said: str, tail: str) -> ServerStartError:
        return start_failure(spec.name, said, tail, self._log_path(spec.name))

    async def _end(self, name: str, grace_s: float) -> int:
        state = self._state(name)
        if state is None:
            return 0
        if state.runs and grace_s > 0:
            _signal(os.kill, state.server, signal.SIGTERM)
            if not await self._ended(name, grace_s):
                logger.warning("%s did not stop within %g s and is killed", name, grace_s)
        state = self._state(name) or state
        if state.runs:
            _signal(os.killpg, state.server, signal.SIGKILL)
            if not state.server.pid:
                _signal(os.kill, state.keeper, signal.SIGKILL)
            await self._ended(name, _KILL_WAIT_S)
        state = self._state(name) or state
        if state.runs:
            raise cannot_end(name, state.server.pid)
        return state.code

    async def _ended(self, name: str, wait_s: float) -> bool:
        """Wait up to `wait_s` seconds for a server's end; tell whether it has ended."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, wait_s)):
                while (state := self._state(name)) is not None and state.runs:
                    await _process_end(state.keeper)
        return state is None or not state.runs

    def _state(self, name: str) -> KeptState | None:
        return load_state(self._place / f"{name}.json")

    def _log_path(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def _fingerprint(self, spec: ServerSpec) -> str:
        """Name what a server is told: one with another fingerprint is not the one wanted."""
        told = minimal_environment(self._environ, spec.role, spec.settings)
        ours = {name: value for name, value in told.items() if name.startswith("FEDOTA_")}
        whole = json.dumps([release(), self._programs[spec.role], ours], sort_keys=True)
        return hashlib.sha256(whole.encode()).hexdigest()


async def _process_end(mark: Mark) -> None:
    """Wait for the end of a process that need not be a child of ours, or a moment at least."""
    try:
        descriptor = os.pidfd_open(mark.pid)
    except (AttributeError, OSError):
        await asyncio.sleep(_LOOK_S)
        return
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    try:
        if not mark.lives:
            await asyncio.sleep(_LOOK_S)
            return
        loop.add_reader(descriptor, ended.set)
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def _signal(send: Callable[[int, int], None], mark: Mark, number: signal.Signals) -> None:
    """Signal a process, or the group that it leads, if it is still the one that was meant."""
    if mark.lives:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            send(mark.pid, number)
