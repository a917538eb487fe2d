"""The supervisor over real servers: started, kept, taken over, given up, scaled, let rest."""

from __future__ import annotations

import asyncio
import signal

from support.holder import Holder
from support.waiting import until
from support.web_world import PROBLEM, MakeWebWorld, WebWorld, assert_nothing_missing_or_double

from fedota_server.webserver.tables import (
    ClientRow,
    EvaluationRow,
    RoundRow,
    UpdateRow,
)


async def train(world: WebWorld, server_round: int, *holders: Holder) -> None:
    """Have a round trained by these, and completed."""
    await asyncio.gather(*(holder.train(server_round) for holder in holders))
    await world.round_completed(server_round)


async def test_a_wish_to_start_has_the_problem_trained_to_its_end(
    make_web_world: MakeWebWorld, database_url: str
) -> None:
    world = await make_web_world(rounds=2, database_url=database_url)
    await world.start_webserver()
    world.web.problems.start(world.setter, PROBLEM)
    await world.status("waiting for data holders", "running")
    assert set(world.pids()) == {"coordinator", "selector-1"}
    north, south = await world.holder("north"), await world.holder("south")
    await train(world, 1, north, south)
    await world.comes(lambda: len(world.rows(EvaluationRow)) == 1, "an evaluation")
    await train(world, 2, north, south)
    await world.status("completed")
    await world.comes(lambda: world.problem.wanted == "stopped", "that the servers may rest")
    await world.state_of("coordinator", "stopped")
    await until(lambda: not world.pids(), "an end of all servers")
    assert_nothing_missing_or_double(world)
    counted = [row for row in world.rows(UpdateRow) if row.kind == "train"]
    assert len(counted) == 4
    assert all(row.outcome == "counted" and row.size_bytes > 0 for row in counted)
    clients = {row.name: row for row in world.rows(ClientRow)}
    assert all(row.bound_unix_s and row.last_change == "gone" for row in clients.values())


async def test_a_killed_coordinator_is_back_and_the_round_goes_on(
    make_web_world: MakeWebWorld,
) -> None:
    world = await make_web_world(rounds=2)
    await world.start_webserver()
    world.web.problems.start(world.setter, PROBLEM)
    await world.status("waiting for data holders", "running")
    north, south = await world.holder("north"), await world.holder("south")
    await train(world, 1, north, south)
    await south.to_train(2)
    await north.train(2)
    before = world.process("coordinator")
    assert before is not None
    before.kill()

    def back() -> bool:
        now = world.process("coordinator")
        return now is not None and now.pid != before.pid

    await until(back, "a new coordinator", timeout_s=15)
    await train(world, 2, north, south)
    await world.status("completed")
    row = world.server("coordinator")
    assert row is not None
    assert row.starts == 2
    assert_nothing_missing_or_double(world)


async def test_a_killed_webservers_successor_takes_the_servers_over(
    make_web_world: MakeWebWorld, database_url: str
) -> None:
    world = await make_web_world(rounds=3, selectors=2, database_url=database_url)
    first = await world.start_webserver()
    world.web.problems.start(world.setter, PROBLEM)
    await world.status("waiting for data holders", "running")
    north, south = await world.holder("north"), await world.holder("south")
    await train(world, 1, north, south)
    pids = world.pids()
    assert len(pids) == 3
    await first.kill()
    await asyncio.gather(north.train(2), south.train(2))
    in_history = lambda: len(world.rounds()) == 2  # noqa: E731
    await until(in_history, "a round that was completed without a webserver")
    assert len(world.rows(RoundRow)) == 1
    await world.start_webserver()
    await world.round_completed(2)
    await train(world, 3, north, south)
    await world.status("completed")
    assert world.pids() == pids
    row = world.server("coordinator")
    assert row is not None
    assert (row.starts, row.detail) == (1, "taken over")
    assert_nothing_missing_or_double(world)


async def test_what_ends_with_the_webserver_is_told_and_the_next_one_goes_on(
    make_web_world: MakeWebWorld,
) -> None:
    world = await make_web_world(rounds=2)
    await world.start_webserver(FEDOTA_KEEP_SERVERS="false")
    world.web.problems.start(world.setter, PROBLEM)
    await world.status("waiting for data holders", "running")
    north, south = await world.holder("north"), await world.holder("south")
    await train(world, 1, north, south)
    await world.stop_webserver()
    assert world.pids() == {}
    row = world.server("coordinator")
    assert row is not None
    assert row.state == "stopped"
    assert {client.last_change for client in world.rows(ClientRow)} == {"gone"}
    await world.start_webserver(FEDOTA_KEEP_SERVERS="true")
    north, south = await world.again(north), await world.again(south)
    await train(world, 2, north, south)
    pids = world.pids()
    await world.stop_webserver()
    assert world.pids() == pids, "these were to be kept"


async def test_what_must_end_with_the_webserver_ends_also_when_that_is_killed(
    make_web_world: MakeWebWorld,
) -> None:
    world = await make_web_world(rounds=2)
    webserver = await world.start_webserver(FEDOTA_KEEP_SERVERS="false")
    world.web.problems.start(world.setter, PROBLEM)
    await world.state_of("coordinator", "running")
    await world.state_of("selector-1", "running")
    assert set(world.pids()) == {"coordinator", "selector-1"}
    await webserver.kill()
    await until(lambda: not world.pids(), "an end of all servers")


async def test_a_server_that_cannot_start_is_given_up_with_its_reason(
    make_web_world: MakeWebWorld,
) -> None:
    world = await make_web_world(rounds=2)
    history = world.folder.coordinator_folder / "history.jsonl"
    history.parent.mkdir(parents=True)
    history.write_text("{oh\n")
    webserver = await world.start_webserver()
    world.web.problems.start(world.setter, PROBLEM)
    row = await world.status("failed", timeout_s=90)
    assert "history.jsonl is damaged" in row.status_reason
    assert "did not last" in row.status_reason
    await webserver.says(f"given up, id {row.failure_id}: ")
    server = await world.state_of("coordinator", "given up")
    assert "history.jsonl is damaged" in server.detail
    await until(lambda: not world.pids(), "an end of the selector")
    assert world.problem.wanted == "stopped"
    history.unlink()
    command_id = world.web.problems.resume(world.setter, PROBLEM)
    row = await world.status("waiting for data holders", "running")
    assert row.failure_id == ""
    await world.answer(command_id)


async def test_a_port_that_is_taken_is_named_and_taken_up_when_it_is_free(
    make_web_world: MakeWebWorld,
) -> None:
    world = await make_web_world(rounds=2)
    await world.start_webserver()
    taken = await asyncio.start_server(lambda *_: None, "127.0.0.1", world.ports.coordinator)
    world.web.problems.start(world.setter, PROBLEM)
    row = await world.state_of("coordinator", "backing off")
    assert f"Port {world.ports.coordinator}, kept for coordinator" in row.detail
    taken.close()
    await taken.wait_closed()
    await world.state_of("coordinator", "running")
    await world.status("waiting for data holders", "running")


async def test_selectors_are_scaled_up_and_down(make_web_world: MakeWebWorld) -> None:
    world = await make_web_world(rounds=2)
    await world.start_webserver()
    world.web.problems.start(world.setter, PROBLEM)
    await world.state_of("selector-1", "running")
    coordinator = world.pids()["coordinator"]
    world.web.problems.scale(world.setter, PROBLEM, 3)
    for name in ("selector-2", "selector-3"):
        await world.state_of(name, "running")
    north = await world.holder("north")
    await north.welcomed()
    world.web.problems.scale(world.setter, PROBLEM, 1)
    for name in ("selector-2", "selector-3"):
        await world.state_of(name, "stopped")
    assert set(world.pids()) == {"coordinator", "selector-1"}
    assert world.pids()["coordinator"] == coordinator


async def test_commands_are_answered_once_also_by_a_coordinator_that_was_away(
    make_web_world: MakeWebWorld,
) -> None:
    world = await make_web_world(rounds=3)
    first = await world.start_webserver()
    world.web.problems.start(world.setter, PROBLEM)
    await world.status("waiting for data holders", "running")
    north, south = await world.holder("north"), await world.holder("south")
    await train(world, 1, north, south)
    paused = await world.answer(world.web.problems.pause(world.setter, PROBLEM))
    assert paused.done
    assert "paused" in paused.message
    await world.status("paused")
    # Nobody can answer now: the webserver is gone.
    await first.kill()
    command_id = world.web.problems.resume(world.setter, PROBLEM)
    assert world.command_row(command_id).answered_unix_s is None
    await world.start_webserver()
    resumed = await world.answer(command_id)
    assert resumed.message == "The problem goes on."
    await train(world, 2, north, south)
    answers = (world.folder.coordinator_folder / "commands.jsonl").read_text()
    assert answers.count(command_id) == 1
    stopped = await world.answer(world.web.problems.stop(world.setter, PROBLEM))
    assert stopped.done
    await world.status("completed")
    assert world.problem.completed_round == 2
    assert_nothing_missing_or_double(world)


async def test_a_completed_problem_is_rolled_back_by_servers_started_for_it(
    make_web_world: MakeWebWorld,
) -> None:
    world = await make_web_world(rounds=2)
    await world.start_webserver()
    world.web.problems.start(world.setter, PROBLEM)
    await world.status("waiting for data holders", "running")
    north, south = await world.holder("north"), await world.holder("south")
    await train(world, 1, north, south)
    await train(world, 2, north, south)
    await world.comes(lambda: world.problem.wanted == "stopped", "that the servers may rest")
    await until(lambda: not world.pids(), "an end of all servers")
    rolled = await world.answer(world.web.problems.roll_back(world.setter, PROBLEM, 1))
    assert rolled.done, rolled.message
    await world.status("paused")
    await world.answer(world.web.problems.resume(world.setter, PROBLEM))
    await world.status("waiting for data holders", "running")
    superseded = {
        (row.generation, row.server_round): row.superseded for row in world.rows(RoundRow)
    }
    assert superseded[(0, 1)] is False
    assert superseded[(0, 2)] is True
    north, south = await world.again(north), await world.again(south)
    await asyncio.gather(north.train(2), south.train(2))
    await world.status("completed")
    assert (world.problem.generation, world.problem.completed_round) == (1, 2)
    assert_nothing_missing_or_double(world)


async def test_whoever_leaves_is_out_within_ten_seconds(make_web_world: MakeWebWorld) -> None:
    world = await make_web_world(rounds=2)
    await world.start_webserver()
    world.web.problems.start(world.setter, PROBLEM)
    await world.status("waiting for data holders", "running")
    north = await world.holder("north")
    await north.welcomed()
    world.web.memberships.leave(world.holders["north"], PROBLEM)
    refusal = await north.refusal(timeout_s=10)
    assert refusal.retry_after_s == 0
    assert "revoked" in refusal.reason


async def test_a_webserver_that_is_told_to_end_ends_soon(make_web_world: MakeWebWorld) -> None:
    world = await make_web_world(rounds=2)
    webserver = await world.start_webserver()
    world.web.problems.start(world.setter, PROBLEM)
    await world.state_of("coordinator", "running")
    webserver.send(signal.SIGTERM)
    assert await webserver.ended(timeout_s=10) == 0
    assert "Traceback" not in webserver.output
