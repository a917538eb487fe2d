"""The tasks of one exchange: who owns each, what became of it, and that none is counted twice."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum


class TaskState(StrEnum):
    """What became of a task."""

    PENDING = "pending"
    HELD = "held"
    COUNTED = "counted"
    FAILED = "failed"
    REJECTED = "rejected"
    OVER = "over"


class HeldAs(StrEnum):
    """How a selector's word that it holds an update is taken."""

    NEW = "new"
    AGAIN = "again"
    LATE = "late"
    TWICE = "twice"


@dataclass(frozen=True, slots=True)
class Entry:
    """One checked update: node, task, its weight and the hash that its sender declared."""

    node_id: int
    task_id: int
    weight: float
    update_sha256: bytes


@dataclass(slots=True)
class Task:
    """One message to one node, from its hand-out to its outcome.

    Parameters
    ----------
    task_id, node_id
        Its name, and whose it is.
    message_id
        Of Flower's message.
    owner
        Epoch of the selector that may take the update; 0 while none may.
    entry
        The checked update, once a selector holds it.
    code, reason
        Why it failed, was rejected or is over.
    size_bytes
        Of the update's arrays.
    """

    task_id: int
    node_id: int
    message_id: str = ""
    group_id: str = ""
    owner: int = 0
    state: TaskState = TaskState.PENDING
    entry: Entry | None = None
    code: str = ""
    reason: str = ""
    size_bytes: int = 0

    @property
    def settled(self) -> bool:
        """Whether nothing can happen to it any more."""
        return self.state not in (TaskState.PENDING, TaskState.HELD)


class TaskBook:
    """Every task of one exchange. Each is counted at most once, whatever selectors say, and when.

    A task belongs to one epoch at a time. What an epoch holds counts only when its partial (or its
    forwarded update) is taken, and a partial is taken whole or not at all: every entry must be a
    task that this epoch holds, by the book.
    """

    def __init__(self) -> None:
        self._tasks: dict[int, Task] = {}
        self._of_node: dict[int, list[Task]] = {}

    def __contains__(self, task_id: int) -> bool:
        return task_id in self._tasks

    def __getitem__(self, task_id: int) -> Task:
        return self._tasks[task_id]

    def __len__(self) -> int:
        return len(self._tasks)

    def add(self, task: Task) -> None:
        """Enter a task."""
        self._tasks[task.task_id] = task
        self._of_node.setdefault(task.node_id, []).append(task)

    def all(self) -> Iterable[Task]:
        """Every task, in the order in which they were entered."""
        return self._tasks.values()

    def of_node(self, node_id: int, state: TaskState) -> list[Task]:
        """List a node's tasks in this state."""
        return [task for task in self._of_node.get(node_id, ()) if task.state is state]

    def of_epoch(self, epoch: int, *states: TaskState) -> list[Task]:
        """List an epoch's tasks in any of these states."""
        return [t for t in self._tasks.values() if t.owner == epoch and t.state in states]

    def owners(self, *states: TaskState) -> set[int]:
        """List the epochs that own tasks in any of these states."""
        return {t.owner for t in self._tasks.values() if t.state in states and t.owner}

    def count(self, state: TaskState) -> int:
        """Count the tasks in this state."""
        return sum(1 for t in self._tasks.values() if t.state is state)

    def give(self, task_id: int, epoch: int) -> int:
        """Let another epoch take a pending task's update.

        Returns
        -------
        int
            The epoch that might until now, 0 for none.
        """
        task = self._tasks[task_id]
        before, task.owner = task.owner, epoch
        return before if before != epoch else 0

    def hold(self, epoch: int, entry: Entry, size_bytes: int = 0) -> HeldAs:
        """Take an epoch's word that it holds a checked update.

        Parameters
        ----------
        epoch
            Whose word.
        entry
            The update; its node must be the task's.
        size_bytes
            Of its arrays.

        Returns
        -------
        HeldAs
            NEW: from now on held there, also if the task had been given to another epoch that
            does not hold it yet. AGAIN: known. LATE: the exchange is over. TWICE: another epoch
            holds the same task, or it has failed elsewhere, and this epoch's mean has it too:
            nothing of this epoch may count until it has dropped what it holds.
        """
        task = self._tasks[entry.task_id]
        if task.state is TaskState.OVER:
            return HeldAs.LATE
        if task.state in (TaskState.HELD, TaskState.COUNTED) and task.owner == epoch:
            return HeldAs.AGAIN
        if task.state is not TaskState.PENDING or task.node_id != entry.node_id:
            return HeldAs.TWICE
        task.owner, task.state, task.entry = epoch, TaskState.HELD, entry
        task.size_bytes = size_bytes
        return HeldAs.NEW

    def refuse(
        self, task_id: int, state: TaskState, code: str, reason: str, *, epoch: int = 0
    ) -> bool:
        """Note that a pending task failed or was rejected.

        Parameters
        ----------
        task_id
            Which.
        state
            FAILED or REJECTED.
        code, reason
            Why.
        epoch
            Whose word this is, 0 for our own; only the owner's counts.

        Returns
        -------
        bool
            False if the task is no longer pending, or not this epoch's.
        """
        task = self._tasks[task_id]
        if task.state is not TaskState.PENDING or (epoch and task.owner != epoch):
            return False
        task.state, task.code, task.reason = state, code, reason
        return True

    def void(self, epoch: int) -> list[Task]:
        """Take back everything that an epoch holds and that has not been counted.

        Returns
        -------
        list of Task
            Those, now pending and owned by nobody.
        """
        void = self.of_epoch(epoch, TaskState.HELD)
        for task in void:
            task.state, task.entry, task.owner = TaskState.PENDING, None, 0
        for task in self.of_epoch(epoch, TaskState.PENDING):
            task.owner = 0
        return void

    def count_partial(self, epoch: int, entries: Sequence[Entry], weight: float) -> str:
        """Count a partial's entries, all or none.

        Parameters
        ----------
        epoch
            That it comes from; of an ended one nothing may be passed here.
        entries
            In the order in which they were merged.
        weight
            Their sum, as declared.

        Returns
        -------
        str
            Why it is refused, empty if it is counted.
        """
        seen: set[int] = set()
        for entry in entries:
            task = self._tasks.get(entry.task_id)
            if task is None or entry.task_id in seen:
                return f"task {entry.task_id} is unknown here, or twice in it"
            if task.state is not TaskState.HELD or task.owner != epoch or task.entry != entry:
                return f"task {entry.task_id} is not what this selector is known to hold"
            seen.add(entry.task_id)
        total = math.fsum(entry.weight for entry in entries)
        if not math.isclose(total, weight, rel_tol=1e-9, abs_tol=0.0) or not math.isfinite(total):
            return f"its weight is {weight!r}, its entries sum to {total!r}"
        for task_id in seen:
            self._tasks[task_id].state = TaskState.COUNTED
        return ""

    def count_forwarded(self, epoch: int, entry: Entry, size_bytes: int = 0) -> bool:
        """Count one forwarded update that has arrived whole.

        Returns
        -------
        bool
            False if its task is settled, another node's, or held by another epoch.
        """
        task = self._tasks[entry.task_id]
        if task.state is TaskState.COUNTED:
            return False
        if self.hold(epoch, entry, size_bytes) in (HeldAs.LATE, HeldAs.TWICE):
            return False
        task.entry, task.size_bytes, task.state = entry, size_bytes, TaskState.COUNTED
        return True

    def close(self, code: str, reason: str) -> list[Task]:
        """End the exchange for every task that is not settled.

        Returns
        -------
        list of Task
            Those, now over.
        """
        ended = [task for task in self._tasks.values() if not task.settled]
        for task in ended:
            task.state, task.code, task.reason = TaskState.OVER, code, reason
        return ended
