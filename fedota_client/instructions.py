"""What `fedota_client.session.Session` tells its carrier to do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Work:
    """Start to work on a task that has come."""

    task_id: int


@dataclass(frozen=True, slots=True)
class StopWork:
    """Stop working on a task at once; nothing of it is wanted."""

    task_id: int


@dataclass(frozen=True, slots=True)
class Keep:
    """Put a task's update where it outlives this process."""

    task_id: int


@dataclass(frozen=True, slots=True)
class Send:
    """Send a kept update; `attempt` counts the failed sends before, for the back-off."""

    task_id: int
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class AbortSend:
    """Stop sending an update: its stream is gone, or its outcome known."""

    task_id: int


@dataclass(frozen=True, slots=True)
class Forget:
    """Delete a kept update."""

    task_id: int


@dataclass(frozen=True, slots=True)
class AwaitEvaluation:
    """Call `Session.evaluation_overdue` in a while: the last round's evaluation may follow."""


@dataclass(frozen=True, slots=True)
class Leave:
    """End this process: its work is done."""

    reason: str


Instruction = Work | StopWork | Keep | Send | AbortSend | Forget | AwaitEvaluation | Leave
