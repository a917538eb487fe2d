"""Questions that are passed on, files that are kept, and uploads that have to wait."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from typing import Any

import grpc.aio
import numpy as np
import pytest

from fedota_proto.errors import AuthenticationError, BusyError, CheckpointError, UnreachableError
from fedota_proto.grpc_errors import from_rpc_error
from fedota_proto.records import ArrayBytes, Records, to_payload
from fedota_proto.v1 import fl_intra_pb2 as intra
from fedota_proto.v1 import fl_round_pb2 as pb
from fedota_proto.wire import says_go
from fedota_server.authority import ProblemKeys

from .clients import Client, translated, update
from .conftest import MakeClient, RunningSelector, StartSelector
from .scripted_coordinator import WAIT_S, ScriptedCoordinator, model

FILE = bytes(range(256)) * 10_000


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not condition():  # noqa: ASYNC110 - the budget tells nobody when it changes
            await asyncio.sleep(0)


async def fetched(one: Client, request: pb.FetchRequest) -> bytes:
    call = one.stub.Fetch(request, metadata=await one.metadata("Fetch"), timeout=WAIT_S)
    try:
        chunks: list[Any] = [chunk async for chunk in call]
    except grpc.aio.AioRpcError as error:
        raise from_rpc_error(error) from error
    assert chunks[0].sha256 == hashlib.sha256(FILE).digest()
    assert chunks[0].size_bytes == len(FILE)
    return b"".join(chunk.data for chunk in chunks)


async def answer_with_file(coordinator: ScriptedCoordinator, ask_id: int) -> None:
    digest = hashlib.sha256(FILE).digest()
    for start in range(0, len(FILE), 1 << 20):
        chunk = pb.FileChunk(data=FILE[start : start + (1 << 20)])
        if not start:
            chunk.size_bytes, chunk.sha256 = len(FILE), digest
        await coordinator.send(answer=intra.Answer(ask_id=ask_id, file=chunk))


async def test_describe_needs_the_invite_alone_and_binds_nothing(
    coordinator: ScriptedCoordinator, client: MakeClient
) -> None:
    ann = client(1)
    call = ann.stub.Describe(
        pb.DescribeRequest(), metadata=await ann.metadata("Describe"), timeout=WAIT_S
    )
    asking = asyncio.ensure_future(translated(call))
    ask = await coordinator.heard.one("ask", node_id=1)
    reply = pb.DescribeReply(problem_id="abc123", state="running")
    await coordinator.send(answer=intra.Answer(ask_id=ask.ask_id, describe=reply))
    assert await asking == reply
    assert not coordinator.heard.all("client_open")
    with pytest.raises(AuthenticationError, match="not checked in"):
        await fetched(ann, pb.FetchRequest(model_file=True))


async def test_tell_binds_and_is_passed_on(
    coordinator: ScriptedCoordinator, client: MakeClient
) -> None:
    ann = client(1)
    call = ann.stub.Tell(
        pb.TellRequest(kind=pb.TellRequest.READY),
        metadata=await ann.metadata("Tell"),
        timeout=WAIT_S,
    )
    asking = asyncio.ensure_future(translated(call))
    ask = await coordinator.heard.one("ask", node_id=1)
    assert (await coordinator.heard.one("client_open", node_id=1)).bind_only
    assert ask.tell.kind == pb.TellRequest.READY
    await coordinator.send(answer=intra.Answer(ask_id=ask.ask_id, tell=pb.TellReply()))
    assert await asking == pb.TellReply()


async def test_a_client_that_says_it_stops_is_gone_for_that_reason(
    coordinator: ScriptedCoordinator, client: MakeClient
) -> None:
    ann = client(1)
    await ann.join()
    request = pb.TellRequest(kind=pb.TellRequest.AWAY, away_until_unix_s=2e9)
    call = ann.stub.Tell(request, metadata=await ann.metadata("Tell"), timeout=WAIT_S)
    asking = asyncio.ensure_future(translated(call))
    ask = await coordinator.heard.one("ask", node_id=1)
    await coordinator.send(answer=intra.Answer(ask_id=ask.ask_id, tell=pb.TellReply()))
    await asking
    await ann.leave()
    gone = await coordinator.heard.one("client_gone", node_id=1)
    assert (gone.reason, gone.away_until_unix_s) == ("away", 2e9)


async def test_a_file_comes_once_for_all_who_fetch_it(
    coordinator: ScriptedCoordinator, client: MakeClient
) -> None:
    clients = [client(node) for node in (1, 2, 3)]
    for one in clients:
        await one.join()
    request = pb.FetchRequest(model_file=True)
    fetching = [asyncio.ensure_future(fetched(one, request)) for one in clients]
    ask = await coordinator.heard.one("ask")
    await answer_with_file(coordinator, ask.ask_id)
    assert await asyncio.gather(*fetching) == [FILE] * 3
    assert await fetched(clients[0], request) == FILE
    assert len(coordinator.heard.all("ask")) == 1


async def test_a_file_that_is_not_there_is_refused_and_may_be_asked_for_again(
    coordinator: ScriptedCoordinator, client: MakeClient
) -> None:
    ann = client(1)
    await ann.join()
    request = pb.FetchRequest(server_round=7)
    fetching = asyncio.ensure_future(fetched(ann, request))
    ask = await coordinator.heard.one("ask")
    refusal = pb.Refusal(code="checkpoint", reason="Round 7 is not kept.")
    await coordinator.send(answer=intra.Answer(ask_id=ask.ask_id, refusal=refusal))
    with pytest.raises(CheckpointError, match="Round 7 is not kept"):
        await fetching
    fetching = asyncio.ensure_future(fetched(ann, request))
    await coordinator.heard.until(lambda: len(coordinator.heard.all("ask")) == 2)
    await answer_with_file(coordinator, coordinator.heard.all("ask")[-1].ask_id)
    assert await fetching == FILE


async def test_who_asks_when_the_coordinator_is_lost_is_told_so(
    coordinator: ScriptedCoordinator, client: MakeClient
) -> None:
    ann = client(1)
    await ann.join()
    metadata = await ann.metadata("Describe")
    call = ann.stub.Describe(pb.DescribeRequest(), metadata=metadata, timeout=WAIT_S)
    asking = asyncio.ensure_future(translated(call))
    await coordinator.heard.one("ask")
    await coordinator.break_stream()
    with pytest.raises(UnreachableError, match="coordinator"):
        await asking


async def test_an_upload_waits_for_its_place_in_the_budget(
    coordinator: ScriptedCoordinator, keys: ProblemKeys, start_selector: StartSelector
) -> None:
    selector, port = await start_selector(byte_budget_bytes=1 << 20, bdp_probe=False)
    ann, bob = Client(keys, port, 1), Client(keys, port, 2)
    await ann.join()
    await bob.join()
    big = Records(
        arrays={"arrays": {"w": ArrayBytes.from_numpy(np.ones(200_000, np.float32))}},
        metrics={"metrics": {"num-examples": 1, "loss": 1.0}},
    )
    await coordinator.hand_out({11: 1, 12: 2}, model(0.0), specs=(("w", "float32", (200_000,)),))
    await ann.task(11)
    await bob.task(12)
    payload, chunks = to_payload(big)
    call = await ann.open_update(pb.UpdateHeader(task_id=11, payload=payload))
    budget = selector.state.budget
    await until(lambda: budget.used_bytes)
    sending = asyncio.ensure_future(bob.send(12, big))
    await until(lambda: budget.waiting)
    assert not sending.done()
    assert selector.state.received_bytes == 0
    assert says_go(await call.initial_metadata())
    for chunk in chunks:
        await call.write(pb.UpdateMessage(chunk=bytes(chunk)))
    await call.done_writing()
    assert (await call).status == pb.Ack.HELD
    assert (await sending).status == pb.Ack.HELD
    assert selector.state.budget.used_bytes == 0
    for one in (ann, bob):
        await one.close()


async def test_an_update_that_is_not_taken_sends_no_chunk(
    coordinator: ScriptedCoordinator, keys: ProblemKeys, start_selector: StartSelector
) -> None:
    selector, port = await start_selector(byte_budget_bytes=1 << 20, bdp_probe=False)
    ann, bob = Client(keys, port, 1), Client(keys, port, 2)
    await ann.join()
    await bob.join()
    await coordinator.hand_out({11: 1, 12: 2}, model(0.0))
    await ann.task(11)
    await bob.task(12)
    payload, _ = to_payload(update(1.0), inline_bytes=0)
    payload.records[0].arrays.arrays[0].size_bytes = 1 << 21
    refused = await ann.open_update(pb.UpdateHeader(task_id=11, payload=payload))
    assert not says_go(await refused.initial_metadata())
    assert (await refused).code == "too-large"
    # one that waits for its place is told when its round is over, and never to go
    whole = selector.state.budget.ask(1 << 20)
    payload, _ = to_payload(update(1.0), inline_bytes=0)
    waiting = await bob.open_update(pb.UpdateHeader(task_id=12, payload=payload))
    await until(lambda: selector.state.budget.waiting)
    await coordinator.close()
    assert not says_go(await waiting.initial_metadata())
    assert (await waiting).status == pb.Ack.OVER
    assert not selector.state.budget.waiting
    selector.state.budget.release(whole)
    for one in (ann, bob):
        await one.close()


async def test_an_upload_that_stalls_gives_its_place_back_and_may_come_again(
    coordinator: ScriptedCoordinator, keys: ProblemKeys, start_selector: StartSelector
) -> None:
    selector, port = await start_selector(stall_timeout_s=1.0)
    ann = Client(keys, port, 1)
    await ann.join()
    await coordinator.hand_out({11: 1}, model(0.0))
    await ann.task(11)
    payload, _ = to_payload(update(1.0), inline_bytes=0)
    call = await ann.open_update(pb.UpdateHeader(task_id=11, payload=payload))
    with pytest.raises(BusyError):
        await translated(call)
    assert selector.state.budget.used_bytes == 0
    ack = await ann.send(11, update(1.0))
    assert ack.status == pb.Ack.HELD
    await ann.close()


async def test_the_same_update_begun_again_supersedes_the_one_that_hangs(
    coordinator: ScriptedCoordinator, client: MakeClient
) -> None:
    ann = client(1)
    await ann.join()
    await coordinator.hand_out({11: 1}, model(0.0))
    await ann.task(11)
    payload, _ = to_payload(update(1.0), inline_bytes=0)
    hanging = await ann.open_update(pb.UpdateHeader(task_id=11, payload=payload))
    ack = await ann.send(11, update(2.0), inline_bytes=0)
    assert ack.status == pb.Ack.HELD
    async with asyncio.timeout(WAIT_S):
        old = await hanging
    assert old.status in (pb.Ack.ALREADY_HELD, pb.Ack.OVER)
    partial, _ = await coordinator.close()
    assert len(partial.entries) == 1


async def test_an_upload_whose_line_is_cut_is_not_rejected(
    coordinator: ScriptedCoordinator, client: MakeClient, selector: RunningSelector
) -> None:
    ann = client(1)
    await ann.join()
    await coordinator.hand_out({11: 1}, model(0.0))
    await ann.task(11)
    payload, _ = to_payload(update(1.0), inline_bytes=0)
    for _ in range(20):
        call = await ann.open_update(pb.UpdateHeader(task_id=11, payload=payload))
        assert says_go(await call.initial_metadata())
        await call.write(pb.UpdateMessage(chunk=b"x"))
        call.cancel()
        await until(lambda: not selector.state.budget.used_bytes)
    ack = await ann.send(11, update(1.0))
    assert ack.status == pb.Ack.HELD
    assert not coordinator.heard.all("rejected")
