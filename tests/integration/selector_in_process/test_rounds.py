"""Rounds through a selector: honest ones, and with every lie that an update can tell."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from fedota_proto.records import ArrayBytes, Records, npy_view, to_payload
from fedota_proto.v1 import fl_intra_pb2 as intra
from fedota_proto.v1 import fl_round_pb2 as pb

from .clients import Client, update
from .conftest import MakeClient, RunningSelector
from .scripted_coordinator import SPECS, ScriptedCoordinator, model, round_key


def values(records: Records) -> list[np.ndarray]:
    return [npy_view(array) for array in records.arrays["arrays"].values()]


async def joined(client: MakeClient, *nodes: int) -> list[Client]:
    clients = [client(node) for node in nodes]
    for one in clients:
        await one.join()
    return clients


async def test_a_round_of_honest_clients(
    coordinator: ScriptedCoordinator, client: MakeClient
) -> None:
    ann, bob = await joined(client, 1, 2)
    await coordinator.hand_out({11: 1, 12: 2}, model(0.5))
    task, records = await ann.task(11)
    assert task.round == round_key(1)
    assert task.message_type == "train"
    assert task.message_id == "m11"
    assert 0 < task.deadline_s <= 60
    assert [array.min() for array in values(records)] == [0.5, 0.5]
    assert records.config == {"config": {"server-round": 1}}
    ack = await ann.send(11, update(1.0, 30, accuracy=0.5), sha256=b"a" * 32)
    assert ack.status == pb.Ack.HELD
    held = await coordinator.heard.one("held", task_id=11)
    assert (held.node_id, held.weight, held.update_sha256) == (1, 30, b"a" * 32)
    await bob.task(12)
    ack = await bob.send(12, update(5.0, 10), sha256=b"b" * 32)
    assert ack.status == pb.Ack.HELD
    partial, mean = await coordinator.close()
    assert [(e.node_id, e.task_id, e.weight) for e in partial.entries] == [(1, 11, 30), (2, 12, 10)]
    assert partial.weight == 40
    assert list(mean.arrays["arrays"]) == [name for name, _, _ in SPECS]
    for array, (_, dtype, shape) in zip(values(mean), SPECS, strict=True):
        assert array.dtype == dtype
        assert array.shape == shape
        assert np.allclose(array, 2.0, rtol=1e-6)
    metrics = {metric.name: metric for metric in partial.metrics}
    assert metrics["loss"].mean == pytest.approx(0.5)
    assert (metrics["accuracy"].weight, metrics["accuracy"].count) == (30, 1)
    await coordinator.settle(1, 11, pb.COUNTED, sha256=b"a" * 32)
    outcome = await ann.one("outcome")
    assert (outcome.task_id, outcome.kind) == (11, pb.COUNTED)


def spoiled(value: float) -> Records:
    records = update(1.0)
    array = np.full(SPECS[0][2], 1.0, np.float32)
    array[1, 2] = value
    records.arrays["arrays"][SPECS[0][0]] = ArrayBytes.from_numpy(array)
    return records


def reshaped() -> Records:
    records = update(1.0)
    records.arrays["arrays"][SPECS[0][0]] = ArrayBytes.from_numpy(np.ones((3, 2), np.float32))
    return records


def in_fortran_order() -> Records:
    records = update(1.0)
    array = records.arrays["arrays"][SPECS[0][0]]
    said = bytes(array.data).replace(b"'fortran_order': False", b"'fortran_order': True ")
    array.data = said
    return records


def renamed() -> Records:
    records = update(1.0)
    arrays = records.arrays["arrays"]
    records.arrays["arrays"] = {f"other/{name}": array for name, array in arrays.items()}
    return records


def ten_times_as_large() -> Records:
    records = update(1.0)
    records.arrays["arrays"][SPECS[0][0]] = ArrayBytes.from_numpy(np.ones((200, 30), np.float32))
    return records


LIES: dict[str, tuple[Records, str]] = {
    "nan": (spoiled(float("nan")), "not-finite"),
    "infinity": (spoiled(float("-inf")), "not-finite"),
    "shape": (reshaped(), "array-shape"),
    "fortran": (in_fortran_order(), "array-header"),
    "names": (renamed(), "array-names"),
    "metric": (update(1.0, perplexity=3.0), "metric-unknown"),
    "metric-nan": (update(1.0, accuracy=float("nan")), "metric-not-finite"),
    "loss": (update(1.0, loss=-1.0), "loss-negative"),
    "no-weight": (update(1.0, 0.0), "weight"),
    "heavy": (update(1.0, 1e9), "weight"),
    "large": (ten_times_as_large(), "too-large"),
}


async def test_every_lie_is_told_and_the_partial_is_that_of_the_honest(
    coordinator: ScriptedCoordinator, client: MakeClient, selector: RunningSelector
) -> None:
    honest = await joined(client, 1, 2)
    liars = await joined(client, *range(101, 101 + len(LIES)))
    tasks = {one.node_id + 1_000: one.node_id for one in (*honest, *liars)}
    await coordinator.hand_out(tasks, model(0.0))
    for one in (*honest, *liars):
        await one.task(one.node_id + 1_000)
    first = await honest[0].send(1_001, update(2.0, 10), sha256=b"1" * 32)
    for liar, (records, code) in zip(liars, LIES.values(), strict=True):
        task_id = liar.node_id + 1_000
        ack = await liar.send(task_id, records, sha256=b"x" * 32)
        assert (ack.status, ack.code) == (pb.Ack.REJECTED, code)
        assert ack.reason
        rejected = await coordinator.heard.one("rejected", task_id=task_id)
        assert (rejected.node_id, rejected.code) == (liar.node_id, code)
        assert rejected.update_sha256 == b"x" * 32
        # a rejected task takes no other update, and says the same again
        again = await liar.send(task_id, update(1.0))
        assert (again.status, again.code, again.reason) == (ack.status, ack.code, ack.reason)
    twice = await honest[0].send(1_001, update(2.0, 10), sha256=b"1" * 32)
    assert (first.status, twice.status) == (pb.Ack.HELD, pb.Ack.ALREADY_HELD)
    await honest[1].send(1_002, update(4.0, 30))
    partial, mean = await coordinator.close()
    assert [entry.node_id for entry in partial.entries] == [1, 2]
    for array in values(mean):
        assert np.array_equal(array, np.full_like(array, 3.5))
    assert selector.state.budget.used_bytes == 0


async def test_who_sends_for_another_or_for_an_old_round_is_told(
    coordinator: ScriptedCoordinator, client: MakeClient
) -> None:
    ann, eve = await joined(client, 1, 2)
    await coordinator.hand_out({11: 1, 12: 2}, model(0.0), server_round=1)
    await eve.task(12)
    ack = await eve.send(11, update(9.0))
    assert (ack.status, ack.code) == (pb.Ack.REJECTED, "not-yours")
    ack = await eve.send(999, update(9.0))
    assert (ack.status, ack.code) == (pb.Ack.REJECTED, "unknown-task")
    rejected = await coordinator.heard.one("rejected", node_id=2, code="unknown-task")
    assert rejected.task_id == 0
    await ann.send(11, update(1.0))
    await coordinator.close(1)
    await coordinator.settle(2, 12, pb.LATE)
    await eve.one("outcome")
    ack = await eve.send(12, update(9.0))
    assert (ack.status, ack.code) == (pb.Ack.OVER, "late")
    await coordinator.hand_out({21: 1, 22: 2}, model(0.0), server_round=2)
    await eve.task(22)
    ack = await eve.send(12, update(9.0))
    assert (ack.status, ack.code) == (pb.Ack.REJECTED, "wrong-round")
    assert "round 1" in ack.reason
    await ann.send(21, update(3.0))
    partial, mean = await coordinator.close(2)
    assert [entry.task_id for entry in partial.entries] == [21]
    assert all((array == 3.0).all() for array in values(mean))


async def test_streams_that_are_cut_off_or_too_long_are_rejected(
    coordinator: ScriptedCoordinator, client: MakeClient
) -> None:
    ann, bob, cid = await joined(client, 1, 2, 3)
    await coordinator.hand_out({11: 1, 12: 2, 13: 3}, model(0.0))
    payload, chunks = to_payload(update(1.0), inline_bytes=0)
    whole = b"".join(chunks)
    for one, task_id, sent in ((ann, 11, whole[:-1]), (bob, 12, whole + b"!")):
        await one.task(task_id)
        ack = await one.send_raw(pb.UpdateHeader(task_id=task_id, payload=payload), [sent])
        assert (ack.status, ack.code) == (pb.Ack.REJECTED, "stream")
    twice = pb.UpdateHeader(task_id=13, payload=payload)
    twice.payload.records.add().CopyFrom(payload.records[0])
    await cid.task(13)
    ack = await cid.send_raw(twice, [whole])
    assert (ack.status, ack.code) == (pb.Ack.REJECTED, "stream")
    partial, _ = await coordinator.close()
    assert not partial.entries
    assert partial.weight == 0


async def test_updates_in_chunks_are_held_like_small_ones(
    coordinator: ScriptedCoordinator, client: MakeClient, selector: RunningSelector
) -> None:
    (ann,) = await joined(client, 1)
    await coordinator.hand_out({11: 1}, model(0.0))
    await ann.task(11)
    ack = await ann.send(11, update(1.5), inline_bytes=0, chunk_bytes=64)
    assert ack.status == pb.Ack.HELD
    _, mean = await coordinator.close()
    assert all((array == 1.5).all() for array in values(mean))
    assert selector.state.budget.used_bytes == 0


async def test_after_the_close_an_update_under_way_is_over_at_once(
    coordinator: ScriptedCoordinator, client: MakeClient, selector: RunningSelector
) -> None:
    ann, bob = await joined(client, 1, 2)
    await coordinator.hand_out({11: 1, 12: 2}, model(0.0))
    await bob.task(12)
    payload, _ = to_payload(update(9.0), inline_bytes=0, chunk_bytes=100)
    call = await bob.open_update(pb.UpdateHeader(task_id=12, payload=payload))
    await ann.send(11, update(1.0))
    partial, _ = await coordinator.close()
    async with asyncio.timeout(10):
        ack = await call
    assert (ack.status, ack.code) == (pb.Ack.OVER, "late")
    assert [entry.task_id for entry in partial.entries] == [11]
    assert selector.state.budget.used_bytes == 0
    late = await bob.send(12, update(9.0))
    assert late.status == pb.Ack.OVER
    again, _ = await coordinator.close()
    assert [entry.task_id for entry in again.entries] == [11]


async def test_forwarded_updates_go_up_one_by_one(
    coordinator: ScriptedCoordinator, client: MakeClient, selector: RunningSelector
) -> None:
    ann, bob = await joined(client, 1, 2)
    await coordinator.hand_out({11: 1, 12: 2}, model(0.0), mean=False)
    for one, task_id, value in ((ann, 11, 1.0), (bob, 12, float("nan"))):
        await one.task(task_id)
        sent = update(value, 7.0)
        arrays = sent.arrays["arrays"]
        sent.arrays["arrays"] = dict(reversed(arrays.items()))
        await one.send(task_id, sent, sha256=b"f" * 32, inline_bytes=0)
    forward, records = await coordinator.heard.transfer("forward", task_id=11)
    assert (forward.node_id, forward.weight, forward.update_sha256) == (1, 7.0, b"f" * 32)
    assert list(records.arrays["arrays"]) == [name for name, _, _ in SPECS]
    assert records.metrics["metrics"]["loss"] == 0.5
    await coordinator.heard.one("rejected", task_id=12, code="not-finite")
    kinds = [m.WhichOneof("body") for m in coordinator.heard.messages]
    assert kinds.index("held") < kinds.index("forward")
    assert kinds.count("forward") == 1
    await coordinator.send(clock=pb.Clock(stage="reporting"))
    await ann.one("clock")
    assert selector.state.budget.used_bytes == 0


async def test_an_apps_reply_passes_unread(
    coordinator: ScriptedCoordinator, client: MakeClient
) -> None:
    (ann,) = await joined(client, 1)
    await coordinator.hand_out(
        {11: 1}, model(0.0), mean=False, checked=False, message_type="query.names"
    )
    task, _ = await ann.task(11)
    assert task.message_type == "query.names"
    reply = Records(
        arrays={"one": {"x": ArrayBytes("object", (1,), "pickle", b"\x80whatever")}},
        config={"two": {"names": ["a", "b"]}},
    )
    ack = await ann.send(11, reply)
    assert ack.status == pb.Ack.HELD
    _, got = await coordinator.heard.transfer("forward", task_id=11)
    assert bytes(got.arrays["one"]["x"].data) == b"\x80whatever"
    assert got.config == {"two": {"names": ["a", "b"]}}


async def test_evaluations_go_up_as_metrics_alone(
    coordinator: ScriptedCoordinator, client: MakeClient
) -> None:
    ann, bob = await joined(client, 1, 2)
    await coordinator.hand_out({11: 1, 12: 2}, model(0.0), mean=False, message_type="evaluate")
    await ann.task(11)
    scores: dict[str, Any] = {"num-examples": 5, "loss": 0.25}
    ack = await ann.send(11, Records(metrics={"metrics": scores}))
    assert ack.status == pb.Ack.HELD
    forward, records = await coordinator.heard.transfer("forward", task_id=11)
    assert forward.weight == 5
    assert records.metrics == {"metrics": scores}
    await bob.task(12)
    ack = await bob.send(12, Records(metrics={"metrics": {**scores, "secret": 1.0}}))
    assert (ack.status, ack.code) == (pb.Ack.REJECTED, "metric-unknown")


async def test_a_failure_is_passed_on(coordinator: ScriptedCoordinator, client: MakeClient) -> None:
    (ann,) = await joined(client, 1)
    await coordinator.hand_out({11: 1}, model(0.0))
    await ann.task(11)
    failure = pb.TaskFailure(code="worker", reason="Out of memory.")
    ack = await ann.send_raw(pb.UpdateHeader(task_id=11, failure=failure), [])
    assert ack.status == pb.Ack.HELD
    failed = await coordinator.heard.one("task_failed", task_id=11)
    assert (failed.node_id, failed.code, failed.reason) == (1, "worker", "Out of memory.")


async def test_arrays_that_a_client_has_do_not_travel_again(
    coordinator: ScriptedCoordinator, client: MakeClient
) -> None:
    ann, bob = await joined(client, 1, 2)
    size_bytes = model(1.0).size_bytes()
    await coordinator.hand_out({11: 1}, model(1.0), server_round=1)
    await ann.task(11)
    await coordinator.hand_out({12: 1, 13: 2}, model(1.0), server_round=2)
    await ann.task(12)
    await bob.task(13)
    assert [ann.travelled_bytes[11], ann.travelled_bytes[12]] == [size_bytes, 0]
    assert bob.travelled_bytes[13] == size_bytes
    assert all((array == 1.0).all() for array in values(ann.tasks[12][1]))
    # what was named at the check-in counts as well
    have = [array.digest() for array in model(1.0).all_arrays()]
    await ann.leave()
    await coordinator.heard.one("client_gone", node_id=1)
    await ann.join(pb.CheckInRequest(have=have))
    await coordinator.hand_out({14: 1}, model(1.0), server_round=3, have=have)
    await ann.task(14)
    assert ann.travelled_bytes[14] == 0


async def test_large_contents_travel_in_chunks(
    coordinator: ScriptedCoordinator, client: MakeClient
) -> None:
    (ann,) = await joined(client, 1)
    big = np.arange(1_000_000, dtype=np.float32)
    array = ArrayBytes.from_numpy(big)
    array.digest()
    records = Records(arrays={"arrays": {"w": array}})
    await coordinator.hand_out({11: 1}, records, specs=(("w", "float32", (1_000_000,)),))
    _, got = await ann.task(11)
    assert np.array_equal(npy_view(got.arrays["arrays"]["w"]), big)
    sent = Records(
        arrays={"arrays": {"w": ArrayBytes.from_numpy(big * 2)}},
        metrics={"metrics": {"num-examples": 3, "loss": 1.0}},
    )
    ack = await ann.send(11, sent)
    assert ack.status == pb.Ack.HELD
    _, mean = await coordinator.close()
    assert np.array_equal(npy_view(mean.arrays["arrays"]["w"]), big * 2)


async def test_cancelled_tasks_are_told_and_over(
    coordinator: ScriptedCoordinator, client: MakeClient
) -> None:
    (ann,) = await joined(client, 1)
    await coordinator.hand_out({11: 1}, model(0.0))
    await ann.task(11)
    await coordinator.send(cancel=intra.CancelTasks(task_ids=[11], reason="The goal is reached."))
    cancel = await ann.one("cancel")
    assert (list(cancel.task_ids), cancel.reason) == ([11], "The goal is reached.")
    ack = await ann.send(11, update(1.0))
    assert (ack.status, ack.reason) == (pb.Ack.OVER, "The goal is reached.")


async def test_whoever_still_computes_is_told_when_a_round_closes(
    coordinator: ScriptedCoordinator, client: MakeClient
) -> None:
    ann, bob = await joined(client, 1, 2)
    await coordinator.hand_out({11: 1, 12: 2}, model(0.0))
    await bob.task(12)
    await ann.task(11)
    await ann.send(11, update(1.0))
    await coordinator.close()
    assert list((await bob.one("cancel")).task_ids) == [12]
    assert (await bob.send(12, update(9.0))).status == pb.Ack.OVER
