"""What a service's tasks mean for the server that it stands for; without an engine or a clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

_WAITING = frozenset({"new", "pending", "assigned", "accepted", "preparing", "ready", "starting"})
_BY_ITSELF = frozenset({"complete", "failed", "rejected"})
_OVER = _BY_ITSELF | {"shutdown", "orphaned", "remove"}


@dataclass(frozen=True)
class TaskState:
    """What Swarm says of a task.

    Parameters
    ----------
    id, node
        Its own, and its node's; that is empty while it has none.
    state, desired
        How it is, and how Swarm wants it, in Swarm's words.
    created
        When it was made; later ones compare greater.
    exit_code
        Of its container, negative for a signal; None if there was no container, or it runs.
    said
        What Swarm says of it, if it does not go as it should.
    """

    id: str
    node: str
    state: str
    desired: str
    created: str
    exit_code: int | None = None
    said: str = ""

    @property
    def over(self) -> bool:
        """Whether its container has ended, or there never will be one."""
        return self.state in _OVER


class Life(StrEnum):
    """How a server is."""

    ABSENT = "absent"
    WAITING = "waiting"  # for a node, its image, or its turn; also while it is moved
    RUNNING = "running"
    ENDED = "ended"


@dataclass(frozen=True)
class Standing:
    """How a server is, by its service's tasks.

    Parameters
    ----------
    life
        How it is.
    task
        The task that says so; none has been made while this is None.
    """

    life: Life
    task: TaskState | None = None

    @property
    def exit_code(self) -> int:
        """Of one that has ended; 1 where Swarm could not even start it."""
        if self.task is None:
            return 0
        if self.task.state == "rejected" or (self.task.state == "failed" and not self._code):
            return 1
        return self._code

    @property
    def said(self) -> str:
        """What Swarm says of it."""
        return self.task.said if self.task is not None else ""

    @property
    def _code(self) -> int:
        return (self.task.exit_code or 0) if self.task is not None else 0


def standing(tasks: Sequence[TaskState]) -> Standing:
    """Tell how a server is.

    Swarm starts a task in another's place for two reasons. Where the task ended by itself, the
    supervisor decides, and Swarm's next task only waits for its delay: the server has ended. Where
    the node went away or is drained, Swarm moves the server, and it goes on. A next task that no
    longer waits for its delay is the server: Swarm has started it while nobody looked.

    Parameters
    ----------
    tasks
        All of the service, in any order.
    """
    if not tasks:
        return Standing(Life.WAITING)
    newest, *older = sorted(tasks, key=lambda task: task.created, reverse=True)
    if newest.over:
        return Standing(Life.ENDED, newest)
    if newest.desired == "ready" and older and older[0].state in _BY_ITSELF:
        return Standing(Life.ENDED, older[0])
    return Standing(Life.WAITING if newest.state in _WAITING else Life.RUNNING, newest)


def task_state(found: Mapping[str, Any]) -> TaskState:
    """Read a task as the engine's interface gives it."""
    status = found.get("Status") or {}
    container = status.get("ContainerStatus") or {}
    state = str(status.get("State", "new"))
    code = int(container.get("ExitCode", 0))
    return TaskState(
        id=str(found["ID"]),
        node=str(found.get("NodeID", "")),
        state=state,
        desired=str(found.get("DesiredState", "")),
        created=_comparable(str(found.get("CreatedAt", ""))),
        exit_code=_signalled(code) if container and state in _OVER else None,
        said=str(status.get("Err", "")),
    )


def _comparable(moment: str) -> str:
    """Pad a moment, whose zeros at the end the engine leaves out, so that texts compare."""
    whole, _, fraction = moment.rstrip("Z").partition(".")
    return f"{whole}.{fraction:0<9}"


def _signalled(code: int) -> int:
    return 128 - code if 128 < code <= 192 else code
