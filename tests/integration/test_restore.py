"""A backup made while a problem trains, put back on another machine: the training goes on there."""

from __future__ import annotations

import asyncio

from support.checks import assert_is_mean_of
from support.web_world import PROBLEM, ROOT, MakeWebWorld, assert_nothing_missing_or_double

from fedota_server.webserver.backup import Backup


async def test_a_problem_resumes_from_a_backup_that_was_made_in_the_middle_of_a_round(
    make_web_world: MakeWebWorld,
) -> None:
    world = await make_web_world(rounds=4)
    await world.start_webserver()
    world.web.problems.start(world.setter, PROBLEM)
    north, south = world.take_part("north", weight=10), world.take_part("south", weight=30)
    held = world.director.hold("north", server_round=2)
    clients = await world.join_all(north, south)
    await held.reached()
    await world.round_completed(1)
    archive = world.place / "backup.tar.gz"
    await asyncio.to_thread(Backup(world.web.database, world.settings.home).write, ROOT, archive)

    # The machine goes on after the backup, and is lost with a round that the backup does not know.
    lost = world.director.hold("north", server_round=3)
    held.release()
    await lost.reached()
    await world.round_completed(2)
    known = world.pids()
    await world.lose_machine()
    assert world.pids() == {}

    world.restore(archive)
    assert world.problem.completed_round == 1
    await world.start_webserver()
    lost.release()
    await world.status("completed")
    assert await asyncio.gather(*(client.ended() for client in clients)) == [0, 0]
    assert [row.server_round for row in world.rounds()] == [1, 2, 3, 4]
    for row in world.rounds():
        assert world.counted(row) == {"north": 10, "south": 30}
        assert_is_mean_of(world, row.server_round, north, south)
    assert_nothing_missing_or_double(world)
    assert not set(known.values()) & set(world.pids().values())
