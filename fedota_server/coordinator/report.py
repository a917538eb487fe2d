"""What is written down about a round that has ended: its row in the history, its event."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from fedota_proto.v1 import fl_status_pb2 as pb
from fedota_server.coordinator.exchange import Exchange
from fedota_server.coordinator.history import (
    ABANDONED,
    COUNTED,
    LATE,
    REJECTED,
    EvaluationRow,
    RoundRow,
    UpdateEntry,
)
from fedota_server.coordinator.round_key import RoundKey
from fedota_server.coordinator.round_stage import RoundStage
from fedota_server.coordinator.tasks import TaskState


@dataclass(frozen=True, slots=True)
class Totals:
    """What an exchange came to."""

    reported: int
    failed: int
    rejected: int
    weight: float
    received_bytes: int
    nodes: tuple[int, ...]


def totals_of(exchange: Exchange) -> Totals:
    """Sum up an exchange that is over.

    Returns
    -------
    Totals
        `nodes` are those whose update was counted.
    """
    tasks = list(exchange.book.all())
    counted = [task for task in tasks if task.state is TaskState.COUNTED]
    return Totals(
        reported=len(counted),
        failed=sum(1 for task in tasks if task.state is TaskState.FAILED),
        rejected=sum(1 for task in tasks if task.state is TaskState.REJECTED),
        weight=math.fsum(task.entry.weight for task in counted if task.entry is not None),
        received_bytes=sum(task.size_bytes for task in tasks),
        nodes=tuple(task.node_id for task in counted),
    )


def entries_of(exchange: Exchange, *, completed: bool) -> tuple[UpdateEntry, ...]:
    """List what became of each update of an exchange that is over."""
    entries = []
    for task in exchange.book.all():
        if task.state is TaskState.REJECTED:
            outcome = REJECTED
        elif task.state not in (TaskState.COUNTED, TaskState.OVER):
            continue
        elif not completed:
            outcome = ABANDONED
        else:
            outcome = COUNTED if task.state is TaskState.COUNTED else LATE
        entry = task.entry
        entries.append(
            UpdateEntry(
                node_id=task.node_id,
                task_id=task.task_id,
                outcome=outcome,
                weight=entry.weight if entry is not None else 0.0,
                update_sha256=entry.update_sha256 if entry is not None else b"",
                code=task.code if outcome == REJECTED else "",
                reason=task.reason if outcome == REJECTED else "",
            )
        )
    return tuple(entries)


def round_row(
    key: RoundKey,
    stage: RoundStage,
    exchange: Exchange | None,
    *,
    ended_unix_s: float,
    admitted: int,
    metrics: Mapping[str, float],
    reason: str = "",
    abandoned_in: str = "",
) -> RoundRow:
    """Write the row of a round that has ended; it completed if `abandoned_in` is empty."""
    totals = totals_of(exchange) if exchange is not None else Totals(0, 0, 0, 0.0, 0, ())
    completed = not abandoned_in
    return RoundRow(
        generation=key.generation,
        server_round=key.server_round,
        attempt=key.attempt,
        completed=completed,
        ended_unix_s=ended_unix_s,
        reason=reason,
        abandoned_in=abandoned_in,
        stage_s={name: round(spent, 6) for name, spent in stage.stage_s.items()},
        admitted=admitted,
        reported=totals.reported,
        failed=totals.failed,
        rejected=totals.rejected,
        weight=totals.weight,
        metrics=dict(metrics),
        received_bytes=totals.received_bytes,
        sent_bytes=exchange.sent_bytes if exchange is not None else 0,
        entries=entries_of(exchange, completed=completed) if exchange is not None else (),
    )


def named(values: Mapping[str, float]) -> list[pb.NamedValue]:
    """Write named numbers for the wire."""
    return [pb.NamedValue(name=name, value=value) for name, value in values.items()]


def round_ended(row: RoundRow) -> pb.Event:
    """Write a row as the event that reports it."""
    return pb.Event(
        round=pb.RoundEnded(
            round=RoundKey(*row.key).to_proto(),
            completed=row.completed,
            reason=row.reason,
            abandoned_in=row.abandoned_in,
            admitted=row.admitted,
            reported=row.reported,
            failed=row.failed,
            rejected=row.rejected,
            weight=row.weight,
            train_metrics=named(row.metrics),
            stage_s=named(row.stage_s),
            received_bytes=row.received_bytes,
            sent_bytes=row.sent_bytes,
        )
    )


def evaluated(row: EvaluationRow) -> pb.Event:
    """Write an evaluation's row as the event that reports it."""
    return pb.Event(
        evaluated=pb.Evaluated(
            round=RoundKey(*row.key).to_proto(),
            metrics=named(row.metrics),
            clients=row.clients,
            weight=row.weight,
        )
    )
