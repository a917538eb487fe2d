"""What is private in Flower 1.41 and cannot be avoided; all of it is in this module.

A test fails loudly when a new Flower moves any of it.
"""

from __future__ import annotations

import logging
from pathlib import Path

from flwr.app import Context, Error, Message, RecordDict, UserConfig
from flwr.common.constant import SUPERLINK_NODE_ID, ErrorCode
from flwr.proto.node_pb2 import NodeInfo
from flwr.serverapp import ServerApp
from flwr.supercore.logger import LOGGER_NAME
from flwr.supercore.object_ref import load_app
from flwr.supercore.run import Run
from flwr.supercore.task_identity import TaskIdentity

from fedota_proto.errors import UsageError

__all__ = ["NodeInfo", "Run"]

NODE_UNAVAILABLE: int = ErrorCode.NODE_UNAVAILABLE
CLIENT_FAILED: int = ErrorCode.CLIENT_APP_RAISED_EXCEPTION
REPLY_UNAVAILABLE: int = ErrorCode.REPLY_MESSAGE_UNAVAILABLE


def take_identity(run_id: int) -> None:
    """Make this process the one ServerApp of a run: `Message` cannot be made without.

    The identity is global to the process, hence one coordinator process per problem.
    """
    TaskIdentity.task_id = 1
    TaskIdentity.run_id = run_id
    TaskIdentity.node_id = SUPERLINK_NODE_ID


def log_as_we_do() -> None:
    """Let Flower's log go to the process's own, in place of a console of its own."""
    logging.getLogger(LOGGER_NAME).handlers.clear()


def new_run(run_id: int) -> Run:
    """Make the run that a Grid tells its app about."""
    return Run.create_empty(run_id)


def new_context(run_id: int, run_config: UserConfig) -> Context:
    """Make the context of a ServerApp."""
    return Context(
        run_id=run_id,
        node_id=SUPERLINK_NODE_ID,
        node_config={},
        state=RecordDict(),
        run_config=run_config,
    )


def name_message(message: Message, message_id: str) -> None:
    """Give a message its id, as Flower's own Grids do when it is pushed."""
    message.metadata.__dict__["_message_id"] = message_id


def emptied(message: Message) -> Message:
    """Copy a message without its content, so that a reply can be made to it later.

    The content is not kept alive by it.
    """
    return Message(content=RecordDict(), metadata=message.metadata)  # type: ignore[call-overload,no-any-return]


def reply_with(to: Message, content: RecordDict, message_id: str) -> Message:
    """Make the reply to a message."""
    reply = Message(content, reply_to=to)
    name_message(reply, message_id)
    return reply


def error_reply(to: Message, error: Error, message_id: str) -> Message:
    """Make the error that comes in a reply's place."""
    reply = Message(error, reply_to=to)
    name_message(reply, message_id)
    return reply


def error_of(code: str, reason: str) -> Error:
    """Write one of our failures as Flower's error."""
    if code in ("gone", "left", "not-delivered"):
        return Error(NODE_UNAVAILABLE, reason)
    if code in ("late", "round-abandoned"):
        return Error(REPLY_UNAVAILABLE, reason)
    return Error(CLIENT_FAILED, reason)


def load_server_app(reference: str, folder: Path) -> ServerApp:
    """Load a Flower app's server side, unmodified.

    Parameters
    ----------
    reference
        ``module:attribute``, as in pyproject.toml.
    folder
        Put in front of the import path, for as long as the process runs.

    Raises
    ------
    UsageError
        The reference leads to no ServerApp.
    """
    app = load_app(reference, UsageError, str(folder))
    if not isinstance(app, ServerApp):
        raise UsageError(f"serverapp = {reference!r} in {folder} is no ServerApp.")
    return app
