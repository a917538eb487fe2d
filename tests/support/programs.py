"""Programs that a test starts, listens to, and ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from support.waiting import DEADLINE_S, Feed

TESTS = Path(__file__).parents[1]
_LAUNCH = (sys.executable, "-P", "-m", "fedota_server.spawners.launch", "0")


def environment(**settings: str) -> dict[str, str]:
    """Return this process's environment without its ``FEDOTA_*``, with these settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FEDOTA_")}
    return {
        **kept,
        "PYTHONPATH": str(TESTS),
        "PYTHONUNBUFFERED": "1",
        "PYTHONWARNINGS": "default",
        "CUDA_VISIBLE_DEVICES": "",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "COLUMNS": "200",
        **settings,
    }


class Program:
    """A running process; it dies with the test's process, however that dies.

    Parameters
    ----------
    name
        For messages.
    process
        Started by `start`.
    """

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.name = name
        self.lines: Feed[str] = Feed(f"lines of {name}")
        self._process = process
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(
        cls, name: str, module: str, arguments: Sequence[str], env: Mapping[str, str], cwd: Path
    ) -> Program:
        """Run a module as a program."""
        process = await asyncio.create_subprocess_exec(
            *_LAUNCH,
            module,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            env=dict(env),
            cwd=cwd,
        )
        return cls(name, process)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def output(self) -> str:
        """All that it wrote so far."""
        return "\n".join(self.lines.items)

    async def says(self, pattern: str, *, after: int = 0, timeout_s: float = DEADLINE_S) -> str:
        """Wait for a line in which the pattern is found."""
        found = re.compile(pattern)
        return await self.lines.until(
            lambda line: found.search(line) is not None, after=after, timeout_s=timeout_s
        )

    async def ended(self, timeout_s: float = DEADLINE_S) -> int:
        """Wait for its end and return its exit code."""
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.wait([self._reading])
                return await self._process.wait()
        except TimeoutError:
            raise AssertionError(
                f"{self.name} did not end within {timeout_s:g} s; it said:\n{self.output}"
            ) from None

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    async def kill(self) -> None:
        """End it as a power cut would."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        await asyncio.wait([self._reading], timeout=5.0)

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            self.lines.put(line.decode(errors="replace").rstrip())


@dataclass(frozen=True)
class Finished:
    """How a command ended."""

    code: int
    out: str
    err: str

    def is_one_sentence(self, code: int, *parts: str) -> None:
        """Check that a person was told plainly what is wrong."""
        assert self.code == code, self
        assert "Traceback" not in self.err + self.out, self
        assert self.err.strip(), self
        for part in parts:
            assert part in " ".join(self.err.split()), self


async def command(
    module: str,
    *arguments: str | Path,
    env: Mapping[str, str] | None = None,
    stdin: str = "",
    timeout_s: float = DEADLINE_S,
) -> Finished:
    """Run a module to its end, as somebody who types it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        module,
        *map(str, arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=dict(env or environment()),
    )
    try:
        async with asyncio.timeout(timeout_s):
            out, err = await process.communicate(stdin.encode())
    except TimeoutError:
        process.kill()
        out, err = await process.communicate()
        raise AssertionError(
            f"{module} {arguments} did not end within {timeout_s:g} s:\n"
            f"{out.decode()}\n{err.decode()}"
        ) from None
    assert process.returncode is not None
    return Finished(process.returncode, out.decode(), err.decode())


def run_module(module: str, *arguments: str | Path, timeout_s: float = 120.0) -> str:
    """Run a module to its good end, outside any event loop; returns what it wrote."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", module, *map(str, arguments)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert done.returncode == 0, f"{module}: {done.stdout}\n{done.stderr}"
    return done.stdout
