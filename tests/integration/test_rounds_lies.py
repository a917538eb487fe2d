"""Clients that lie on the wire: each is told so, and the round is that of the honest ones."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

import numpy as np
import pytest
from support.checks import assert_is_mean_of
from support.holder import METRICS, Holder
from support.updates import honest_update
from support.wire_client import Received, update_of
from support.world import MakeWorld, World

from fedota_proto.credential import verify_outcome
from fedota_proto.npy import NUMPY_STYPE
from fedota_proto.records import ArrayBytes, Records, to_payload
from fedota_proto.v1 import fl_round_pb2 as pb

KERNEL, BIAS = "layers/dense/vars/0", "layers/dense/vars/1"
HONEST = {"num-examples": 10, **METRICS}

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Lie:
    """What one client says, and the code of what it is told."""

    name: str
    code: str
    told: str
    records: Callable[[Arrays], Records]


def with_array(name: str, array: np.ndarray | ArrayBytes) -> Callable[[Arrays], Records]:
    """Replace one array."""
    return lambda arrays: update_of({**arrays, name: array}, HONEST)


def with_metrics(**metrics: object) -> Callable[[Arrays], Records]:
    """Change metrics; None takes one out."""

    def make(arrays: Arrays) -> Records:
        merged = {**HONEST, **metrics}
        return update_of(arrays, {name: v for name, v in merged.items() if v is not None})

    return make


def renamed(arrays: Arrays) -> Records:
    """Give one array another name."""
    rest = {name: array for name, array in arrays.items() if name != BIAS}
    return update_of({**rest, "layers/evil/vars/0": arrays[BIAS]}, HONEST)


def lacking(arrays: Arrays) -> Records:
    """Leave one array out."""
    return update_of({name: array for name, array in arrays.items() if name != BIAS}, HONEST)


def npy(array: np.ndarray, **table: object) -> ArrayBytes:
    """Write an array as it is, order and byte order included, with a table that may say else."""
    file = io.BytesIO()
    np.lib.format.write_array(file, array, allow_pickle=False)
    said = {"dtype": "float32", "shape": array.shape, **table}
    return ArrayBytes(stype=NUMPY_STYPE, data=file.getvalue(), **said)  # type: ignore[arg-type]


def hundredfold(arrays: Arrays) -> Records:
    """Send far more than the model has."""
    return update_of({**arrays, KERNEL: np.zeros((200, 300), np.float32)}, HONEST)


def without_arrays(arrays: Arrays) -> Records:
    """Send metrics alone."""
    return update_of({}, HONEST)


NOT_A_NUMBER = np.array([[1, 2, 3], [4, np.nan, 6]], np.float32)
INFINITE = np.array([1, np.inf, 3], np.float32)
SQUARE = np.ones((2, 3), np.float32)

LIES = [
    Lie("nan", "not-finite", "at (1, 1) it holds nan", with_array(KERNEL, NOT_A_NUMBER)),
    Lie("infinity", "not-finite", "it holds inf", with_array(BIAS, INFINITE)),
    Lie("shape", "array-shape", "(2, 3)", with_array(KERNEL, np.ones((1, 3), np.float32))),
    Lie("rank", "array-shape", "(2, 3)", with_array(KERNEL, np.ones((3, 2), np.float32))),
    Lie("dtype", "array-dtype", "float32", with_array(KERNEL, SQUARE.astype(np.float64))),
    Lie("fortran", "array-header", "Fortran", with_array(KERNEL, npy(np.asfortranarray(SQUARE)))),
    Lie("bytes", "array-header", "little-endian", with_array(BIAS, npy(np.ones(3, ">f4")))),
    Lie("names", "array-names", "layers/evil/vars/0", renamed),
    Lie("lacking", "array-names", BIAS, lacking),
    Lie("no-arrays", "record-kinds", "one record of arrays", without_arrays),
    Lie("metric", "metric-unknown", "'spam'", with_metrics(spam=1.0)),
    Lie("nan-metric", "metric-not-finite", "'loss'", with_metrics(loss=float("nan"))),
    Lie("no-weight", "weight", "num-examples", with_metrics(**{"num-examples": None})),
    Lie("zero-weight", "weight", "above 0", with_metrics(**{"num-examples": 0})),
    Lie("minus-weight", "weight", "above 0", with_metrics(**{"num-examples": -5})),
    Lie("huge-weight", "weight", "at most", with_metrics(**{"num-examples": 1e300})),
    Lie("size", "too-large", "bytes of arrays", hundredfold),
]


async def test_every_lie_is_told_and_the_round_is_that_of_the_honest(
    make_world: MakeWorld,
) -> None:
    count = len(LIES) + 1
    world = await make_world(rounds=1, goal=count + 2, minimum=2)
    await world.serve()
    north, south = world.enrol("north", weight=10), world.enrol("south", weight=30)
    async with AsyncExitStack() as stack:
        honest = [
            await stack.enter_async_context(Holder(north, selector=1)),
            await stack.enter_async_context(Holder(south, selector=2)),
        ]
        liars = [
            await stack.enter_async_context(
                Holder(world.enrol(lie.name, selectors=[1 + number % 2]))
            )
            for number, lie in enumerate(LIES)
        ]
        cut_short = await stack.enter_async_context(Holder(world.enrol("cut-short")))
        await honest[0].train(1)
        for lie, liar in zip(LIES, liars, strict=True):
            received = await liar.to_train(1)
            arrays = honest_update(received.arrays(), liar.member.seed, 1)
            ack = await liar.send(received.task.task_id, lie.records(arrays))
            assert (ack.status, ack.code) == (pb.Ack.REJECTED, lie.code), (lie.name, ack)
            assert lie.told in ack.reason, (lie.name, ack.reason)
            outcome = await liar.outcome(received.task.task_id)
            assert (outcome.kind, outcome.code) == (pb.REJECTED, lie.code)
            invite = liar.invite
            assert verify_outcome(
                invite.receipt_public_key, invite.problem_id, invite.node_id, outcome
            )
            # The truth comes too late now.
            truth = await liar.send(received.task.task_id, update_of(arrays, HONEST))
            assert truth.status == pb.Ack.OVER, (lie.name, truth)
        ack = await send_cut_short(cut_short, await cut_short.to_train(1))
        assert (ack.status, ack.code) == (pb.Ack.REJECTED, "stream")
        await honest[1].train(1)
        ended = await world.completed(1)
    assert (ended.reported, ended.rejected, ended.weight) == (2, count, 40)
    assert world.counted(world.rounds()[0]) == {"north": 10, "south": 30}
    assert_is_mean_of(world, 1, north, south)
    assert world.rounds()[0].metrics == pytest.approx(METRICS)


async def send_cut_short(holder: Holder, received: Received) -> pb.Ack:
    """Announce more bytes than come."""
    arrays = honest_update(received.arrays(), holder.member.seed, 1)
    payload, chunks = to_payload(update_of(arrays, HONEST), inline_bytes=0)
    data = b"".join(bytes(chunk) for chunk in chunks)
    header = pb.UpdateHeader(task_id=received.task.task_id, payload=payload)
    return await holder.link.update(header, memoryview(data)[:-8])


async def two_holders(world: World, stack: AsyncExitStack) -> list[Holder]:
    """Enrol two holders, one at each selector."""
    members = [world.enrol("north", weight=10), world.enrol("south", weight=30)]
    return [
        await stack.enter_async_context(Holder(member, selector=number))
        for number, member in enumerate(members, start=1)
    ]


async def test_other_tasks_other_rounds_and_repetitions(make_world: MakeWorld) -> None:
    world = await make_world(rounds=2, goal=2, minimum=2)
    await world.serve(1)
    north, south = world.enrol("north", weight=10), world.enrol("south", weight=30)
    async with Holder(north, selector=1) as one, Holder(south, selector=1) as other:
        first, theirs = await one.to_train(1), await other.to_train(1)
        records = update_of(honest_update(first.arrays(), north.seed, 1), HONEST)
        stolen = await one.send(theirs.task.task_id, records)
        assert (stolen.status, stolen.code) == (pb.Ack.REJECTED, "not-yours")
        invented = await one.send(4711, records)
        assert (invented.status, invented.code) == (pb.Ack.REJECTED, "unknown-task")
        assert (await one.report(first)).status == pb.Ack.HELD
        for _ in range(3):
            assert (await one.report(first)).status == pb.Ack.ALREADY_HELD
        assert (await other.report(theirs)).status == pb.Ack.HELD
        await world.completed(1)
        assert (await one.outcome(first.task.task_id)).kind == pb.COUNTED
        second = await one.to_train(2)
        # The same update once more, in the next round: it was counted, once.
        assert (await one.report(first)).status == pb.Ack.ALREADY_HELD
        assert (await one.report(second)).status == pb.Ack.HELD
        await other.train(2)
        await world.completed(2)
    for row in world.rounds():
        assert world.counted(row) == {"north": 10, "south": 30}
        assert_is_mean_of(world, row.server_round, north, south)


async def test_an_update_of_a_round_that_is_over(make_world: MakeWorld) -> None:
    world = await make_world(rounds=2, goal=2, minimum=2, more_rules=OVER_SELECTED)
    await world.serve(1)
    members = [world.enrol(name) for name in ("north", "south", "west")]
    async with AsyncExitStack() as stack:
        holders = [
            await stack.enter_async_context(Holder(member, selector=1)) for member in members
        ]
        received = [await holder.to_train(1) for holder in holders]
        for holder, one in zip(holders[:2], received[:2], strict=True):
            assert (await holder.report(one)).status == pb.Ack.HELD
        await world.completed(1)
        # The third was told to stop, and is answered so if it sends all the same.
        cancel = await holders[2].messages.until(lambda message: message.HasField("cancel"))
        assert list(cancel.cancel.task_ids) == [received[2].task.task_id]
        outcome = await holders[2].outcome(received[2].task.task_id)
        assert outcome.kind == pb.LATE
        again = await holders[2].to_train(2)
        late = await holders[2].report(received[2])
        assert late.status in (pb.Ack.REJECTED, pb.Ack.OVER)
        assert late.code in ("wrong-round", "late")
        assert (await holders[2].report(again)).status == pb.Ack.HELD
        await holders[0].train(2)
        await world.completed(2)
    assert world.counted(world.rounds()[0]) == {"north": 10, "south": 10}
    assert world.counted(world.rounds()[1]) == {"north": 10, "west": 10}
    assert_is_mean_of(world, 2, members[0], members[2])


OVER_SELECTED = (
    "selection_timeout_s = 60\nreporting_deadline_s = 60\nover_selection = 1.5\nsettle_s = 30"
)


async def test_an_evaluation_that_lies_is_left_out(make_world: MakeWorld) -> None:
    world = await make_world(rounds=1, goal=2, minimum=2)
    await world.serve()
    async with AsyncExitStack() as stack:
        holders = await two_holders(world, stack)
        holders[0].evaluates = False
        for holder in holders:
            await holder.train(1)
        received = await holders[0].task("evaluate", 1)
        lie = update_of({}, {"num-examples": 10, "loss": 0.0, "spam": 1.0})
        ack = await holders[0].send(received.task.task_id, lie)
        assert (ack.status, ack.code) == (pb.Ack.REJECTED, "metric-unknown")
        await world.state("completed")
    evaluation = world.evaluations()[0]
    assert (evaluation.clients, evaluation.weight) == (1, 30)
    assert evaluation.metrics == pytest.approx(METRICS)
