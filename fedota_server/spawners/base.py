"""The contract that every spawner keeps, whatever it starts processes in."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Self


class Role(StrEnum):
    """Whose program is started."""

    COORDINATOR = "coordinator"
    SELECTOR = "selector"
    CLIENT = "client"


@dataclass(frozen=True)
class ServerSpec:
    """A server to be started.

    Parameters
    ----------
    name
        Names it within its spawner and in its log, as ``selector-2``.
    role
        Which program it is.
    settings
        Its own ``FEDOTA_*`` variables by their whole names; it gets no others.
    ready_timeout_s
        Seconds within which it must say that it serves.
    reads, writes
        The files and folders that it needs, as absolute paths: a spawner of containers shows it
        no others.
    """

    name: str
    role: Role
    settings: Mapping[str, str]
    ready_timeout_s: float = 30.0
    reads: tuple[Path, ...] = ()
    writes: tuple[Path, ...] = ()


@dataclass(frozen=True)
class JobSpec:
    """A program that reads files, writes files and ends.

    Parameters
    ----------
    name
        Names it in messages and in its log.
    role
        Which program it is.
    arguments
        Its command line, without the program.
    time_limit_s
        Seconds after which it is killed.
    memory_limit_bytes
        Memory that it and its children may hold together; beyond that it is killed. None: no
        limit, for what runs the user's own code for as long as the user likes.
    settings
        Its own ``FEDOTA_*`` variables.
    reads, writes
        The files and folders that it needs, as for a server.
    """

    name: str
    role: Role
    arguments: tuple[str, ...]
    time_limit_s: float
    memory_limit_bytes: int | None
    settings: Mapping[str, str] = field(default_factory=dict)
    reads: tuple[Path, ...] = ()
    writes: tuple[Path, ...] = ()


class StoppedBy(StrEnum):
    """Why a job was killed, if it was."""

    NOTHING = ""
    TIME = "time"
    MEMORY = "memory"


@dataclass(frozen=True)
class JobResult:
    """How a job ended.

    Parameters
    ----------
    exit_code
        As the operating system gives it; negative for a signal.
    log_end
        The end of what it wrote to its standard error, at most 64 KiB.
    stopped_by
        The limit that it broke, if it was killed for that.
    """

    exit_code: int
    log_end: str
    stopped_by: StoppedBy = StoppedBy.NOTHING

    @property
    def ok(self) -> bool:
        """Whether it did what it should."""
        return self.exit_code == 0 and self.stopped_by is StoppedBy.NOTHING


LineListener = Callable[[str], None]


class Spawner(abc.ABC):
    """Start, watch and stop the servers of one problem, and run its jobs.

    A spawner belongs to one event loop. Its methods may be called at the same time for different
    names; for one name, one call of `start` or `stop` at a time, while `poll` and `logs` may be
    called at any moment. Nothing that it started outlives it: neither after `close`, nor when the
    process that it lives in is killed. A spawner that keeps servers is the exception: those go on
    after `release` and when its process is killed, until a spawner of the same place takes them
    over with `adopt` or ends them with `stop` or `close`.
    """

    @abc.abstractmethod
    async def start(self, spec: ServerSpec) -> str:
        """Start a server and wait until it serves.

        Returns
        -------
        str
            The address that it answers at, ``host:port``. From then on `poll` is None until it
            ends, by itself or by `stop`.

        Raises
        ------
        ServerStartError
            It ended, or did not say in time that it serves (the message quotes the last line of
            its log), or one of that name runs already, which is then left alone. Nothing of the
            failed start is left running.
        """

    async def adopt(self, spec: ServerSpec) -> str | None:
        """Take over a server that an earlier spawner of the same place started and left running.

        Returns
        -------
        str or None
            The address that it answers at; from then on all is as after `start`. None where none
            of that name was left, or one that cannot be used, as it was told something else: that
            one has then been stopped. Always None where servers do not outlive their spawner.
        """
        return None

    @abc.abstractmethod
    async def poll(self, name: str, wait_s: float = 0.0) -> int | None:
        """Tell whether a server runs.

        Parameters
        ----------
        wait_s
            Waits up to so many seconds for its end.

        Returns
        -------
        int or None
            None while it runs, also while it starts; after its end the exit code (negative for a
            signal); 0 for a name that was never started.
        """

    @abc.abstractmethod
    async def stop(self, name: str, grace_s: float = 10.0) -> int:
        """End a server: asked first, killed after `grace_s`, its own children with it.

        Returns
        -------
        int
            Its exit code, as `poll` gives it. For one that has ended already or was never
            started: the same as `poll`, and nothing happens.
        """

    @abc.abstractmethod
    async def logs(self, name: str, lines: int = 200) -> str:
        """Return the newest lines that a server wrote, before, during and after its life.

        Returns
        -------
        str
            At most `lines` lines, oldest first; empty for a name that was never started.
        """

    @abc.abstractmethod
    async def run_job(self, spec: JobSpec, on_line: LineListener | None = None) -> JobResult:
        """Run a job to its end, under its limits; without a network where the spawner can.

        Parameters
        ----------
        on_line
            Called with each line of the job's standard output as it comes, without its newline.

        Returns
        -------
        JobResult
            Also of a job that failed or was killed for a limit. When this call is cancelled the
            job and its children are killed before the cancellation goes on.

        Raises
        ------
        ServerStartError
            It cannot be started at all.
        """

    @abc.abstractmethod
    async def close(self, grace_s: float = 10.0) -> None:
        """Stop everything that still runs; the spawner then starts nothing more."""

    async def release(self) -> None:
        """Let go: servers that can outlive the spawner go on, all else is stopped.

        The spawner then starts nothing more.
        """
        await self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()
