"""What each task of an exchange came to, once its round has ended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fedota_proto.v1 import fl_round_pb2 as pb
from fedota_server.coordinator.tasks import Entry, Task, TaskBook, TaskState

if TYPE_CHECKING:
    from fedota_proto.v1.fl_round_pb2 import OutcomeKind


@dataclass(frozen=True, slots=True)
class SettledTask:
    """A task whose client is owed an outcome."""

    task: Task
    kind: OutcomeKind.ValueType
    code: str
    reason: str
    entry: Entry | None


def settled_tasks(book: TaskBook, *, completed: bool, reason: str) -> Iterator[SettledTask]:
    """Say what became of every update of an exchange that is over.

    Parameters
    ----------
    book
        Its tasks.
    completed
        Whether its round completed.
    reason
        Why not, in a sentence.

    Yields
    ------
    SettledTask
        Counted, late, or part of an abandoned round. Rejections have been told when they happened;
        who reported a failure knows.
    """
    for task in book.all():
        if task.state not in (TaskState.COUNTED, TaskState.OVER):
            continue
        if not completed:
            yield SettledTask(task, pb.ROUND_ABANDONED, "", reason, task.entry)
        elif task.state is TaskState.COUNTED:
            yield SettledTask(task, pb.COUNTED, "", "", task.entry)
        else:
            yield SettledTask(task, pb.LATE, "late", task.reason, task.entry)
