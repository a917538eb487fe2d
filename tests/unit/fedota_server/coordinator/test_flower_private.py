"""Fails loudly when a new Flower moves what is private in it and cannot be avoided."""

from __future__ import annotations

import importlib.metadata
import inspect
import logging
from pathlib import Path

import pytest
from flwr.app import Error, Message, MessageType, RecordDict
from flwr.serverapp import Grid, ServerApp
from flwr.supercore.task_identity import TaskIdentity

from fedota_proto.errors import UsageError
from fedota_server.coordinator import flower_private
from fedota_server.coordinator.grid import SelectorGrid


@pytest.fixture(autouse=True)
def _identity() -> None:
    flower_private.take_identity(77)


def test_flower_is_the_release_that_this_was_written_for() -> None:
    assert importlib.metadata.version("flwr").startswith("1.41."), (
        "look through flower_private.py and this file before taking another Flower"
    )


def test_the_process_identity_is_where_messages_look_for_it() -> None:
    assert (TaskIdentity.task_id, TaskIdentity.run_id, TaskIdentity.node_id) == (1, 77, 1)
    message = Message(RecordDict(), dst_node_id=5, message_type=MessageType.TRAIN)
    assert (message.metadata.run_id, message.metadata.src_node_id) == (77, 1)


def test_a_message_is_named_and_replied_to() -> None:
    message = Message(RecordDict(), dst_node_id=5, message_type="train", group_id="g")
    assert message.metadata.message_id == ""
    flower_private.name_message(message, "m1")
    stub = flower_private.emptied(message)
    assert not stub.content
    reply = flower_private.reply_with(stub, RecordDict(), "r1")
    assert (reply.metadata.reply_to_message_id, reply.metadata.message_id) == ("m1", "r1")
    assert (reply.metadata.src_node_id, reply.metadata.dst_node_id) == (5, 1)
    assert (reply.metadata.message_type, reply.metadata.group_id) == ("train", "g")
    assert reply.has_content()
    failed = flower_private.error_reply(stub, Error(3, "no"), "r2")
    assert failed.has_error()
    assert (failed.error.code, failed.error.reason) == (3, "no")


@pytest.mark.parametrize(
    ("code", "flower"),
    [
        ("gone", flower_private.NODE_UNAVAILABLE),
        ("left", flower_private.NODE_UNAVAILABLE),
        ("late", flower_private.REPLY_UNAVAILABLE),
        ("worker", flower_private.CLIENT_FAILED),
    ],
)
def test_failures_have_flowers_codes(code: str, flower: int) -> None:
    error = flower_private.error_of(code, "why")
    assert (error.code, error.reason) == (flower, "why")
    assert len({flower_private.NODE_UNAVAILABLE, flower_private.CLIENT_FAILED}) == 2


def test_a_run_and_a_context_can_be_made() -> None:
    run = flower_private.new_run(77)
    assert run.run_id == 77
    context = flower_private.new_context(77, {"lr": 0.1})
    assert (context.run_id, context.run_config) == (77, {"lr": 0.1})


def test_an_app_is_loaded_from_its_folder(tmp_path: Path) -> None:
    (tmp_path / "loaded_here.py").write_text(
        "from flwr.serverapp import ServerApp\napp = ServerApp()\nother = 1\n"
    )
    assert isinstance(flower_private.load_server_app("loaded_here:app", tmp_path), ServerApp)
    with pytest.raises(UsageError, match="is no ServerApp"):
        flower_private.load_server_app("loaded_here:other", tmp_path)
    with pytest.raises(UsageError, match="lacking"):
        flower_private.load_server_app("loaded_here:lacking", tmp_path)


def test_flower_logs_as_the_process_does() -> None:
    flower_private.log_as_we_do()
    logger = logging.getLogger("flwr")
    assert not logger.handlers
    assert logger.propagate


def test_the_grid_has_all_of_the_grids_methods() -> None:
    public = {name for name in vars(Grid) if not name.startswith("_")}
    assert public == {
        "set_run",
        "run",
        "create_message",
        "get_node_ids",
        "get_nodes",
        "push_messages",
        "pull_messages",
        "send_and_receive",
    }
    assert not inspect.isabstract(SelectorGrid)
    assert public <= set(vars(SelectorGrid))
    for name in public - {"run"}:
        theirs = inspect.signature(getattr(Grid, name)).parameters
        ours = inspect.signature(getattr(SelectorGrid, name)).parameters
        assert list(theirs) == list(ours), name
