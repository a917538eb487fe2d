"""What an exchange tells selectors, written for the wire."""

from __future__ import annotations

from collections.abc import Iterable

from fedota_proto.v1 import fl_intra_pb2 as pb
from fedota_server.coordinator.messages import ExchangePlan
from fedota_server.coordinator.tasks import Task


def hand_out(
    plan: ExchangePlan, content_id: int, tasks: Iterable[Task], left_s: float
) -> pb.CoordinatorMessage:
    """Hand tasks with one content out; the deadline is in `left_s` seconds."""
    message = pb.HandOut(
        content_id=content_id,
        round=plan.key.to_proto(),
        message_type=plan.message_type,
        deadline_s=left_s,
        mean=plan.mean,
        checked=plan.checked,
        expect=plan.expect,
        tasks=[
            pb.HandOutTask(
                task_id=task.task_id,
                node_id=task.node_id,
                message_id=task.message_id,
                group_id=task.group_id,
            )
            for task in tasks
        ],
    )
    return pb.CoordinatorMessage(hand_out=message)


def expected_task(
    plan: ExchangePlan, task: Task, left_s: float, *, resend: bool
) -> pb.ExpectedTask:
    """Say what a selector must know to take a task's update."""
    return pb.ExpectedTask(
        task_id=task.task_id,
        node_id=task.node_id,
        round=plan.key.to_proto(),
        message_type=plan.message_type,
        deadline_s=left_s,
        mean=plan.mean,
        checked=plan.checked,
        expect=plan.expect,
        resend=resend,
    )


def to_client(expected: pb.ExpectedTask) -> pb.CoordinatorMessage:
    """Have a selector take a task over that its client has."""
    return pb.CoordinatorMessage(to_client=pb.ToClient(node_id=expected.node_id, expected=expected))


def cancel(tasks: Iterable[Task], reason: str) -> pb.CoordinatorMessage:
    """Have tasks stopped that are still worked on."""
    task_ids = [task.task_id for task in tasks]
    return pb.CoordinatorMessage(cancel=pb.CancelTasks(task_ids=task_ids, reason=reason))


def close_partial(plan: ExchangePlan, close_id: int) -> pb.CoordinatorMessage:
    """Ask for the partial of an exchange."""
    close = pb.ClosePartial(
        close_id=close_id, round=plan.key.to_proto(), message_type=plan.message_type
    )
    return pb.CoordinatorMessage(close=close)


def drop(plan: ExchangePlan) -> pb.CoordinatorMessage:
    """Have a round's tasks, and what was merged for them, forgotten."""
    return pb.CoordinatorMessage(drop=pb.DropTasks(round=plan.key.to_proto()))
