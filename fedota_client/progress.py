"""What the owner sees while the client runs: a live display, or plain lines without a terminal.

Nothing here waits or decides; a display is told what happens and shows it.
"""

from __future__ import annotations

import abc
import math
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from fedota_client.worker_handle import Progress
from fedota_proto.v1 import fl_round_pb2 as pb

_REFRESH_PER_S = 4
_EVERY_S = 1.0
_UNTOLD_MOST = 100
_STAGES = {
    "selection": "selecting clients",
    "configuration": "handing out the model",
    "reporting": "clients train and report",
    "evaluation": "clients evaluate",
    "waiting": "waiting for data holders",
    "paused": "paused",
}
_VERBS = {
    "train": "training",
    "evaluate": "evaluating",
    "tune": "tuning the personal model",
    "local": "training the local-only model",
}
_OUTCOMES = {
    pb.COUNTED: "counted",
    pb.LATE: "came too late",
    pb.ROUND_ABANDONED: "not counted, since the round was abandoned",
    pb.REJECTED: "rejected",
}


def task_words(message_type: str, server_round: int) -> str:
    """Name a task for people, as ``round 3: training``."""
    kind = message_type.partition(".")[0]
    verb = _VERBS.get(kind, f"“{message_type}”")
    return f"round {server_round}: {verb}" if server_round else verb


def outcome_words(outcome: pb.Outcome) -> str:
    """Say what became of an update."""
    words = _OUTCOMES.get(outcome.kind, "has no outcome")
    # A coordinator that began anew knows no more than the number of a task from before.
    known = bool(outcome.message_type)
    task = task_words(outcome.message_type, outcome.round.server_round) if known else "an update"
    said = f"{task} {words}"
    if outcome.kind == pb.COUNTED and outcome.weight:
        said += f" (weight {outcome.weight:g})"
    if outcome.reason:
        said += f": {outcome.reason}"
    return said


def privacy_words(privacy: Mapping[str, Any]) -> str:
    """Say what the noise of an update cost, alone and with all before it."""
    return (
        f"Privacy: ε {privacy['epsilon_round']:.2f} in this round, {privacy['epsilon_total']:.2f} "
        f"in all {privacy['updates']} (δ {privacy['delta']:g})."
    )


def clock_words(clock: pb.Clock) -> str:
    """Say in one line where the problem stands; empty for an empty clock."""
    if not clock.stage:
        return ""
    words = f"round {clock.round.server_round}"
    if clock.rounds:
        words += f" of {clock.rounds}"
    words += f": {_STAGES.get(clock.stage, clock.stage)}"
    wanted = clock.goal or clock.cohort
    if clock.stage in {"reporting", "evaluation"} and wanted:
        words += f", {clock.reported} of {wanted} reported"
    elif clock.stage in {"selection", "waiting"}:
        words += f", {clock.waiting} waiting, {clock.minimum} needed"
    return words


def progress_words(progress: Progress) -> str:
    """Say where the worker stands in its task."""
    words = []
    if progress.epochs:
        words.append(f"epoch {progress.epoch} of {progress.epochs}")
    if progress.batches:
        words.append(f"batch {progress.batch} of {progress.batches}")
    if progress.loss is not None and math.isfinite(progress.loss):
        words.append(f"loss {progress.loss:.4f}")
    return ", ".join(words)


class Display(abc.ABC):
    """What the carrier tells; every method returns at once and may be called at any time."""

    @abc.abstractmethod
    def note(self, text: str) -> None:
        """Show a line that stays."""

    @abc.abstractmethod
    def connection(self, text: str, *, good: bool = False) -> None:
        """Show how the connection stands, and whether that is good; a repeated text once."""

    @abc.abstractmethod
    def clock(self, clock: pb.Clock) -> None:
        """Show the round clock."""

    @abc.abstractmethod
    def task(self, message_type: str, server_round: int) -> None:
        """Show that the work on a task begins."""

    @abc.abstractmethod
    def progress(self, progress: Progress) -> None:
        """Show how the work goes on."""

    @abc.abstractmethod
    def idle(self) -> None:
        """Show that the work on the task has ended."""

    @abc.abstractmethod
    def outcome(self, outcome: pb.Outcome) -> None:
        """Show what became of an update."""

    def __enter__(self) -> Self:
        """Begin to show."""
        return self

    @abc.abstractmethod
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the terminal as it was."""


class PlainDisplay(Display):
    """One line for each thing that changes, for logs and scripts.

    Where tasks follow each other faster than anybody reads, one of them is told each second, and
    every outcome that is not “counted”.

    Parameters
    ----------
    write
        Takes one line, without its end.
    clock
        Seconds.
    """

    def __init__(
        self, write: Callable[[str], None], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._write = write
        self._now_s = clock
        self._next_task_s = self._next_stage_s = clock()
        self._untold: dict[str, None] = {}
        self._connection = ""
        self._complaints: set[str] = set()
        self._clock = ""
        self._task = ""
        self._epoch = 0

    def note(self, text: str) -> None:
        """Write the line."""
        self._write(text)

    def connection(self, text: str, *, good: bool = False) -> None:
        """Write the line if it says what was not said since the connection was last good."""
        if good and text != self._connection:
            self._complaints.clear()
        if text not in self._complaints:
            self._complaints.add(text)
            self._write(text)
        self._connection = text

    def clock(self, clock: pb.Clock) -> None:
        """Write a line at each change of stage, not at each report."""
        stage = f"{clock.round} {clock.stage}"
        if clock.stage in {"selection", "waiting", "paused"} and stage != self._clock:
            now_s = self._now_s()
            if clock.stage == "selection" and now_s < self._next_stage_s:
                return
            self._clock = stage
            self._next_stage_s = now_s + _EVERY_S
            self._write(clock_words(clock))

    def task(self, message_type: str, server_round: int) -> None:
        """Write which task begins."""
        self._task = task_words(message_type, server_round)
        self._epoch = 0
        now_s = self._now_s()
        if now_s < self._next_task_s:
            self._untold[self._task] = None
            if len(self._untold) > _UNTOLD_MOST:
                del self._untold[next(iter(self._untold))]
            return
        self._next_task_s = now_s + _EVERY_S
        self._write(self._task)

    def progress(self, progress: Progress) -> None:
        """Write a line for each epoch."""
        if progress.epochs and progress.epoch != self._epoch and progress.loss is not None:
            self._epoch = progress.epoch
            self._untold.pop(self._task, None)
            self._write(f"{self._task}, {progress_words(progress)}")

    def idle(self) -> None:
        """Write nothing: the outcome follows."""

    def outcome(self, outcome: pb.Outcome) -> None:
        """Write what became of it, if it was counted only where its task was told."""
        words = task_words(outcome.message_type, outcome.round.server_round)
        if words in self._untold:
            del self._untold[words]
            if outcome.kind == pb.COUNTED:
                return
        self._write(outcome_words(outcome))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the lines as they are."""


class RichDisplay(Display):
    """A few lines at the foot of the terminal that are redrawn four times a second.

    Parameters
    ----------
    console
        A terminal.
    title
        The problem's.
    """

    def __init__(self, console: Console, title: str) -> None:
        self._console = console
        self._title = title
        self._connection = ""
        self._clock = pb.Clock()
        self._clock_until_s = 0.0
        self._task = ""
        self._progress: Progress | None = None
        self._outcome = ""
        self._live = Live(
            console=console,
            get_renderable=self._render,
            refresh_per_second=_REFRESH_PER_S,
            transient=True,
        )

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wipe the live lines away."""
        self._live.stop()

    def note(self, text: str) -> None:
        """Print the line above the live ones."""
        self._console.print(text, markup=False, highlight=False)

    def connection(self, text: str, *, good: bool = False) -> None:
        """Show it in the live lines."""
        self._connection = text

    def clock(self, clock: pb.Clock) -> None:
        """Show stage and countdown."""
        self._clock = clock
        self._clock_until_s = time.monotonic() + clock.closes_in_s if clock.closes_in_s else 0.0

    def task(self, message_type: str, server_round: int) -> None:
        """Show which task begins."""
        self._task = task_words(message_type, server_round)
        self._progress = None

    def progress(self, progress: Progress) -> None:
        """Show the bar."""
        self._progress = progress

    def idle(self) -> None:
        """Take the bar away."""
        self._task = ""
        self._progress = None

    def outcome(self, outcome: pb.Outcome) -> None:
        """Show it until the next one; what is not counted stays above."""
        self._outcome = outcome_words(outcome)
        if outcome.kind != pb.COUNTED:
            self.note(self._outcome)

    def _render(self) -> RenderableType:
        table = Table.grid(padding=(0, 2))
        table.add_column(style="bold", justify="right")
        table.add_column()
        table.add_row("problem", Text(self._title))
        table.add_row("connection", Text(self._connection))
        stage = clock_words(self._clock)
        if stage:
            left_s = self._clock_until_s - time.monotonic()
            ends = f", closes in {left_s:.0f} s" if left_s > 0 else ""
            table.add_row("problem's round", Text(stage + ends))
        if self._task:
            table.add_row("here", self._working())
        if self._outcome:
            table.add_row("last update", Text(self._outcome))
        return table

    def _working(self) -> RenderableType:
        progress = self._progress
        if progress is None:
            return Text(self._task)
        line = Text(f"{self._task}, {progress_words(progress)}")
        if not progress.epochs:
            return line
        share = progress.batch / progress.batches if progress.batches else 1.0
        done = max(0, progress.epoch - 1) + share
        return Group(line, ProgressBar(total=progress.epochs, completed=done, width=40))
