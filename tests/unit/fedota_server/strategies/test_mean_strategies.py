"""Two levels of running means and one folded reply, against Flower over every single reply."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from flwr.app import ArrayRecord, Message, MetricRecord, RecordDict
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fedota_proto.problem import strategy_table
from fedota_proto.records import ArrayBytes, Arrays
from fedota_proto.running_mean import RunningMean
from fedota_server.strategies.build import build_strategy
from fedota_server.strategies.flower_arrays import flower_arrays, record_of
from fedota_server.strategies.state import strategy_state

MEAN_STRATEGIES = tuple(n for n, spec in strategy_table().items() if spec.aggregation == "mean")
ROUNDS = 4
SELECTORS: tuple[tuple[int, ...], ...] = ((0, 3, 4), (1,), (2, 5, 6))


def fold(manifest: Any, updates: Sequence[Any], selectors: Sequence[Sequence[int]]) -> Arrays:
    """What selectors' running means and the coordinator's over them make of a round."""
    top = RunningMean(manifest.arrays)
    for members in selectors:
        partial = RunningMean(manifest.arrays)
        for index in members:
            update = updates[index]
            arrays = {n: ArrayBytes.from_numpy(a) for n, a in update.arrays.items()}
            partial.add(arrays, update.weight)
        weight = partial.weight
        top.add(partial.mean(), weight)
    return top.mean()


def folded_reply(to: Message, arrays: Arrays, weight: float) -> Message:
    record = record_of(flower_arrays(arrays).items())
    metrics = MetricRecord({"num-examples": weight})
    return Message(RecordDict({"arrays": record, "metrics": metrics}), reply_to=to)


def largest_of(arrays: dict[str, Any]) -> float:
    return max(float(np.max(np.abs(array))) for array in arrays.values())


def assert_near(ours: dict[str, Any], flat: dict[str, Any], largest: float = 0.0) -> None:
    largest = max(largest, largest_of(flat))
    assert ours.keys() == flat.keys()
    for name, array in flat.items():
        assert ours[name].shape == array.shape
        np.testing.assert_allclose(ours[name], array, rtol=0, atol=1e-6 * largest, err_msg=name)


def flat_round(
    lab: Any, strategy: Any, means: Any, server_round: int, model: Any, updates: Any
) -> dict[str, Any]:
    """Plain Flower: the strategy over the trainable arrays, FedAvg over the others; cast."""
    trainable = lab.manifest.trainable_names
    given_arrays = lab.record(model, trainable)
    messages = lab.configure(strategy, server_round, given_arrays, [u.node_id for u in updates])
    pairs = list(zip(messages, updates, strict=True))
    replies = [lab.reply(message, update, names=trainable) for message, update in pairs]
    arrays, _ = strategy.aggregate_train(server_round, replies)
    beside = [lab.reply(message, update, names=lab.non_trainable) for message, update in pairs]
    averaged, _ = means.aggregate_train(server_round, beside)
    found = {**lab.numpy(arrays), **lab.numpy(averaged)}
    return {a.name: found[a.name].astype(a.dtype) for a in lab.manifest.arrays}


def assert_same_state(ours: Any, flat: Any, model: dict[str, Any]) -> None:
    """Momenta are differences of models: rounding counts by the model's largest element."""
    mine, theirs = strategy_state(ours), strategy_state(flat)
    assert mine.parts.keys() == theirs.parts.keys()
    for attribute, part in theirs.parts.items():
        assert part is not None
        assert_near(dict(mine.parts[attribute] or {}), dict(part), largest_of(model))


@pytest.mark.parametrize("name", MEAN_STRATEGIES)
def test_folding_equals_flowers_flat_aggregation_over_several_rounds(lab: Any, name: str) -> None:
    ours = build_strategy(lab.problem(name), lab.manifest)
    flat, means = lab.plain(name), lab.plain("FedAvg")
    model = flat_model = lab.model()

    for server_round in range(1, ROUNDS + 1):
        updates = lab.updates(flat_model, seed=server_round)
        messages = lab.configure(ours, server_round, lab.record(model), [1, 2, 3, 4, 5, 6, 7])
        mean = fold(lab.manifest, updates, SELECTORS)
        reply = folded_reply(messages[0], mean, sum(u.weight for u in updates))
        record, _ = ours.aggregate_train(server_round, [reply])
        model = lab.numpy(record)
        flat_model = flat_round(lab, flat, means, server_round, flat_model, updates)

        assert list(model) == list(lab.manifest.names)
        assert [str(a.dtype) for a in model.values()] == [a.dtype for a in lab.manifest.arrays]
        assert_near(model, flat_model)
        assert_same_state(ours, flat, model)
    assert any(np.any(model[n] != lab.model()[n]) for n in model)


@pytest.mark.parametrize("name", ["FedAvg", "FedProx"])
def test_averaging_beside_the_strategy_changes_nothing_where_it_averages(
    lab: Any, name: str
) -> None:
    ours, flat = build_strategy(lab.problem(name), lab.manifest), lab.plain(name)
    updates = lab.updates(lab.model(), seed=1)
    messages = lab.configure(ours, 1, lab.record(lab.model()), range(1, 8))
    mean = fold(lab.manifest, updates, SELECTORS)
    record, _ = ours.aggregate_train(1, [folded_reply(messages[0], mean, 1.0)])

    replies = [lab.reply(messages[0], update) for update in updates]
    expected, _ = flat.aggregate_train(1, replies)

    assert_near(lab.numpy(record), lab.numpy(expected))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 2**31),
    assignment=st.lists(st.integers(0, 3), min_size=1, max_size=12),
    scale=st.sampled_from([1e-3, 1.0, 1e6]),
)
def test_any_spread_over_selectors_hands_on_the_flat_mean(
    lab_of_module: Any, seed: int, assignment: list[int], scale: float
) -> None:
    lab = lab_of_module
    updates = lab.updates(lab.model(seed), seed, count=len(assignment))
    for update in updates:
        update.weight *= scale
    selectors = [[i for i, s in enumerate(assignment) if s == k] for k in set(assignment)]
    plain = lab.plain("FedAvg")
    message = lab.configure(plain, 1, lab.record(lab.model(seed)), [1])[0]

    mean = fold(lab.manifest, updates, selectors)
    flat, _ = plain.aggregate_train(1, [lab.reply(message, update) for update in updates])

    assert_near(lab.numpy(record_of(flower_arrays(mean).items())), lab.numpy(flat))


def test_a_single_folded_reply_keeps_non_trainables_to_the_bit(lab: Any) -> None:
    ours = build_strategy(lab.problem("FedAdam"), lab.manifest)
    messages = lab.configure(ours, 1, lab.record(lab.model()), [1])
    mean = fold(lab.manifest, lab.updates(lab.model(), seed=3), SELECTORS)
    reply = folded_reply(messages[0], mean, 70.0)

    record, _ = ours.aggregate_train(1, [reply])

    assert isinstance(record, ArrayRecord)
    for name in lab.non_trainable:
        assert record[name].data == bytes(mean[name].data)
