"""The coordinator killed at every stage and resumed; roll-back, pause and stop."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from support.checks import assert_same_bits
from support.holder import Holder
from support.wire_client import Received
from support.world import COORDINATOR, MakeWorld, World

from fedota_proto.errors import CommandRefusedError
from fedota_proto.v1 import fl_round_pb2 as pb

ROUNDS = 3
ADAM = '[strategy]\nname = "FedAdam"\neta = 0.05'
WEIGHTS = {"north": 10, "south": 30, "west": 7}


async def holders_of(world: World, stack: AsyncExitStack) -> list[Holder]:
    """Enrol three holders, the first two at one selector, and let them check in."""
    at = {"north": 1, "south": 1, "west": 2}
    members = [
        world.enrol(name, weight=weight, selectors=[at[name]]) for name, weight in WEIGHTS.items()
    ]
    return [await stack.enter_async_context(Holder(member)) for member in members]


async def adam_world(make_world: MakeWorld) -> World:
    return await make_world(strategy=ADAM, rounds=ROUNDS, goal=3, minimum=3)


async def train_in_order(holders: Sequence[Holder], server_round: int) -> list[Received]:
    """Have everybody's update held, one after the other."""
    received = [await holder.to_train(server_round) for holder in holders]
    for holder, one in zip(holders, received, strict=True):
        ack = await holder.report(one)
        assert ack.status == pb.Ack.HELD, ack
    return received


@pytest.fixture
async def uninterrupted(
    make_world: MakeWorld, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, np.ndarray]:
    """The final model of a run that nothing disturbs; trained once."""
    kept = tmp_path_factory.getbasetemp() / "uninterrupted.safetensors"
    if not kept.exists():
        world = await adam_world(make_world)
        async with AsyncExitStack() as stack:
            await world.serve()
            holders = await holders_of(world, stack)
            for server_round in range(1, ROUNDS + 1):
                await train_in_order(holders, server_round)
            await world.state("completed")
        save_file(world.arrays(ROUNDS), kept)
    return load_file(kept)


def assert_each_round_counts_once(world: World) -> None:
    """Check the history: every round completed once, with everybody's weight."""
    assert [row.server_round for row in world.rounds()] == list(range(1, ROUNDS + 1))
    for row in world.rounds():
        assert world.counted(row) == WEIGHTS
        assert row.weight == sum(WEIGHTS.values())


async def heard_counted(holders: Sequence[Holder], received: Sequence[Received]) -> None:
    """Wait until everybody has heard that these updates were counted."""
    for holder, one in zip(holders, received, strict=True):
        outcome = await holder.outcome(one.task.task_id)
        assert (outcome.kind, outcome.weight) == (pb.COUNTED, holder.member.weight), outcome


@pytest.mark.parametrize(
    "point", ["selection", "configuration", "reporting", "aggregated", "saved", "written"]
)
async def test_killed_at_a_point_of_round_two_it_ends_with_the_same_bits(
    make_world: MakeWorld, uninterrupted: dict[str, np.ndarray], point: str
) -> None:
    world = await adam_world(make_world)
    async with AsyncExitStack() as stack:
        await world.start_coordinator(dies_at=f"{point}:2")
        await asyncio.gather(world.start_selector(1), world.start_selector(2))
        holders = await holders_of(world, stack)
        first = await train_in_order(holders, 1)
        await heard_counted(holders, first)
        second: list[Received] = []
        if point in ("aggregated", "saved", "written"):
            second = await train_in_order(holders, 2)
        await world.died()
        await world.start_coordinator()
        if point in ("saved", "written"):
            # The round's checkpoint is there: it counts, and its clients hear so.
            await heard_counted(holders, second)
        else:
            await train_in_order(holders, 2)
        await train_in_order(holders, 3)
        await world.state("completed")
    assert_each_round_counts_once(world)
    assert_same_bits(world.arrays(ROUNDS), uninterrupted)


async def test_killed_while_clients_wait_for_a_cohort(
    make_world: MakeWorld, uninterrupted: dict[str, np.ndarray]
) -> None:
    world = await adam_world(make_world)
    async with AsyncExitStack() as stack:
        await world.serve()
        holders = await holders_of(world, stack)
        await holders[2].leave()
        await world.clock(lambda clock: clock.clock.waiting == 2)
        await world.kill(COORDINATOR)
        await world.start_coordinator()
        # The selectors have kept their clients and bring them along.
        await world.clock(lambda clock: clock.clock.waiting == 2)
        holders[2].check_in()
        for server_round in range(1, ROUNDS + 1):
            await train_in_order(holders, server_round)
        await world.state("completed")
    assert_each_round_counts_once(world)
    assert_same_bits(world.arrays(ROUNDS), uninterrupted)


async def test_killed_with_some_updates_held(
    make_world: MakeWorld, uninterrupted: dict[str, np.ndarray]
) -> None:
    world = await adam_world(make_world)
    async with AsyncExitStack() as stack:
        await world.serve()
        holders = await holders_of(world, stack)
        await train_in_order(holders, 1)
        held = await holders[0].train(2)
        for holder in holders[1:]:
            await holder.to_train(2)
        await world.reported(1, 2)
        await world.kill(COORDINATOR)
        await world.start_coordinator()
        # The open round's work is lost, and its client hears that.
        outcome = await holders[0].outcome(held.task.task_id)
        assert outcome.kind == pb.ROUND_ABANDONED
        for server_round in (2, 3):
            await train_in_order(holders, server_round)
        await world.state("completed")
    assert_each_round_counts_once(world)
    assert_same_bits(world.arrays(ROUNDS), uninterrupted)


async def test_killed_while_clients_evaluate(
    make_world: MakeWorld, uninterrupted: dict[str, np.ndarray]
) -> None:
    world = await adam_world(make_world)
    async with AsyncExitStack() as stack:
        await world.serve()
        holders = await holders_of(world, stack)
        holders[0].evaluates = False
        received = await train_in_order(holders, 1)
        await heard_counted(holders, received)
        await world.reported(2, 1, "evaluation")
        await world.kill(COORDINATOR)
        holders[0].evaluates = True
        await world.start_coordinator()
        for server_round in (2, 3):
            await train_in_order(holders, server_round)
        await world.state("completed")
    assert_each_round_counts_once(world)
    assert_same_bits(world.arrays(ROUNDS), uninterrupted)


async def test_clients_train_through_a_restart_and_end_well(make_world: MakeWorld) -> None:
    """The same with the real client: it trains on while the coordinator is away."""
    world = await make_world(rounds=2, goal=2, minimum=2)
    await world.serve()
    members = [world.enrol("north", selectors=[1]), world.enrol("south", selectors=[2])]
    gates = [world.director.hold(member.name, "train", 1) for member in members]
    clients = await world.join_all(*members)
    for gate in gates:
        await gate.reached()
    gates[0].release()
    await world.reported(1, 1)
    await world.kill(COORDINATOR)
    gates[1].release()
    await world.start_coordinator()
    await world.state("completed")
    assert await asyncio.gather(*(client.ended() for client in clients)) == [0, 0]
    assert [world.counted(row) for row in world.rounds()] == 2 * [{"north": 10, "south": 10}]
    assert "the round was abandoned" in clients[0].output


async def test_a_roll_back_opens_a_generation_and_trains_the_same_bits_again(
    make_world: MakeWorld, uninterrupted: dict[str, np.ndarray]
) -> None:
    world = await adam_world(make_world)
    async with AsyncExitStack() as stack:
        await world.serve()
        holders = await holders_of(world, stack)
        for server_round in range(1, ROUNDS):
            await train_in_order(holders, server_round)
        await holders[0].to_train(ROUNDS)
        pausing = len(world.events.items)
        assert "pause" in (await world.command(pause=True)).lower()
        with pytest.raises(CommandRefusedError):
            await world.command(roll_back_to=99)
        for holder in holders[1:]:
            await holder.train(ROUNDS)
        # The open round goes on after `pause`; its third update is never sent.
        rolled = asyncio.create_task(world.command(roll_back_to=1))
        await world.events.until(lambda event: event.HasField("rolled_back"), after=pausing)
        await rolled
        await world.command(resume=True)
        for server_round in range(2, ROUNDS + 1):
            await train_in_order(holders, server_round)
        await world.state("completed", after=pausing)
    rows = world.rounds()
    assert [(row.generation, row.server_round) for row in rows] == [(0, 1), (0, 2), (1, 2), (1, 3)]
    assert_same_bits(world.arrays(2, generation=1), world.arrays(2, generation=0))
    assert_same_bits(world.arrays(ROUNDS, generation=1), uninterrupted)


async def test_pause_ends_the_open_round_first_and_stop_abandons_it(
    make_world: MakeWorld,
) -> None:
    world = await make_world(rounds=5, goal=3, minimum=3)
    async with AsyncExitStack() as stack:
        await world.serve()
        holders = await holders_of(world, stack)
        received = [await holder.to_train(1) for holder in holders]
        await world.command(pause=True)
        for holder, one in zip(holders, received, strict=True):
            assert (await holder.report(one)).status == pb.Ack.HELD
        await world.completed(1)
        await world.state("paused")
        await world.clock(lambda clock: (clock.state, clock.clock.stage) == ("paused", "paused"))
        # Paused survives a restart: nobody is given work.
        await world.kill(COORDINATOR)
        await world.start_coordinator()
        await world.clock(lambda clock: clock.state == "paused" and clock.clock.waiting == 3)
        await world.command(resume=True)
        held = await holders[0].train(2)
        await world.command(stop=True)
        await world.state("completed")
        outcome = await holders[0].outcome(held.task.task_id)
        assert outcome.kind == pb.ROUND_ABANDONED
        for holder in holders:
            message = await holder.messages.until(lambda message: message.HasField("finished"))
            assert message.finished.server_round == 1
        assert not [one for one in holders[1].tasks.items if one.task.round.server_round > 2]
    assert [row.server_round for row in world.rounds()] == [1]
