"""What clients ask through their selector."""

from __future__ import annotations

import asyncio

from fedota_proto.v1 import fl_intra_pb2 as pb
from fedota_proto.v1 import fl_round_pb2

from .conftest import MakeWorld, toml_of
from .scripted_selector import ScriptedSelector


async def asked(selector: ScriptedSelector, ask_id: int, **what: object) -> pb.Answer:
    """Pass a question on, and wait for its first answer."""
    selector.say(ask=pb.Ask(ask_id=ask_id, node_id=1, **what))  # type: ignore[arg-type]
    message = await selector.messages.until(
        lambda m: m.HasField("answer") and m.answer.ask_id == ask_id
    )
    return message.answer


async def test_describe_says_what_the_problem_is_and_where_it_stands(
    make_world: MakeWorld,
) -> None:
    world = await make_world(toml_of(rounds=1))
    one = await world.attached(1, 1, 2, 3)
    await world.webserver.state("completed")
    for kind in ("train", "evaluate"):
        await one.outcome_of(await one.task_of(1, 1, kind))
    described = (await asked(one, 5, describe=True)).describe
    assert described.problem_id == world.keys.problem_id
    assert described.problem_toml == toml_of(rounds=1)
    assert '"layers/b/vars/0"' in described.manifest_json
    assert (described.state, described.completed_round) == ("completed", 1)
    assert [o.kind for o in described.outcomes] == [fl_round_pb2.COUNTED] * 2
    assert [a.address for a in described.selectors] == ["127.0.0.1:9001"]


async def test_the_problems_file_comes_whole(make_world: MakeWorld) -> None:
    world = await make_world()
    large = bytes(range(256)) * 10_000
    (world.folder / "model.keras").write_bytes(large)
    one = await world.attached(1, 1)
    fetch = fl_round_pb2.FetchRequest(model_file=True)
    first = (await asked(one, 6, fetch=fetch)).file
    assert (first.size_bytes, first.sha256) == (len(large), bytes.fromhex("ab" * 32))
    parts = [first.data]
    seen = 0
    async with asyncio.timeout(20):
        while sum(map(len, parts)) < len(large):
            message = await one.messages.until(
                lambda m: m.HasField("answer") and m.answer.file.size_bytes == 0, after=seen
            )
            seen = one.messages.items.index(message) + 1
            parts.append(message.answer.file.data)
    assert b"".join(parts) == large


async def test_a_round_that_is_not_completed_has_no_model(make_world: MakeWorld) -> None:
    world = await make_world()
    one = await world.attached(1, 1)
    answer = await asked(one, 7, fetch=fl_round_pb2.FetchRequest(server_round=1))
    assert answer.refusal.code == "checkpoint"
    assert "not completed" in answer.refusal.reason


async def test_leaving_ends_the_membership(make_world: MakeWorld) -> None:
    world = await make_world()
    one = await world.attached(1, 1)
    tell = fl_round_pb2.TellRequest(kind=fl_round_pb2.TellRequest.LEAVING)
    assert (await asked(one, 8, tell=tell)).HasField("tell")
    await world.webserver.events.until(lambda e: e.member.change == "left")
    (verdict,) = await one.join(1)
    assert not verdict.accepted
    assert "ended by its holder" in verdict.refusal.reason


async def test_a_client_that_is_ready_is_reported(make_world: MakeWorld) -> None:
    world = await make_world()
    one = await world.attached(1, 1)
    ready = fl_round_pb2.TellRequest(kind=fl_round_pb2.TellRequest.READY)
    await asked(one, 9, tell=ready)
    event = await world.webserver.events.until(lambda e: e.member.change == "ready")
    assert event.member.node_id == 1
