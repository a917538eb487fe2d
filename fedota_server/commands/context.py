"""What every command starts from: the home folder, settings, a console, a spawner."""

from __future__ import annotations

import asyncio
import shutil
import signal
import tempfile
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console

from fedota_proto.settings_check import load_settings
from fedota_server.authority import PlatformHome
from fedota_server.jobs import JobLimits, JobRunner
from fedota_server.problem_folder import ProblemFolder
from fedota_server.settings import FedotaSettings
from fedota_server.spawners.base import Spawner
from fedota_server.spawners.process import ProcessSpawner

_Result = TypeVar("_Result")

_WIDTH = 140  # of tables that go to a file

ProblemArgument = Annotated[
    Path, typer.Argument(metavar="DIR", help="The problem's folder, with problem.toml in it.")
]


@dataclass(frozen=True)
class CommandContext:
    """One run of `fedota`.

    Parameters
    ----------
    settings
        From the environment.
    home
        The platform's folder.
    console
        Where people read what happens.
    """

    settings: FedotaSettings
    home: PlatformHome
    console: Console

    @classmethod
    def make(cls, home: Path | None) -> CommandContext:
        """Build it from the environment.

        Raises
        ------
        UsageError
            A FEDOTA_* variable is unknown or wrong.
        """
        settings = load_settings(FedotaSettings)
        folder = (home or settings.home).expanduser()
        console = Console(highlight=False, soft_wrap=True)
        if not console.is_terminal:
            console.width = _WIDTH
        return cls(settings, PlatformHome(folder), console)

    @property
    def live(self) -> bool:
        """Whether a person looks at a terminal."""
        return self.console.is_terminal

    def say(self, text: str, style: str = "") -> None:
        """Write one line for people."""
        self.console.print(text, style=style or None, markup=False)

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Show for as long as the block lasts what is being done; nothing without a terminal."""
        if self.live:
            with self.console.status(text):
                yield
        else:
            yield

    @contextmanager
    def workplace(self, purpose: str, *, keep: bool) -> Iterator[Path]:
        """Lend a temporary folder; it is removed afterwards, or kept and named."""
        place = Path(tempfile.mkdtemp(prefix=f"fedota-{purpose}-"))
        try:
            yield place
        finally:
            if keep:
                self.say(f"Everything is kept in {place}.")
            else:
                shutil.rmtree(place, ignore_errors=True)

    def spawner(self, folder: ProblemFolder) -> Spawner:
        """Make a spawner of processes whose logs go to the problem's folder."""
        return ProcessSpawner(folder.logs)

    def jobs(self, spawner: Spawner) -> JobRunner:
        """Make what runs jobs, under the limits of the settings."""
        limits = JobLimits(self.settings.job_time_s, self.settings.job_memory_bytes)
        return JobRunner(spawner, limits)


def context_of(ctx: typer.Context) -> CommandContext:
    """Return what the global options made."""
    made = ctx.find_object(CommandContext)
    if made is None:
        made = CommandContext.make(None)
        ctx.obj = made
    return made


def folder_at(place: Path) -> ProblemFolder:
    """Open a problem's folder and check that it is one.

    Raises
    ------
    ProblemFileError
        It has no problem.toml, or that has mistakes.
    """
    folder = ProblemFolder(place)
    folder.problem()
    return folder


def run(main: Coroutine[Any, Any, _Result]) -> _Result:
    """Run a command's asynchronous part to its end; SIGTERM ends it as Ctrl-C does.

    Raises
    ------
    KeyboardInterrupt
        It was ended by a signal.
    """

    async def guarded() -> _Result:
        task = asyncio.ensure_future(main)
        ended_by: list[int] = []

        def end(number: int) -> None:
            ended_by.append(number)
            task.cancel()

        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, end, number)
        try:
            return await task
        except asyncio.CancelledError:
            if ended_by:
                raise KeyboardInterrupt from None
            raise

    return asyncio.run(guarded())
