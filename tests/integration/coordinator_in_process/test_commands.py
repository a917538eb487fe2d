"""The setter's commands, at every moment; a problem that nobody joins answers them too."""

from __future__ import annotations

import asyncio

import numpy as np
from support.waiting import Feed

from fedota_proto.v1 import fl_round_pb2

from .conftest import INITIAL, MakeWorld, toml_of


async def test_a_problem_that_nobody_joins_waits_visibly_and_answers(
    make_world: MakeWorld,
) -> None:
    world = await make_world(toml_of(selection_timeout_s=1.0))
    await world.attached(1, 1)
    waiting = await world.webserver.state("waiting for data holders")
    assert "at least 2" in waiting.reason
    ended = await world.webserver.round_ended(1, completed=False)
    assert (ended.abandoned_in, ended.reason) == (
        "selection",
        "1 of at least 2 data holders waited.",
    )
    clock = await world.webserver.clocks.until(
        lambda c: c.state == "waiting for data holders" and c.clock.stage == "waiting"
    )
    assert (clock.clock.waiting, clock.clock.minimum, clock.members_bound) == (1, 2, 1)
    before = len(world.webserver.events.items)
    assert (await world.webserver.command(pause=True)).message == "The problem is paused."
    await world.webserver.state("paused", after=before)
    assert "paused already" in (await world.webserver.command(pause=True)).message
    assert (await world.webserver.command(resume=True)).done
    before = len(world.webserver.events.items)
    await world.webserver.state("waiting for data holders", after=before)
    # Such attempts never count as failures, and only the first in a row is written down.
    attempts = [e for e in world.webserver.events.items if e.HasField("round")]
    assert len(attempts) == 1
    stopped = await world.webserver.command(stop=True)
    assert stopped.done
    await world.webserver.state("completed")


async def test_a_paused_problem_stays_so_after_a_restart(make_world: MakeWorld) -> None:
    world = await make_world()
    assert (await world.webserver.command(pause=True)).done
    await world.stop()
    await world.start()
    one = await world.attached(1, 1, 2, 3)
    clock = await world.webserver.clocks.until(lambda c: c.clock.waiting == 3)
    assert (clock.state, clock.clock.stage) == ("paused", "paused")
    assert not one.tasks.items
    assert (await world.webserver.command(resume=True)).done
    await world.webserver.state("completed")


async def test_pause_is_after_the_open_round(make_world: MakeWorld) -> None:
    world = await make_world()
    one = world.selector(1)
    await one.attach()
    one.slow.add(3)
    await one.join(1, 2, 3)
    task = await one.task_of(3, 1)
    reply = await world.webserver.command(pause=True)
    assert reply.message == "The problem is paused after round 1, which is open."
    one.answer(task)
    await world.webserver.round_ended(1)
    await one.task_of(3, 1, "evaluate")
    assert [row.server_round for row in world.rounds()] == [1]
    assert not [t for t in one.tasks.items if t.round.server_round == 2]


async def test_stop_abandons_the_open_round(make_world: MakeWorld) -> None:
    world = await make_world()
    one = world.selector(1)
    await one.attach()
    one.slow.add(3)
    await one.join(1, 2, 3)
    held = await one.task_of(1, 1)
    await world.webserver.clocks.until(lambda c: c.clock.reported == 2)
    reply = await world.webserver.command(stop=True)
    assert reply.message == "The problem ends with round 0."
    outcome = await one.outcome_of(held)
    assert outcome.kind == fl_round_pb2.ROUND_ABANDONED
    abandoned = await world.webserver.round_ended(1, completed=False)
    assert "stopped by its setter" in abandoned.reason
    await one.messages.until(lambda m: m.HasField("finished"))
    assert "completed already" in (await world.webserver.command(stop=True)).message
    assert not (await world.webserver.command(resume=True)).done


async def test_a_roll_back_opens_a_generation(make_world: MakeWorld) -> None:
    world = await make_world(toml_of(rounds=3))
    one = await world.attached(1, 1, 2, 3)
    await world.webserver.state("completed")
    first = world.model(1)
    refused = await world.webserver.command(roll_back_to=7)
    assert not refused.done
    assert "Round 7 cannot be rolled back to; these can: 0, 1, 2, 3." in refused.message
    reply = await world.webserver.command(command_id="back", roll_back_to=1)
    assert reply.done
    rolled = await world.webserver.events.until(lambda e: e.HasField("rolled_back"))
    assert (rolled.rolled_back.generation, rolled.rolled_back.to_round) == (1, 1)
    await world.webserver.state("paused")
    for name in INITIAL:
        np.testing.assert_array_equal(world.model(1)[name], first[name])
    # Given again, as after a lost answer, it does not happen twice.
    assert (await world.webserver.command(command_id="back", roll_back_to=1)) == reply
    # Selectors attach anew, so that they know that it is not finished any more.
    await one.detach()
    attached = await one.attach()
    assert not attached.finished
    await one.join(1, 2, 3)
    before = len(world.webserver.events.items)
    assert (await world.webserver.command(resume=True)).done
    await world.webserver.state("completed", after=before)
    keys = [(row.generation, row.server_round) for row in world.rounds()]
    assert keys == [(0, 1), (1, 2), (1, 3)]


async def test_a_roll_back_during_a_round_goes_on_at_once(make_world: MakeWorld) -> None:
    world = await make_world(toml_of(rounds=2))
    one = world.selector(1)
    await one.attach()
    one.slow.add(3)
    await one.join(1, 2, 3)
    one.answer(await one.task_of(3, 1))
    open_task = await one.task_of(3, 2)
    await world.webserver.clocks.until(
        lambda c: (c.clock.round.server_round, c.clock.reported) == (2, 2)
    )
    one.slow.clear()
    reply = await world.webserver.command(roll_back_to=0)
    assert reply.message == "Rolled back: the next round is 1."
    assert (await one.outcome_of(open_task)).kind == fl_round_pb2.ROUND_ABANDONED
    await world.webserver.state("completed")
    keys = [(row.generation, row.server_round) for row in world.rounds()]
    assert keys == [(1, 1), (1, 2)]


async def test_a_revoked_member_is_ended_everywhere(make_world: MakeWorld) -> None:
    world = await make_world()
    one = world.selector(1)
    await one.attach()
    one.slow.add(3)
    await one.join(1, 2, 3)
    task = await one.task_of(3, 1)
    assert (await world.webserver.command(revoke=3)).done
    binding = await one.messages.until(
        lambda m: m.HasField("binding") and m.binding.binding.revoked
    )
    assert binding.binding.binding.node_id == 3
    refused = await one.messages.until(lambda m: m.HasField("refuse"))
    assert list(refused.refuse.node_ids) == [3]
    cancel = await one.messages.until(lambda m: m.HasField("cancel"))
    assert list(cancel.cancel.task_ids) == [task.task_id]
    ended = await world.webserver.round_ended(1)
    assert ended.reported == 2
    (verdict,) = await one.join(3)
    assert not verdict.accepted
    assert verdict.refusal.code == "invite"
    changed = await world.webserver.events.until(lambda e: e.member.change == "revoked")
    assert changed.member.node_id == 3
    await world.stop()
    await world.start()
    again = await one.attach()
    assert [b.node_id for b in again.bindings if b.revoked] == [3]


async def test_selectors_beyond_the_number_wanted_are_drained(make_world: MakeWorld) -> None:
    world = await make_world(toml_of(selection_timeout_s=20.0))
    one = await world.attached(1, 1)
    two = await world.attached(2, 2)
    reply = await world.webserver.command(selectors=1)
    assert reply.done
    refused = await two.messages.until(lambda m: m.HasField("refuse"))
    assert refused.refuse.refusal.retry_after_s > 0
    listed = await one.messages.until(
        lambda m: m.HasField("selectors") and len(m.selectors.selectors) == 1
    )
    assert listed.selectors.selectors[0].server_name.startswith("selector-1.")


async def test_events_wait_for_a_webserver_that_is_away(make_world: MakeWorld) -> None:
    world = await make_world(start=False)
    await world.webserver.start()
    await world.webserver.stop()
    await world.start()
    one = await world.attached(1, 1, 2, 3)
    await one.messages.until(lambda m: m.HasField("finished"))
    assert not world.webserver.events.items
    await world.webserver.start()
    await world.webserver.state("completed")
    numbers = [event.seq for event in world.webserver.events.items]
    assert numbers == list(range(1, len(numbers) + 1))


async def test_no_event_is_lost_to_a_stream_that_broke(make_world: MakeWorld) -> None:
    world = await make_world()
    assert (await world.webserver.command(pause=True)).done
    await world.webserver.stop()
    one = await world.attached(1, 1)
    refused: Feed[object] = Feed("connections to nobody")

    def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()
        refused.put(None)

    nobody = await asyncio.start_server(refuse, "127.0.0.1", world.webserver.port)
    await refused.count(3)
    nobody.close()
    await nobody.wait_closed()
    await world.webserver.start()
    await world.webserver.events.until(lambda e: e.member.change == "connected")
    one.leave(1)
    await world.webserver.events.until(lambda e: e.member.change == "gone")
    numbers = [event.seq for event in world.webserver.events.items]
    assert numbers == list(range(1, len(numbers) + 1))
