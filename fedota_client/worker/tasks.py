"""One task as the worker sees it, and what both kinds of runner have in common."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from fedota_client.failures import TaskFailedError
from fedota_proto.records import Records

PROGRESS_EVERY_S = 0.2


@dataclass(frozen=True, slots=True)
class Task:
    """What the client asks for.

    Parameters
    ----------
    task_id, message_type, node_id, message_id, group_id
        As in ``fl_round.proto``.
    server_round
        0 where there are no rounds.
    deadline_s
        Seconds from its arrival; 0: none.
    """

    task_id: int
    message_type: str
    node_id: int
    server_round: int = 0
    deadline_s: float = 0.0
    message_id: str = ""
    group_id: str = ""

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Task:
        """Read the fields of a ``task`` frame."""
        return cls(
            task_id=int(fields["task_id"]),
            message_type=str(fields["message_type"]),
            node_id=int(fields["node_id"]),
            server_round=int((fields.get("round") or {}).get("server_round", 0)),
            deadline_s=float(fields.get("deadline_s") or 0.0),
            message_id=str(fields.get("message_id", "")),
            group_id=str(fields.get("group_id", "")),
        )


OnBatch = Callable[[int, int, int, Any], None]


class TaskRunner(Protocol):
    """Does tasks, one at a time.

    `names_updates` says whether an update's hash is wanted, for the receipt.
    """

    names_updates: bool

    def loaded(self) -> dict[str, Any]:
        """Return the fields of the ``loaded`` frame."""
        ...

    def aside(self) -> dict[str, Any]:
        """Return what the client alone is told of the last update; it does not leave the machine.

        Returns
        -------
        dict
            Fields of the ``result`` frame: ``privacy``, or nothing.
        """
        ...

    def run(self, task: Task, records: Records, progress: Progress) -> Records:
        """Do one task.

        Parameters
        ----------
        task, records
            What is asked, and its payload.
        progress
            Told of each batch.

        Returns
        -------
        Records
            The update.

        Raises
        ------
        TaskFailedError
            If the task brings no update.
        """
        ...


class Progress:
    """Passes a task's progress on, not too often, and ends a cancelled task at its next batch.

    Parameters
    ----------
    is_cancelled
        Asked after each batch.
    send
        Given the fields of a ``progress`` frame.
    epochs
        Passes that the task takes.
    clock
        Seconds.
    """

    def __init__(
        self,
        is_cancelled: Callable[[], bool],
        send: Callable[[dict[str, Any]], None],
        *,
        epochs: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._is_cancelled = is_cancelled
        self._send = send
        self._clock = clock
        self._next_s = clock() + PROGRESS_EVERY_S
        self.epochs = epochs

    def __call__(self, epoch: int, batch: int, batches: int, loss: Any) -> None:
        """Take note of a batch that is done.

        Parameters
        ----------
        epoch, batch
            From 1.
        batches
            In an epoch.
        loss
            Of the batch, a number or a tensor.

        Raises
        ------
        TaskFailedError
            ``cancelled``: the client wants no more of it.
        """
        if self._is_cancelled():
            raise TaskFailedError("cancelled", "The task was cancelled.")
        now_s = self._clock()
        if now_s < self._next_s:
            return
        self._next_s = now_s + PROGRESS_EVERY_S
        self._send(
            {
                "epoch": epoch,
                "epochs": self.epochs,
                "batch": batch,
                "batches": batches,
                "loss": float(loss),
            }
        )


def task_seed(problem_seed: int, server_round: int, node_id: int) -> int:
    """Make the seed of everything random in a task.

    The attempt is no part of it: a round that is repeated brings the same update.

    Parameters
    ----------
    problem_seed
        From problem.toml.
    server_round
        From 1.
    node_id
        Random for each membership, so that no two problems share it.

    Returns
    -------
    int
        63 bits.
    """
    text = f"fedota seed {problem_seed} {server_round} {node_id}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
