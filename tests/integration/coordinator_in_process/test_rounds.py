"""Rounds over scripted selectors: what is sent, folded, kept and told."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from fedota_proto.v1 import fl_intra_pb2 as pb
from fedota_proto.v1 import fl_round_pb2

from .conftest import INITIAL, MakeWorld, World, toml_of
from .scripted_selector import ScriptedTask, trained, weight_of

ADAM = 'name = "FedAdam"\neta = 0.05'


def flat_mean(
    model: dict[str, np.ndarray], server_round: int, *nodes: int
) -> dict[str, np.ndarray]:
    """Average what the clients made of a model, in float64."""
    updates = [trained(node, server_round, model) for node in nodes]
    weights = [weight_of(node) for node in nodes]
    return {
        name: np.average([u[name].astype(np.float64) for u in updates], axis=0, weights=weights)
        for name in model
    }


def _is_asked_of(node: int, message: pb.CoordinatorMessage) -> bool:
    return message.HasField("to_client") and message.to_client.node_id == node


def _is_attempt(node: int, attempt: int, task: ScriptedTask) -> bool:
    return (task.node_id, task.round.attempt) == (node, attempt)


def assert_close(model: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    for name, array in expected.items():
        assert model[name].dtype == np.float32
        np.testing.assert_allclose(model[name], array, atol=1e-6 * np.abs(array).max())


async def test_two_rounds_of_a_mean_end_with_the_flat_mean(make_world: MakeWorld) -> None:
    world = await make_world()
    one = await world.attached(1, 1, 2)
    two = await world.attached(2, 3)
    await world.webserver.state("completed")
    for server_round, before in ((1, INITIAL), (2, world.model(1))):
        assert_close(world.model(server_round), flat_mean(before, server_round, 1, 2, 3))
    assert list(world.model(1)) == list(INITIAL), "in the manifest's order"
    ended = await world.webserver.round_ended(1)
    assert (ended.admitted, ended.reported, ended.weight) == (3, 3, 60.0)
    assert {m.name: m.value for m in ended.train_metrics} == {"loss": 1.0}
    assert {m.name for m in ended.stage_s} == {"selection", "configuration", "reporting"}
    evaluated = await world.webserver.events.until(lambda e: e.HasField("evaluated"))
    assert evaluated.evaluated.clients == 3
    assert {m.name: m.value for m in evaluated.evaluated.metrics} == {
        "loss": 0.5,
        "accuracy": 0.75,
    }
    finished = await one.messages.until(lambda m: m.HasField("finished"))
    assert finished.finished.server_round == 2
    # The model that a round evaluates is the one that the next round trains.
    assert [size > 0 for size in two.travelled] == [True, True, False, True]


async def test_every_client_hears_a_signed_outcome(make_world: MakeWorld) -> None:
    world = await make_world(toml_of(rounds=1))
    one = await world.attached(1, 1, 2, 3)
    for node in (1, 2, 3):
        for kind in ("train", "evaluate"):
            task = await one.task_of(node, 1, kind)
            outcome = await one.outcome_of(task)
            assert outcome.kind == fl_round_pb2.COUNTED
            assert (outcome.message_type, outcome.weight) == (kind, weight_of(node))
            assert outcome.round.server_round == 1
    (row,) = world.rounds()
    assert {(e.node_id, e.outcome, e.weight) for e in row.entries} == {
        (node, "counted", weight_of(node)) for node in (1, 2, 3)
    }


async def test_forwarded_updates_reach_a_strategy_that_must_see_each(
    make_world: MakeWorld,
) -> None:
    world = await make_world(toml_of('name = "FedMedian"', rounds=1))
    await world.attached(1, 1, 2)
    await world.attached(2, 3)
    await world.webserver.state("completed")
    updates = [trained(node, 1, INITIAL) for node in (1, 2, 3)]
    for name, array in world.model(1).items():
        np.testing.assert_array_equal(array, np.median([u[name] for u in updates], axis=0))


async def test_the_order_of_folding_is_the_selectors_own(
    make_world: MakeWorld, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whichever selector attaches and answers first, the last bit is the same."""
    models = []
    for numbers in ((1, 2), (2, 1)):
        world = await make_world(toml_of(ADAM, rounds=3), start=False)
        world.folder = tmp_path_factory.mktemp("order")
        world.publish(toml_of(ADAM, rounds=3))
        await world.start()
        for number in numbers:
            await world.attached(number, *((1, 2) if number == 1 else (3,)))
        await world.webserver.state("completed")
        models.append(world.model(3))
        await world.close()
    for name in INITIAL:
        assert models[0][name].tobytes() == models[1][name].tobytes()


async def test_a_selector_lost_in_reporting_is_made_up_for(make_world: MakeWorld) -> None:
    world = await make_world(toml_of(rounds=1))
    one = await world.attached(1, 1, 2)
    two = world.selector(2)
    await two.attach()
    two.slow.add(3)
    await two.join(3)
    for node in (1, 2):
        await one.task_of(node, 1)
    await world.webserver.clocks.until(lambda c: c.clock.reported == 2)
    lost = [await one.task_of(node, 1) for node in (1, 2)]
    await one.detach()
    # Its clients come to the other selector, and keep their updates.
    for task in lost:
        await two.join(task.node_id, open_tasks=[(task.task_id, True)])
    voided = await world.webserver.events.until(lambda e: e.selector.change == "ended")
    assert voided.selector.name.startswith("selector-1.")
    for task in lost:
        again = await two.messages.until(partial(_is_asked_of, task.node_id))
        assert again.to_client.expected.resend
        two.answer(task)
    two.answer(await two.task_of(3, 1))
    ended = await world.webserver.round_ended(1)
    assert (ended.reported, ended.weight) == (3, 60.0)
    await world.webserver.state("completed")
    assert_close(world.model(1), flat_mean(INITIAL, 1, 1, 2, 3))


async def test_the_same_selector_goes_on_with_its_epoch(make_world: MakeWorld) -> None:
    world = await make_world(toml_of(rounds=1))
    one = world.selector(1)
    await one.attach()
    one.slow.add(3)
    await one.join(1, 2, 3)
    await world.webserver.clocks.until(lambda c: c.clock.reported == 2)
    epoch = one.epoch
    await one.detach()
    attached = await one.attach()
    assert attached.epoch == epoch
    assert {binding.node_id for binding in attached.bindings} == {1, 2, 3}
    third = await one.task_of(3, 1)
    await one.join(3, open_tasks=[(third.task_id, False)])
    one.answer(third)
    ended = await world.webserver.round_ended(1)
    assert ended.reported == 3


async def test_a_killed_run_ends_with_the_same_bits(
    make_world: MakeWorld, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """FedAdam, stopped with a round open and started again from its folder."""

    async def train(world: World, stops: bool) -> None:
        one = world.selector(1)
        await one.attach()
        one.slow.add(2)
        await one.join(1, 2, 3)
        await one.task_of(2, 1)
        if not stops:
            one.slow.clear()
        one.answer(await one.task_of(2, 1))
        if stops:
            await world.webserver.round_ended(1)
            await world.webserver.clocks.until(
                lambda c: (c.clock.round.server_round, c.clock.reported) == (2, 2)
            )
            lost = await one.task_of(2, 2)
            await one.detach()
            await world.stop()
            await world.start()
            one.slow.clear()
            one.instance_id = b"again, another. "
            await one.attach()
            # The client has not heard what became of its task: its round was abandoned.
            (verdict,) = await one.join(2, wants=[lost.task_id])
            assert [o.kind for o in verdict.outcomes] == [fl_round_pb2.ROUND_ABANDONED]
            await one.join(1, 3)
        await world.webserver.state("completed")

    models = []
    for stops in (False, True):
        world = await make_world(start=False)
        world.folder = tmp_path_factory.mktemp("run")
        world.publish(toml_of(ADAM, rounds=3))
        await world.start()
        await train(world, stops)
        assert [row.server_round for row in world.rounds()] == [1, 2, 3]
        models.append(world.model(3))
        await world.close()
    for name in INITIAL:
        assert models[0][name].tobytes() == models[1][name].tobytes()


async def test_outcomes_survive_a_restart(make_world: MakeWorld) -> None:
    world = await make_world(toml_of(rounds=1))
    one = await world.attached(1, 1, 2, 3)
    task = await one.task_of(1, 1)
    await one.outcome_of(task)
    await world.webserver.state("completed")
    await one.detach()
    await world.stop()
    await world.start()
    attached = await one.attach()
    assert attached.finished
    (verdict,) = await one.join(1, wants=[task.task_id], invite="")
    (outcome,) = verdict.outcomes
    assert (outcome.task_id, outcome.kind) == (task.task_id, fl_round_pb2.COUNTED)
    assert (outcome.weight, outcome.message_type) == (10.0, "train")


async def test_a_rejected_update_is_told_and_left_out(make_world: MakeWorld) -> None:
    world = await make_world(toml_of(rounds=1))
    one = world.selector(1)
    await one.attach()
    one.slow.add(3)
    await one.join(1, 2, 3)
    task = await one.task_of(3, 1)
    one.say(
        rejected={
            "task_id": task.task_id,
            "node_id": 3,
            "code": "not-finite",
            "reason": "NaN in layers/a/vars/0",
            "weight": 30.0,
        }
    )
    outcome = await one.outcome_of(task)
    assert (outcome.kind, outcome.code) == (fl_round_pb2.REJECTED, "not-finite")
    ended = await world.webserver.round_ended(1)
    assert (ended.reported, ended.rejected) == (2, 1)
    await world.webserver.state("completed")
    assert_close(world.model(1), flat_mean(INITIAL, 1, 1, 2))


async def test_below_the_minimum_a_round_is_abandoned_and_repeated(
    make_world: MakeWorld,
) -> None:
    world = await make_world(toml_of(rounds=1))
    one = world.selector(1)
    await one.attach()
    one.slow.update((2, 3))
    await one.join(1, 2, 3)
    for node in (2, 3):
        task = await one.task_of(node, 1)
        one.say(
            task_failed={
                "task_id": task.task_id,
                "node_id": node,
                "code": "worker",
                "reason": "out of memory",
            }
        )
    abandoned = await world.webserver.round_ended(1, completed=False)
    assert (abandoned.abandoned_in, abandoned.round.attempt) == ("reporting", 1)
    assert "1 of at least 2" in abandoned.reason
    told = await one.outcomes.until(lambda o: o.node_id == 1)
    assert told.outcome.kind == fl_round_pb2.ROUND_ABANDONED
    one.slow.clear()
    again = await one.tasks.until(lambda t: t.round.attempt == 2)
    assert again.round.server_round == 1
    for node in (2, 3):
        await one.tasks.until(partial(_is_attempt, node, 2))
    ended = await world.webserver.round_ended(1)
    assert ended.round.attempt == 2


async def test_too_many_abandoned_attempts_fail_the_problem_until_it_is_resumed(
    make_world: MakeWorld,
) -> None:
    world = await make_world(toml_of(rounds=1, abandoned_attempts_max=2))
    one = world.selector(1)
    await one.attach()
    one.slow.update((1, 2, 3))
    await one.join(1, 2, 3)
    for attempt in (1, 2):
        for node in (1, 2, 3):
            task = await one.tasks.until(partial(_is_attempt, node, attempt))
            failed = {"task_id": task.task_id, "node_id": node, "code": "worker", "reason": "no"}
            one.say(task_failed=failed)
    failed_state = await world.webserver.state("failed")
    assert failed_state.failure_id
    assert "2 attempts at round 1 in a row" in failed_state.reason
    one.slow.clear()
    reply = await world.webserver.command(resume=True)
    assert reply.done
    await world.webserver.state("completed")
    assert [row.attempt for row in world.rounds()] == [3]


async def test_evaluation_is_skipped_by_who_takes_no_part(make_world: MakeWorld) -> None:
    world = await make_world(toml_of(rounds=1))
    one = world.selector(1)
    await one.attach()
    await one.join(1, no_evaluation=True)
    await one.join(2, 3)
    evaluated = await world.webserver.events.until(lambda e: e.HasField("evaluated"))
    assert evaluated.evaluated.clients == 2
    assert not [t for t in one.tasks.items if (t.node_id, t.message_type) == (1, "evaluate")]


async def test_an_evaluation_that_nobody_answers_ends_at_its_deadline(
    make_world: MakeWorld,
) -> None:
    world = await make_world(toml_of(rounds=1, evaluation_deadline_s=1.0))
    one = await world.attached(1)
    one.evaluates = False
    await one.join(1, 2, 3)
    await one.task_of(1, 1, "evaluate")
    await world.webserver.state("completed")
    assert world.model(1)
    evaluated = await world.webserver.events.until(lambda e: e.HasField("evaluated"))
    assert evaluated.evaluated.clients == 0
    task = await one.task_of(1, 1, "evaluate")
    assert (await one.outcome_of(task)).kind == fl_round_pb2.LATE
