"""Rounds with real processes whose clients die, drop, leave and come back."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import time

import pytest
from support.checks import assert_is_mean_of
from support.programs import command
from support.waiting import DEADLINE_S
from support.world import MakeWorld

QUICK_TO_GIVE_UP = {"FEDOTA_COORDINATOR_CLIENT_GRACE_S": "0.5"}


async def test_three_clients_over_two_selectors_train_to_the_end(make_world: MakeWorld) -> None:
    world = await make_world(rounds=3, goal=3, minimum=3)
    await world.serve()
    north = world.enrol("north", selectors=[1], weight=10)
    south = world.enrol("south", selectors=[2], weight=30)
    west = world.enrol("west", selectors=[2], weight=7)
    clients = await world.join_all(north, south, west)
    await world.state("completed")
    assert await asyncio.gather(*(client.ended() for client in clients)) == [0, 0, 0]
    assert [row.server_round for row in world.rounds()] == [1, 2, 3]
    for row in world.rounds():
        assert world.counted(row) == {"north": 10, "south": 30, "west": 7}
        assert (row.weight, row.reported, row.rejected) == (47, 3, 0)
        assert_is_mean_of(world, row.server_round, north, south, west)
    assert [row.server_round for row in world.evaluations()] == [1, 2, 3]
    assert world.evaluations()[-1].metrics["accuracy"] == pytest.approx(0.5)
    assert "round 1: training counted (weight 30)" in clients[1].output
    assert {event.selector.name for event in world.events.items if event.HasField("selector")} == {
        f"selector-{number}.{world.keys.problem_id}.fedota" for number in (1, 2)
    }


async def test_a_client_killed_in_training_is_not_waited_for(make_world: MakeWorld) -> None:
    rules = "selection_timeout_s = 3\nreporting_deadline_s = 60"
    world = await make_world(rounds=2, goal=3, minimum=2, more_rules=rules)
    await world.serve(1, **QUICK_TO_GIVE_UP)
    members = [world.enrol(name) for name in ("north", "south", "west")]
    held = world.director.hold("west")
    _, _, west = await world.join_all(*members)
    await held.reached()
    await west.kill()
    ended = await world.completed(1)
    assert (ended.admitted, ended.reported) == (3, 2)
    assert set(world.counted(world.rounds()[0])) == {"north", "south"}
    assert_is_mean_of(world, 1, *members[:2])
    await world.completed(2)


async def test_a_client_killed_while_the_cohort_is_asked_for(make_world: MakeWorld) -> None:
    world = await make_world(rounds=1, goal=3, minimum=3)
    await world.serve()
    members = [world.enrol(name) for name in ("north", "south", "west", "east")]
    _, south = await world.join_all(*members[:2])
    await world.clock(lambda clock: clock.clock.waiting == 2)
    await south.kill()
    await world.member_change(members[1], "gone")
    assert (await world.clock(lambda clock: clock.clock.waiting == 1)).clock.stage == "selection"
    await world.join_all(*members[2:])
    ended = await world.completed(1)
    assert (ended.admitted, ended.reported, ended.failed) == (3, 3, 0)
    assert set(world.counted(world.rounds()[0])) == {"north", "west", "east"}


async def test_a_connection_that_drops_between_task_and_update(make_world: MakeWorld) -> None:
    world = await make_world(rounds=1, goal=2, minimum=2)
    proxy = await world.proxy(1)
    await world.start_coordinator()
    await asyncio.gather(
        world.start_selector(1, public_address=proxy.address), world.start_selector(2)
    )
    north = world.enrol("north", selectors=[2])
    south = world.enrol("south", addresses=[(proxy.address, 1)])
    held = world.director.hold("south")
    await world.join_all(north, south)
    await held.reached()
    assert proxy.accepted == 1 or proxy.accepted == 2  # describing, and the check-in
    before = len(world.events.items)
    proxy.cut(refuse=True)
    await world.member_change(south, "gone", after=before)
    held.release()
    # The update is made while no selector can be reached at the old address; the other one is told.
    ended = await world.completed(1)
    assert ended.reported == 2
    assert world.counted(world.rounds()[0]) == {"north": 10, "south": 10}
    assert_is_mean_of(world, 1, north, south)
    assert len(world.director.tasks_of("south")) == 1, "it trained once"


async def test_a_goal_of_four_with_one_holder_gone_for_good(make_world: MakeWorld) -> None:
    world = await make_world(
        rounds=2, goal=4, minimum=3, more_rules="selection_timeout_s = 3\nreporting_deadline_s = 60"
    )
    await world.serve(**QUICK_TO_GIVE_UP)
    members = [world.enrol(name) for name in ("north", "south", "west", "east")]
    held = world.director.hold("east")
    clients = await world.join_all(*members)
    await held.reached()
    await clients[3].kill()
    for server_round in (1, 2):
        assert (await world.completed(server_round)).reported == 3
    await world.state("completed")
    assert [row.admitted for row in world.rounds()] == [4, 3]
    assert [world.counted(row).keys() for row in world.rounds()] == [
        {"north", "south", "west"},
        {"north", "south", "west"},
    ]


async def test_a_problem_that_nobody_joins_waits_visibly_and_answers(
    make_world: MakeWorld,
) -> None:
    world = await make_world(
        rounds=1, goal=2, minimum=2, more_rules="selection_timeout_s = 1\nreporting_deadline_s = 60"
    )
    await world.serve(1)
    await world.state("waiting for data holders")
    ended = await world.abandoned(1)
    assert (ended.abandoned_in, ended.reason) == (
        "selection",
        "0 of at least 2 data holders waited.",
    )
    clock = await world.clock(lambda clock: clock.state == "waiting for data holders")
    assert (clock.clock.stage, clock.clock.waiting, clock.clock.minimum) == ("waiting", 0, 2)
    shown = await command("fedota_server.cli", "status", world.folder.folder, "--json")
    status = json.loads(shown.out)
    assert (status["state"], status["clock"]["waiting"]) == ("waiting for data holders", 0)
    before = len(world.events.items)
    paused = await command("fedota_server.cli", "pause", world.folder.folder)
    assert paused.code == 0, paused
    await world.state("paused", after=before)
    before = len(world.events.items)
    await world.command(resume=True)
    await world.state("waiting for data holders", after=before)
    members = [world.enrol(name) for name in ("north", "south")]
    clients = await world.join_all(*members)
    await world.completed(1)
    assert await asyncio.gather(*(client.ended() for client in clients)) == [0, 0]


async def test_a_problem_that_nobody_joins_can_be_stopped(make_world: MakeWorld) -> None:
    world = await make_world(rounds=1)
    await world.serve(1)
    await world.clock(lambda clock: clock.clock.stage in ("selection", "waiting"))
    await world.command(stop=True)
    await world.state("completed")
    north = await world.join(world.enrol("north"))
    assert await north.ended() == 0
    assert "completed" in north.output


async def test_a_worker_that_crashes_fails_one_task_and_its_client_goes_on(
    make_world: MakeWorld,
) -> None:
    world = await make_world(rounds=2, goal=3, minimum=2)
    await world.serve(1)
    members = [world.enrol(name) for name in ("north", "south", "west")]
    crashes = world.director.hold("west", "train", 1)
    *_, west = await world.join_all(*members)
    await crashes.reached()
    crashes.release("kill")
    ended = await world.completed(1)
    assert (ended.reported, ended.failed) == (2, 1)
    await world.completed(2)
    assert world.counted(world.rounds()[1]).keys() == {"north", "south", "west"}
    assert "round 1: training failed (out-of-memory)" in west.output


async def test_sigterm_says_so_stops_at_once_and_the_membership_stays(
    make_world: MakeWorld,
) -> None:
    world = await make_world(rounds=2, goal=3, minimum=2)
    await world.serve(1, FEDOTA_COORDINATOR_CLIENT_GRACE_S="600")
    members = [world.enrol(name) for name in ("north", "south", "west")]
    held = world.director.hold("west", "train", 1)
    *_, west = await world.join_all(*members)
    await held.reached()
    began = time.monotonic()
    west.send(signal.SIGTERM)
    assert await west.ended() == 143
    assert time.monotonic() - began < 5
    assert "Stopped by SIGTERM; the membership stays" in west.output
    # No grace for one who has said that it stops.
    assert (await world.completed(1)).reported == 2
    await world.member_change(members[2], "gone")
    before = len(world.events.items)
    again = await world.join(members[2], with_invite=False)
    await world.member_change(members[2], "connected", after=before)
    assert "bound" not in {
        event.member.change for event in world.events.items[before:] if event.HasField("member")
    }
    assert await again.ended() == 0


async def test_a_client_that_died_after_its_update_was_held_hears_its_outcome_later(
    make_world: MakeWorld,
) -> None:
    world = await make_world(rounds=2, goal=2, minimum=2)
    await world.serve(1)
    north, south = world.enrol("north"), world.enrol("south")
    held = world.director.hold("south", "train", 1)
    client, _ = await world.join_all(north, south)
    await held.reached()
    await world.reported(1, 1)
    await client.kill()
    held.release()
    await world.completed(1)
    assert world.counted(world.rounds()[0]) == {"north": 10, "south": 10}
    assert list((north.home / "updates").iterdir()), "its update is kept until its outcome"
    again = await world.join(north)
    await again.says(r"round 1: training counted \(weight 10\)")
    await world.state("completed")
    assert await again.ended() == 0


async def test_a_second_process_of_one_membership_is_refused_with_since_when(
    make_world: MakeWorld,
) -> None:
    world = await make_world(rounds=1, goal=2, minimum=2)
    await world.serve()
    north, south = world.enrol("north"), world.enrol("south")
    await world.join(north)
    await world.member_change(north, "connected")
    began = time.time()
    copy = world.copy_of(north, "copy")
    second = await world.join(copy)
    line = await second.says("in use by another process since")
    found = re.search(r"since (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC", line)
    assert found is not None
    since = time.mktime(time.strptime(found[1], "%Y-%m-%d %H:%M:%S")) - time.timezone
    assert began - 60 < since <= began + 1
    # The first one goes on as if nothing had been.
    await world.join(south)
    await world.completed(1)
    assert world.counted(world.rounds()[0]) == {"north": 10, "south": 10}


async def test_revoking_ends_the_stream_within_ten_seconds_and_for_good(
    make_world: MakeWorld,
) -> None:
    world = await make_world(rounds=1, goal=2, minimum=2)
    await world.serve()
    north, south, west = (world.enrol(name) for name in ("north", "south", "west"))
    held = world.director.hold("north")
    client, _ = await world.join_all(north, south)
    await held.reached()
    began = time.monotonic()
    await world.command(revoke=north.node_id)
    assert await client.ended(10.0) == 1
    assert time.monotonic() - began < 10
    assert "revoked" in client.output or "ended" in client.output
    await world.member_change(north, "revoked")
    again = await world.join(north)
    assert await again.ended() == 1
    assert "has ended: it left, or its setter has revoked it." in again.output
    # The attempt with it could not reach its minimum; the next one is another's.
    await world.abandoned(1)
    await world.join(west)
    await world.completed(1)
    assert world.counted(world.rounds()[0]) == {"south": 10, "west": 10}


async def test_a_client_takes_part_in_as_many_rounds_as_asked(make_world: MakeWorld) -> None:
    world = await make_world(rounds=3, goal=3, minimum=2)
    await world.serve(1, **QUICK_TO_GIVE_UP)
    members = [world.enrol(name) for name in ("north", "south", "west")]
    await world.join_all(*members[:2])
    west = await world.join(members[2], "--rounds", "1")
    assert await west.ended(DEADLINE_S) == 0
    assert "counted in 1 round, as asked" in west.output
    assert "Your updates were counted in one round of this run: “fedota-client" in west.output
    assert len(world.director.tasks_of("west", "evaluate")) == 1
