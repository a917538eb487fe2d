"""What is private in Flower and used by the client: these fail when a new Flower moves it."""

from __future__ import annotations

import pytest
from flwr.app import DEFAULT_TTL, ConfigRecord, Message, RecordDict

from fedota_client.flower_private import instruction, take_identity


def make(message_type: str = "train", **given: float) -> Message:
    return instruction(
        RecordDict({"config": ConfigRecord({"server-round": 3})}),
        run_id=11,
        node_id=22,
        task_id=33,
        message_id="m-1",
        group_id="3",
        message_type=message_type,
        **given,
    )


def test_an_instruction_is_as_flowers_client_makes_it() -> None:
    message = make("query.pretrain", ttl_s=60.0)

    assert message.content["config"] == {"server-round": 3}
    metadata = message.metadata
    assert (metadata.run_id, metadata.dst_node_id, metadata.message_id) == (11, 22, "m-1")
    assert (metadata.group_id, metadata.message_type, metadata.ttl) == ("3", "query.pretrain", 60.0)
    assert make().metadata.ttl == DEFAULT_TTL


def test_a_reply_to_it_goes_back_to_the_server() -> None:
    take_identity(run_id=11, node_id=22)
    message = make()

    reply = Message(RecordDict(), reply_to=message)

    assert reply.metadata.src_node_id == 22
    assert reply.metadata.dst_node_id == message.metadata.src_node_id == 1
    assert reply.metadata.reply_to_message_id == "m-1"
    assert (reply.metadata.run_id, reply.metadata.group_id) == (11, "3")


def test_an_app_can_make_messages_of_its_own() -> None:
    take_identity(run_id=11, node_id=22)
    make()

    assert Message(RecordDict(), dst_node_id=1, message_type="train").metadata.src_node_id == 22


def test_a_message_type_that_flower_does_not_know_is_refused() -> None:
    with pytest.raises(ValueError, match="Invalid message type"):
        make("nonsense")
