"""Selectors that die: what they held is sent again, and counted once."""

from __future__ import annotations

import asyncio

from support.checks import assert_is_mean_of
from support.holder import Holder
from support.world import MakeWorld

from fedota_proto.tls import selector_name
from fedota_proto.v1 import fl_round_pb2 as pb


async def test_a_selector_killed_in_reporting_whose_clients_move(make_world: MakeWorld) -> None:
    world = await make_world(rounds=2, goal=3, minimum=3)
    await world.serve()
    north = world.enrol("north", selectors=[1], weight=10)
    south = world.enrol("south", selectors=[1], weight=30)
    west = world.enrol("west", selectors=[2], weight=7)
    last = world.director.hold("west", "train", 1)
    clients = await world.join_all(north, south, west)
    await last.reached()
    await world.reported(2, 1)
    await world.kill("selector-1")
    name = selector_name(world.keys.problem_id, 1)
    await world.events.until(
        lambda event: (event.selector.name, event.selector.change) == (name, "ended")
    )
    await world.reported(2, 1)
    last.release()
    ended = await world.completed(1)
    assert (ended.reported, ended.weight) == (3, 47)
    assert world.counted(world.rounds()[0]) == {"north": 10, "south": 30, "west": 7}
    assert_is_mean_of(world, 1, north, south, west)
    assert len(world.director.tasks_of("north")) >= 1
    assert [a.server_round for a in world.director.tasks_of("north")].count(1) == 1, "sent again"
    await world.completed(2)
    assert world.counted(world.rounds()[1]) == {"north": 10, "south": 30, "west": 7}
    assert_is_mean_of(world, 2, north, south, west)
    assert await asyncio.gather(*(client.ended() for client in clients)) == [0, 0, 0]


async def test_the_only_selector_killed_in_reporting_and_started_again(
    make_world: MakeWorld,
) -> None:
    world = await make_world(rounds=2, goal=2, minimum=2)
    await world.serve(1)
    north, south = world.enrol("north", weight=10), world.enrol("south", weight=30)
    last = world.director.hold("south", "train", 1)
    clients = await world.join_all(north, south)
    await last.reached()
    await world.reported(1, 1)
    await world.kill("selector-1")
    await world.start_selector(1)
    last.release()
    ended = await world.completed(1)
    assert (ended.reported, ended.weight) == (2, 40)
    assert world.counted(world.rounds()[0]) == {"north": 10, "south": 30}
    assert_is_mean_of(world, 1, north, south)
    await world.completed(2)
    assert await asyncio.gather(*(client.ended() for client in clients)) == [0, 0]


async def test_an_update_sent_to_both_selectors_counts_once(make_world: MakeWorld) -> None:
    world = await make_world(rounds=1, goal=2, minimum=2)
    await world.serve()
    north, south = world.enrol("north", weight=10), world.enrol("south", weight=30)
    async with (
        Holder(north, selector=1) as first,
        Holder(south, selector=2) as other,
    ):
        received = await first.train(1)
        again = await first.report(received)
        assert again.status == pb.Ack.ALREADY_HELD
        # The same process moves to the other selector, and sends it there too.
        await first.leave()
        async with Holder.moved(first, selector=2) as moved:
            await moved.welcomed()
            ack = await moved.report(received)
            assert ack.status == pb.Ack.ALREADY_HELD, ack
            await other.train(1)
            await world.completed(1)
            outcome = await moved.outcome(received.task.task_id)
            assert (outcome.kind, outcome.weight) == (pb.COUNTED, 10)
    row = world.rounds()[0]
    assert world.counted(row) == {"north": 10, "south": 30}
    assert row.weight == 40
    assert_is_mean_of(world, 1, north, south)
