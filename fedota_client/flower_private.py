"""What a client needs of Flower that is private there.

Everything else comes from `flwr.app` and `flwr.clientapp`. A test fails when a new Flower moves
what stands here.
"""

from __future__ import annotations

import time

from flwr.app import DEFAULT_TTL, Message, Metadata, RecordDict
from flwr.common.constant import SUPERLINK_NODE_ID
from flwr.supercore.task_identity import TaskIdentity


def take_identity(run_id: int, node_id: int) -> None:
    """Tell Flower who this process is, without which an app can make no message.

    Parameters
    ----------
    run_id, node_id
        Of the one run and node that this process serves; Flower keeps them for the whole process.
    """
    TaskIdentity.run_id = run_id
    TaskIdentity.node_id = node_id


def instruction(
    content: RecordDict,
    *,
    run_id: int,
    node_id: int,
    task_id: int,
    message_id: str,
    group_id: str,
    message_type: str,
    ttl_s: float = 0.0,
) -> Message:
    """Make a message as Flower's own client makes it of what it received.

    Parameters
    ----------
    content
        The message's records.
    run_id, node_id
        Of this process.
    task_id
        Of this task.
    message_id, group_id, message_type
        As the server side made them.
    ttl_s
        Seconds for which it is valid; 0 takes Flower's default.

    Returns
    -------
    Message
        From the server to this node.

    Raises
    ------
    ValueError
        If Flower knows no such message type.
    """
    TaskIdentity.task_id = task_id
    metadata = Metadata(
        run_id=run_id,
        message_id=message_id,
        src_node_id=SUPERLINK_NODE_ID,
        dst_node_id=node_id,
        reply_to_message_id="",
        group_id=group_id,
        created_at=time.time(),
        ttl=ttl_s or DEFAULT_TTL,
        message_type=message_type,
    )
    return Message(content=content, metadata=metadata)  # type: ignore[call-overload,no-any-return]
