"""The tasks whose updates this selector may take, and what became of each."""

from __future__ import annotations

import enum
import math
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from fedota_proto.v1 import fl_intra_pb2 as intra
from fedota_proto.v1 import fl_records_pb2 as records_pb
from fedota_proto.v1 import fl_round_pb2 as pb

ENDED_MOST = 10_000
ITEM_BYTES_MOST = 16


class RoundName(NamedTuple):
    """A round's three numbers, in the order in which rounds follow each other."""

    generation: int
    server_round: int
    attempt: int

    @classmethod
    def of(cls, key: records_pb.RoundKey) -> RoundName:
        """Read it from the wire."""
        return cls(key.generation, key.server_round, key.attempt)

    def to_key(self) -> records_pb.RoundKey:
        """Write it for the wire."""
        return records_pb.RoundKey(
            generation=self.generation, server_round=self.server_round, attempt=self.attempt
        )


class Exchange(NamedTuple):
    """What is aggregated together: one kind of message in one round."""

    round: RoundName
    message_type: str


class ExpectedArray(NamedTuple):
    """One array that an update must bring; `size_bytes` bounds its elements."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    size_bytes: int


def expected_arrays(specs: Iterable[records_pb.ArraySpec]) -> tuple[ExpectedArray, ...]:
    """Read them from the wire, once for all tasks of a hand-out."""
    return tuple(
        ExpectedArray(
            spec.name,
            spec.dtype,
            tuple(spec.shape),
            spec.size_bytes or math.prod(spec.shape) * ITEM_BYTES_MOST,
        )
        for spec in specs
    )


class TaskState(enum.Enum):
    """Where a task stands here; only an open one takes an update."""

    OPEN = "open"
    HELD = "held"
    REJECTED = "rejected"
    FAILED = "failed"
    OVER = "over"


@dataclass(slots=True)
class Task:
    """One task of one client.

    Parameters
    ----------
    task_id, node_id
        Its own id, and whose it is.
    session_id
        Of the process that it was handed to; empty where that is not known.
    exchange
        Round and message type.
    deadline
        In seconds of the selector's monotonic clock.
    mean
        Updates are merged here; otherwise each is forwarded.
    checked
        Updates are checked; otherwise they pass unread.
    expect
        The arrays that an update must bring, in order.
    """

    task_id: int
    node_id: int
    session_id: bytes
    exchange: Exchange
    deadline: float
    mean: bool
    checked: bool
    expect: tuple[ExpectedArray, ...] = ()
    state: TaskState = TaskState.OPEN
    upload: int = 0
    code: str = ""
    reason: str = ""
    held: intra.Held | None = None
    update_sha256: bytes = b""


@dataclass(frozen=True, slots=True)
class EndedTask:
    """What is remembered of a settled task, so that its client can be told again."""

    node_id: int
    round: RoundName
    outcome: pb.Outcome | None = field(compare=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What an update is answered with when it is not taken.

    Parameters
    ----------
    status, code, reason
        As in `Ack`.
    outcome
        To be sent to the client once more, if there is one.
    unknown
        Nothing is known of the task; only one who is checked in can be told so for certain.
    """

    status: pb.Ack.Status.ValueType
    code: str = ""
    reason: str = ""
    outcome: pb.Outcome | None = None
    unknown: bool = False


class TaskTable:
    """Every task from its hand-out to its outcome; it has no clock of its own.

    A task takes one upload at a time: a newer one supersedes an older, which then cannot be held.
    """

    def __init__(self) -> None:
        self._tasks: dict[int, Task] = {}
        self._by_exchange: dict[Exchange, dict[int, None]] = {}
        self._newest: dict[int, RoundName] = {}
        self._ended: OrderedDict[int, EndedTask] = OrderedDict()
        self._elsewhere: OrderedDict[int, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._tasks)

    def __iter__(self) -> Iterator[Task]:
        return iter(self._tasks.values())

    def get(self, task_id: int) -> Task | None:
        """Return a task that is not settled, if it is known here."""
        return self._tasks.get(task_id)

    def add(self, task: Task) -> Task:
        """Take a task over; one that is known already keeps its state and gets the new deadline.

        Returns
        -------
        Task
            The one that the table holds now.
        """
        known = self._tasks.get(task.task_id)
        if known is not None:
            known.deadline = task.deadline
            known.session_id = task.session_id or known.session_id
            return known
        self._tasks[task.task_id] = task
        self._by_exchange.setdefault(task.exchange, {})[task.task_id] = None
        newest = self._newest.get(task.node_id)
        if newest is None or newest < task.exchange.round:
            self._newest[task.node_id] = task.exchange.round
        return task

    def receive(self, task_id: int, node_id: int, session_id: bytes, now: float) -> Task | Answer:
        """Decide whether an update that begins to arrive is read.

        Parameters
        ----------
        task_id
            As its header says.
        node_id, session_id
            As its sender has proven.
        now
            In seconds of the clock of the deadlines.

        Returns
        -------
        Task or Answer
            The open task, or what to answer at once.
        """
        task = self._tasks.get(task_id)
        if task is None:
            return self._of_ended(task_id, node_id)
        if task.node_id != node_id:
            return Answer(pb.Ack.REJECTED, "not-yours", f"Task {task_id} is another client's.")
        if task.session_id and task.session_id != session_id:
            return Answer(
                pb.Ack.REJECTED,
                "not-yours",
                f"Task {task_id} was handed to another process of this client.",
            )
        if task.state is TaskState.OPEN and now > task.deadline:
            return Answer(pb.Ack.OVER, "late", f"The deadline of task {task_id} has passed.")
        return task if task.state is TaskState.OPEN else answer_for(task)

    def _of_ended(self, task_id: int, node_id: int) -> Answer:
        ended = self._ended.get(task_id)
        if ended is None:
            if self._elsewhere.get(task_id) == node_id:
                return Answer(pb.Ack.ALREADY_HELD)
            return Answer(
                pb.Ack.REJECTED,
                "unknown-task",
                f"Task {task_id} was never handed to this client here.",
                unknown=True,
            )
        if ended.node_id != node_id:
            return Answer(pb.Ack.REJECTED, "not-yours", f"Task {task_id} is another client's.")
        if ended.outcome is not None and ended.outcome.kind == pb.COUNTED:
            return Answer(pb.Ack.ALREADY_HELD, outcome=ended.outcome)
        newest = self._newest.get(node_id)
        if newest is not None and newest > ended.round:
            return Answer(
                pb.Ack.REJECTED,
                "wrong-round",
                f"Task {task_id} belongs to round {ended.round.server_round}, which is over; "
                f"this client's task is of round {newest.server_round}.",
                outcome=ended.outcome,
            )
        return Answer(
            pb.Ack.OVER,
            "late",
            f"Round {ended.round.server_round} of task {task_id} is over.",
            outcome=ended.outcome,
        )

    def note_held_elsewhere(self, task_id: int, node_id: int) -> None:
        """Note that another selector holds a task's update, so that its client can be told."""
        self._elsewhere[task_id] = node_id
        while len(self._elsewhere) > ENDED_MOST:
            self._elsewhere.popitem(last=False)

    def begin_upload(self, task: Task) -> int:
        """Begin to read an update of an open task; returns the upload's number."""
        task.upload += 1
        return task.upload

    def takes(self, task: Task, upload: int) -> bool:
        """Tell whether this upload can still be held: nothing newer came, nothing is over."""
        return (
            self._tasks.get(task.task_id) is task
            and task.state is TaskState.OPEN
            and task.upload == upload
        )

    def hold(self, task: Task, held: intra.Held) -> None:
        """Note that a task's update is checked and held; the task must be open."""
        self._end(task, TaskState.HELD)
        task.held = held

    def reject(self, task: Task, code: str, reason: str, update_sha256: bytes = b"") -> None:
        """Note that a task's update failed a check: the task takes no other."""
        self._end(task, TaskState.REJECTED, code, reason)
        task.update_sha256 = update_sha256

    def fail(self, task: Task, code: str, reason: str) -> None:
        """Note that a task failed at its client, or never reached it."""
        self._end(task, TaskState.FAILED, code, reason)

    def reopen(self, task: Task) -> None:
        """Let a task take an update again: what was held of it is lost."""
        task.state, task.held, task.code, task.reason = TaskState.OPEN, None, "", ""

    def cancel(self, task_ids: Iterable[int], reason: str) -> list[Task]:
        """End tasks that are still open.

        Returns
        -------
        list of Task
            Those that were.
        """
        found = [self._tasks[task_id] for task_id in task_ids if task_id in self._tasks]
        return self._over(found, "cancelled", reason)

    def close(self, exchange: Exchange) -> list[Task]:
        """End every open task of an exchange: its reporting is over.

        Returns
        -------
        list of Task
            Those that were open.
        """
        found = [self._tasks[task_id] for task_id in self._by_exchange.get(exchange, ())]
        return self._over(found, "late", "The round closed before this update was held.")

    def drop(self, round_name: RoundName) -> list[Task]:
        """Forget every task of a round, whatever its state.

        Returns
        -------
        list of Task
            Those; the open ones are over.
        """
        dropped = [task for task in self._tasks.values() if task.exchange.round == round_name]
        for task in dropped:
            self._forget(task, None)
        self._over(dropped, "round-abandoned", "The round was abandoned.")
        return dropped

    def settle(self, node_id: int, outcome: pb.Outcome) -> Task | None:
        """Forget a task whose outcome is known, but for what its client may ask again.

        Returns
        -------
        Task or None
            The task, over if it was open; None if it was not known here.
        """
        task = self._tasks.get(outcome.task_id)
        if task is None or task.node_id != node_id:
            self._remember(
                outcome.task_id, EndedTask(node_id, RoundName.of(outcome.round), outcome)
            )
            return None
        self._forget(task, outcome)
        self._over([task], "late", "The round is over.")
        return task

    def clear(self) -> list[Task]:
        """Forget everything: the coordinator knows none of it any more.

        Returns
        -------
        list of Task
            Those that were open, now over.
        """
        tasks = list(self._tasks.values())
        self._tasks.clear()
        self._by_exchange.clear()
        self._newest.clear()
        self._ended.clear()
        self._elsewhere.clear()
        return self._over(tasks, "late", "The coordinator began anew, and the round with it.")

    def _end(self, task: Task, state: TaskState, code: str = "", reason: str = "") -> None:
        task.state, task.code, task.reason = state, code, reason

    def _over(self, tasks: Iterable[Task], code: str, reason: str) -> list[Task]:
        was_open = [task for task in tasks if task.state is TaskState.OPEN]
        for task in was_open:
            self._end(task, TaskState.OVER, code, reason)
        return was_open

    def _forget(self, task: Task, outcome: pb.Outcome | None) -> None:
        del self._tasks[task.task_id]
        members = self._by_exchange[task.exchange]
        del members[task.task_id]
        if not members:
            del self._by_exchange[task.exchange]
        self._remember(task.task_id, EndedTask(task.node_id, task.exchange.round, outcome))

    def _remember(self, task_id: int, ended: EndedTask) -> None:
        self._ended[task_id] = ended
        while len(self._ended) > ENDED_MOST:
            self._ended.popitem(last=False)


def answer_for(task: Task) -> Answer:
    """Say what an update of a task that is not open is answered with."""
    if task.state is TaskState.HELD:
        return Answer(pb.Ack.ALREADY_HELD)
    if task.state is TaskState.REJECTED:
        return Answer(pb.Ack.REJECTED, task.code, task.reason)
    return Answer(pb.Ack.OVER, task.code, task.reason)
