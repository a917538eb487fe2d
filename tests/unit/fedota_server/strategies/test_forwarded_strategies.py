"""Strategies that see every update, against plain Flower on the same updates in the same order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fedota_proto.problem import strategy_table
from fedota_server.strategies.build import build_strategy
from fedota_server.strategies.state import strategy_state

FORWARDED = tuple(n for n, spec in strategy_table().items() if spec.aggregation == "forwarded")
ROBUST = tuple(name for name in FORWARDED if name != "QFedAvg")
ROUNDS = 3


def test_the_table_forwards_for_six() -> None:
    assert len(FORWARDED) == 6
    assert len(ROBUST) == 5


@pytest.mark.parametrize("name", FORWARDED)
def test_equals_plain_flower_to_the_bit_after_the_cast(lab: Any, name: str) -> None:
    ours, plain = build_strategy(lab.problem(name), lab.manifest), lab.plain(name)
    seen = lab.manifest.trainable_names if name == "QFedAvg" else lab.manifest.names
    declared = {array.name: array.dtype for array in lab.manifest.arrays}
    model = lab.model()

    for server_round in range(1, ROUNDS + 1):
        updates = lab.updates(model, seed=server_round)
        messages = lab.configure(ours, server_round, lab.record(model), range(1, 8))
        replies = [lab.reply(m, u) for m, u in zip(messages, updates, strict=True)]
        theirs = lab.configure(plain, server_round, lab.record(model, seen), range(1, 8))
        flat = [
            lab.reply(m, u, names=seen, metrics=["loss"])
            for m, u in zip(theirs, updates, strict=True)
        ]

        record, _ = ours.aggregate_train(server_round, replies)
        expected, _ = plain.aggregate_train(server_round, flat)

        model = lab.numpy(record)
        assert list(model) == list(lab.manifest.names)
        assert {n: str(a.dtype) for n, a in model.items()} == declared
        for array_name, array in lab.numpy(expected).items():
            assert model[array_name].tobytes() == array.astype(declared[array_name]).tobytes()
        assert strategy_state(ours).outline() == strategy_state(plain).outline()


def test_qfedavg_averages_non_trainables_beside_itself(lab: Any) -> None:
    ours = build_strategy(lab.problem("QFedAvg"), lab.manifest)
    updates = lab.updates(lab.model(), seed=5)
    messages = lab.configure(ours, 1, lab.record(lab.model()), range(1, 8))

    record, _ = ours.aggregate_train(
        1, [lab.reply(m, u) for m, u in zip(messages, updates, strict=True)]
    )

    total = sum(update.weight for update in updates)
    for name in lab.non_trainable:
        mean = sum(u.arrays[name].astype(np.float64) * u.weight for u in updates) / total
        np.testing.assert_allclose(record[name].numpy(), mean, rtol=1e-6)


def poisoned_round(lab: Any, name: str, value: float, poisoner: int) -> tuple[Any, Any]:
    ours = build_strategy(lab.problem(name), lab.manifest)
    updates = lab.updates(lab.model(), seed=9)
    updates[poisoner].arrays[lab.variance] = np.full(3, value, np.float32)
    messages = lab.configure(ours, 1, lab.record(lab.model()), range(1, 8))
    replies = [lab.reply(m, u) for m, u in zip(messages, updates, strict=True)]
    record, _ = ours.aggregate_train(1, replies)
    honest = np.stack([u.arrays[lab.variance] for i, u in enumerate(updates) if i != poisoner])
    return record[lab.variance].numpy(), honest


@pytest.mark.parametrize("poisoner", [0, 3, 6])
@pytest.mark.parametrize("value", [-1e6, 1e6, -1e30])
@pytest.mark.parametrize("name", ROBUST)
def test_one_of_seven_spoils_no_robust_strategy(
    lab: Any, name: str, value: float, poisoner: int
) -> None:
    variance, honest = poisoned_round(lab, name, value, poisoner)

    assert np.all(variance >= honest.min(axis=0))
    assert np.all(variance <= honest.max(axis=0))


@pytest.mark.parametrize("name", ["FedAvg", "FedAdam", "QFedAvg"])
def test_it_would_spoil_a_mean(lab: Any, name: str) -> None:
    variance, honest = poisoned_round(lab, name, -1e6, 3)

    assert np.all(variance < honest.min(axis=0))


@pytest.mark.parametrize("name", FORWARDED)
def test_metric_names_may_differ_between_updates(lab: Any, name: str) -> None:
    ours = build_strategy(lab.problem(name), lab.manifest)
    updates = lab.updates(lab.model(), seed=2)
    for update, accuracy in zip(updates, [None, 0.5, None, 1.0, None, None, None], strict=True):
        update.metrics = {"loss": 1.0}
        if accuracy is not None:
            update.metrics["accuracy"] = accuracy
    messages = lab.configure(ours, 1, lab.record(lab.model()), range(1, 8))

    _, metrics = ours.aggregate_train(
        1, [lab.reply(m, u) for m, u in zip(messages, updates, strict=True)]
    )

    share = updates[3].weight / (updates[1].weight + updates[3].weight)
    assert metrics["loss"] == pytest.approx(1.0)
    assert metrics["accuracy"] == pytest.approx(0.5 + 0.5 * share)
    assert "num-examples" not in metrics
