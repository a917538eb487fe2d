"""The stages of a round: selection, configuration, reporting, and how it ends."""

from __future__ import annotations

import math
from collections.abc import Iterable
from enum import StrEnum


class Stage(StrEnum):
    """Where a round stands; the last two are its ends."""

    SELECTION = "selection"
    CONFIGURATION = "configuration"
    REPORTING = "reporting"
    COMPLETED = "completed"
    ABANDONED = "abandoned"


class Verdict(StrEnum):
    """What the rules ask for."""

    WAIT = "wait"
    CLOSE = "close"
    ABANDON = "abandon"


class RoundStage:
    """One round's way through its stages, counted in tasks; has no clock of its own.

    A task that was handed out is in one of four sets: *open* (its client works), *absent* (its
    client is gone but may come back), *lost* (it can never report) and *reported*. Reporting closes
    when `goal` have reported, or when none is open and `minimum` have reported, or at the deadline
    if `minimum` have. It is abandoned at the deadline below the minimum, and before it when every
    task that has not reported is lost.

    Parameters
    ----------
    goal
        Reports wanted, at least 1.
    minimum
        Fewest reports with which it may close, at least 0.
    now
        Monotonic time at which the round begins, in selection.
    """

    def __init__(self, *, goal: int, minimum: int, now: float) -> None:
        self.goal = goal
        self.minimum = minimum
        self.stage = Stage.SELECTION
        self.stage_s: dict[str, float] = {}
        self.deadline = math.inf
        self.open: set[int] = set()
        self.absent: set[int] = set()
        self.lost: set[int] = set()
        self.reported: set[int] = set()
        self._entered = now

    @property
    def over(self) -> bool:
        """Whether the round has ended."""
        return self.stage in (Stage.COMPLETED, Stage.ABANDONED)

    def _enter(self, stage: Stage, now: float) -> None:
        spent = max(0.0, now - self._entered)
        self.stage_s[self.stage] = self.stage_s.get(self.stage, 0.0) + spent
        self.stage, self._entered = stage, now

    def configure(self, now: float) -> None:
        """Leave selection: the cohort is fixed, the strategy makes its messages."""
        self._enter(Stage.CONFIGURATION, now)

    def report(self, tasks: Iterable[int], deadline: float, now: float) -> None:
        """Hand the tasks out; each is open."""
        self.open.update(tasks)
        self.deadline = deadline
        self._enter(Stage.REPORTING, now)

    def _move(self, task_id: int, target: set[int]) -> None:
        for members in (self.open, self.absent, self.lost, self.reported):
            members.discard(task_id)
        target.add(task_id)

    def note_reported(self, task_id: int) -> None:
        """Count a checked update."""
        self._move(task_id, self.reported)

    def note_void(self, task_id: int, *, present: bool) -> None:
        """Take a report back: what its selector held is void, its client may send it again."""
        self._move(task_id, self.open if present else self.absent)

    def note_lost(self, task_id: int) -> None:
        """Note that a task can never report: failed, rejected, or its member left."""
        self._move(task_id, self.lost)

    def note_replaced(self, task_id: int, by: int) -> None:
        """Put another task in a task's place: its message never reached the client."""
        for members in (self.open, self.absent, self.lost, self.reported):
            members.discard(task_id)
        self.absent.add(by)

    def note_absent(self, task_id: int) -> None:
        """Note that an open task's client is gone; it may come back."""
        if task_id in self.open:
            self._move(task_id, self.absent)

    def note_present(self, task_id: int) -> None:
        """Note that an absent task's client is back."""
        if task_id in self.absent:
            self._move(task_id, self.open)

    def decide(self, now: float) -> Verdict:
        """Say what the rules ask for at `now`, in reporting.

        Returns
        -------
        Verdict
            WAIT until something happens or the deadline comes.
        """
        count = len(self.reported)
        if count >= self.goal:
            return Verdict.CLOSE
        if not self.open and count >= self.minimum:
            return Verdict.CLOSE
        if now >= self.deadline:
            return Verdict.CLOSE if count >= self.minimum else Verdict.ABANDON
        if not self.open and not self.absent:
            return Verdict.ABANDON
        return Verdict.WAIT

    def complete(self, now: float) -> None:
        """End the round: its model is the new global model."""
        self._enter(Stage.COMPLETED, now)

    def abandon(self, now: float) -> Stage:
        """End the round without a model.

        Returns
        -------
        Stage
            The stage in which it ended.
        """
        ended_in = self.stage
        self._enter(Stage.ABANDONED, now)
        return ended_in
