"""What a client does next: a state machine without sockets, files or a clock.

Events come in as method calls, instructions go out; `fedota_client.run` carries both. The rules:

- one task is worked on at a time, the others wait in the order in which they came;
- an update is kept from the moment it is there until its `Outcome`, across connections;
- it is sent once it is there, and again only where the platform lacks it; never twice at a time;
- a task whose outcome is known or that is cancelled is not worked on any longer;
- after the wanted number of counted rounds the client leaves, once it has evaluated the last one.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass

from fedota_client.instructions import (
    AbortSend,
    AwaitEvaluation,
    Forget,
    Instruction,
    Keep,
    Leave,
    Send,
    StopWork,
    Work,
)

RoundTuple = tuple[int, int, int]

# Rejections after which no outcome can follow, since the platform knows no such task of ours.
_NOT_OURS = frozenset({"unknown-task", "not-yours", "wrong-round"})


def is_evaluation(message_type: str) -> bool:
    """Tell whether a message type is Flower's ``evaluate`` (or ``evaluate.name``)."""
    return message_type.partition(".")[0] == "evaluate"


class Phase(enum.Enum):
    """Where a task stands on this side."""

    WAITING = "waiting"
    WORKING = "working"
    READY = "ready"


class AckStatus(enum.Enum):
    """What a selector said to an update."""

    HELD = "held"
    REJECTED = "rejected"
    OVER = "over"


@dataclass(slots=True)
class _OpenTask:
    phase: Phase
    failure: bool = False
    sending: bool = False
    attempt: int = 0


class Session:
    """The client's tasks and updates.

    Parameters
    ----------
    rounds_wanted
        Leave after so many counted rounds; 0 stays until the problem is finished.
    evaluates
        Whether this client takes part in evaluation.
    kept
        Tasks whose update an earlier process kept, oldest first.
    kept_most
        So many updates are kept at most; beyond, the oldest is forgotten.
    """

    def __init__(
        self,
        *,
        rounds_wanted: int = 0,
        evaluates: bool = True,
        kept: Iterable[int] = (),
        kept_most: int = 16,
    ) -> None:
        self._rounds_wanted = rounds_wanted
        self._evaluates = evaluates
        self._kept_most = kept_most
        self._tasks: dict[int, _OpenTask] = {task_id: _OpenTask(Phase.READY) for task_id in kept}
        self._connected = False
        self._counted: set[RoundTuple] = set()
        self._last_round: RoundTuple | None = None
        self._lingers = False
        self._left = False
        self._away = False

    @property
    def rounds_counted(self) -> int:
        """In how many rounds an update of this process's time was counted."""
        return len(self._counted)

    @property
    def rounds_left(self) -> int:
        """How many rounds are still wanted; 0 where there is no limit."""
        if not self._rounds_wanted:
            return 0
        return max(1, self._rounds_wanted - len(self._counted))

    def open_tasks(self) -> list[tuple[int, bool]]:
        """List the open tasks and whether their update is there, oldest first."""
        return [(task_id, task.phase is Phase.READY) for task_id, task in self._tasks.items()]

    def phase(self, task_id: int) -> Phase | None:
        """Return where a task stands, None if it is not open."""
        task = self._tasks.get(task_id)
        return task.phase if task else None

    def stream_opened(self, reported_ready: Iterable[int] = ()) -> list[Instruction]:
        """Take note that a selector has taken us in.

        Parameters
        ----------
        reported_ready
            Tasks that the check-in reported as ready: the selector itself asks for those it lacks.
            What became ready since is sent now.
        """
        self._connected = True
        reported = frozenset(reported_ready)
        instructions: list[Instruction] = []
        for task_id, task in self._tasks.items():
            if task.phase is Phase.READY and task_id not in reported:
                instructions += self._send(task_id, task)
        return instructions

    def stream_lost(self) -> list[Instruction]:
        """Take note that the stream is gone; work goes on, sends end."""
        self._connected = False
        instructions: list[Instruction] = []
        for task_id, task in self._tasks.items():
            task.attempt = 0
            if task.sending:
                task.sending = False
                instructions.append(AbortSend(task_id))
        return instructions

    def task_came(
        self, task_id: int, message_type: str = "train", key: RoundTuple = (0, 0, 0)
    ) -> list[Instruction]:
        """Take a task in; one that is open already is not worked on twice."""
        if self._left or self._away:
            return []
        if self._lingers and not is_evaluation(message_type):
            return self._leave()
        task = self._tasks.get(task_id)
        if task is not None:
            return self._send(task_id, task) if task.phase is Phase.READY else []
        self._last_round = key
        self._tasks[task_id] = _OpenTask(Phase.WAITING)
        return self._next_work()

    def tasks_cancelled(self, task_ids: Iterable[int]) -> list[Instruction]:
        """Stop computing for these tasks; an update that is there waits for its outcome."""
        instructions: list[Instruction] = []
        for task_id in task_ids:
            task = self._tasks.get(task_id)
            if task is not None and task.phase is not Phase.READY:
                instructions += self._drop(task_id, task)
        return instructions + self._next_work() + self._leave_if_idle()

    def came_back(self) -> None:
        """Take tasks again."""
        self._away = False

    def went_away(self) -> list[Instruction]:
        """Drop what is not done yet, since no work is allowed now; updates that are there stay.

        Tasks that come before the selector knows are not taken.
        """
        self._away = True
        instructions: list[Instruction] = []
        for task_id, task in list(self._tasks.items()):
            if task.phase is not Phase.READY:
                instructions += self._drop(task_id, task)
        return instructions

    def update_ready(self, task_id: int, *, failure: bool = False) -> list[Instruction]:
        """Take note that the work on a task has ended, with an update or in failure."""
        task = self._tasks.get(task_id)
        if task is None or task.phase is not Phase.WORKING:
            return []
        # Ready updates are kept in the order in which they became so.
        del self._tasks[task_id]
        self._tasks[task_id] = task
        task.phase, task.failure = Phase.READY, failure
        instructions: list[Instruction] = [Keep(task_id)]
        instructions += self._send(task_id, task)
        instructions += self._forget_oldest()
        return instructions + self._next_work()

    def resend_asked(self, task_id: int) -> list[Instruction]:
        """Send an update that the selector lacks; what is not ready goes out when it is."""
        task = self._tasks.get(task_id)
        if task is None or task.phase is not Phase.READY:
            return []
        return self._send(task_id, task)

    def send_ended(self, task_id: int, status: AckStatus, code: str = "") -> list[Instruction]:
        """Take a selector's answer to an update."""
        task = self._tasks.get(task_id)
        if task is None:
            return []
        task.sending, task.attempt = False, 0
        unknown = status is AckStatus.REJECTED and code in _NOT_OURS
        if task.failure or unknown:
            return self._drop(task_id, task) + self._leave_if_idle()
        return []

    def send_failed(self, task_id: int) -> list[Instruction]:
        """Send again, later, an update whose call broke while the stream still stands."""
        task = self._tasks.get(task_id)
        if task is None or not task.sending:
            return []
        task.sending = False
        task.attempt += 1
        return self._send(task_id, task)

    def update_lost(self, task_id: int) -> list[Instruction]:
        """Give up an update that cannot be read where it is kept, or by no selector."""
        task = self._tasks.get(task_id)
        if task is None or task.phase is not Phase.READY:
            return []
        task.sending = False
        return [*self._drop(task_id, task), *self._leave_if_idle()]

    def outcome_heard(
        self, task_id: int, *, counted: bool, message_type: str, key: RoundTuple
    ) -> list[Instruction]:
        """Take a task's outcome: whatever is left of the task here ends."""
        instructions: list[Instruction] = []
        task = self._tasks.get(task_id)
        if task is not None:
            instructions += self._drop(task_id, task)
            instructions += self._next_work()
        if self._left:
            return instructions
        if counted and not is_evaluation(message_type):
            self._counted.add(key)
            if self._rounds_wanted and len(self._counted) >= self._rounds_wanted:
                if not self._evaluates:
                    return instructions + self._leave()
                if not self._lingers:
                    self._lingers = True
                    return [*instructions, AwaitEvaluation()]
        elif is_evaluation(message_type):
            instructions += self._leave_if_idle()
        return instructions

    def stage_seen(self, stage: str, key: RoundTuple) -> list[Instruction]:
        """Take a round clock: once the next round is being selected, no evaluation follows."""
        over = stage in {"selection", "waiting", "paused"} or (
            self._last_round is not None and key[:2] != self._last_round[:2]
        )
        return self._leave_if_idle() if over else []

    def evaluation_overdue(self) -> list[Instruction]:
        """Leave if no evaluation has come; otherwise ask to be called again."""
        if not self._lingers or self._left:
            return []
        return self._leave_if_idle() or [AwaitEvaluation()]

    def problem_finished(self, reason: str) -> list[Instruction]:
        """Leave: there is nothing more to train."""
        return self._leave(reason)

    def _send(self, task_id: int, task: _OpenTask) -> list[Instruction]:
        if task.sending or not self._connected or self._left:
            return []
        task.sending = True
        return [Send(task_id, task.attempt)]

    def _next_work(self) -> list[Instruction]:
        if self._left or any(task.phase is Phase.WORKING for task in self._tasks.values()):
            return []
        for task_id, task in self._tasks.items():
            if task.phase is Phase.WAITING:
                task.phase = Phase.WORKING
                return [Work(task_id)]
        return []

    def _drop(self, task_id: int, task: _OpenTask) -> list[Instruction]:
        del self._tasks[task_id]
        if task.phase is Phase.WORKING:
            return [StopWork(task_id)]
        if task.phase is Phase.READY:
            aborts: list[Instruction] = [AbortSend(task_id)] if task.sending else []
            return [*aborts, Forget(task_id)]
        return []

    def _forget_oldest(self) -> list[Instruction]:
        ready = [task_id for task_id, task in self._tasks.items() if task.phase is Phase.READY]
        instructions: list[Instruction] = []
        for task_id in ready[: max(0, len(ready) - self._kept_most)]:
            instructions += self._drop(task_id, self._tasks[task_id])
        return instructions

    def _leave_if_idle(self) -> list[Instruction]:
        if not self._lingers or any(
            task.phase is not Phase.READY or task.sending for task in self._tasks.values()
        ):
            return []
        return self._leave()

    def _leave(self, reason: str = "") -> list[Instruction]:
        if self._left:
            return []
        self._left = True
        counted = len(self._counted)
        return [
            Leave(reason or f"counted in {counted} round{'s' if counted != 1 else ''}, as asked")
        ]
