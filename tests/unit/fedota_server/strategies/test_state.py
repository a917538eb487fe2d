"""A strategy's own state, taken out and put back to the bit."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from flwr.app import ArrayRecord
from flwr.serverapp.strategy import FedXgbBagging

from fedota_proto.errors import CheckpointError, InternalError
from fedota_proto.problem import strategy_table
from fedota_server.strategies.build import build_strategy
from fedota_server.strategies.state import (
    _ATTRIBUTES,
    StrategyState,
    restore_state,
    strategy_state,
)

NAMES = tuple(strategy_table())
STATEFUL = ("FedAvgM", "FedAdam", "FedAdagrad", "FedYogi", "QFedAvg")


def play(lab: Any, strategy: Any, server_round: int, record: ArrayRecord) -> ArrayRecord:
    """One round whose updates depend on the round's number alone."""
    updates = lab.updates(lab.model(), seed=server_round)
    messages = lab.configure(strategy, server_round, record, range(1, 8))
    replies = [lab.reply(m, u) for m, u in zip(messages, updates, strict=True)]
    arrays: ArrayRecord = strategy.aggregate_train(server_round, replies)[0]
    return arrays


def data_of(record: ArrayRecord) -> dict[str, bytes]:
    return {name: array.data for name, array in record.items()}


def test_knows_every_strategy() -> None:
    assert set(_ATTRIBUTES) == set(NAMES)
    assert {name for name, attributes in _ATTRIBUTES.items() if attributes} == set(STATEFUL)


@pytest.mark.parametrize("restored_after", [1, 2])
@pytest.mark.parametrize("name", NAMES)
def test_restored_strategy_goes_on_to_the_bit(lab: Any, name: str, restored_after: int) -> None:
    problem = lab.problem(name)
    uninterrupted = build_strategy(problem, lab.manifest)
    record = lab.record(lab.model())
    for server_round in range(1, restored_after + 1):
        record = play(lab, uninterrupted, server_round, record)
    state = strategy_state(uninterrupted)
    kept = StrategyState.from_tensors(
        state.outline(), {key: array.copy() for key, array in state.tensors().items()}
    )
    restored = build_strategy(problem, lab.manifest)
    restore_state(restored, kept)
    other = record

    for server_round in range(restored_after + 1, 5):
        record = play(lab, uninterrupted, server_round, record)
        other = play(lab, restored, server_round, other)
        assert data_of(other) == data_of(record)
    mine, theirs = strategy_state(restored), strategy_state(uninterrupted)
    assert mine.outline() == theirs.outline()
    assert {k: a.tobytes() for k, a in mine.tensors().items()} == {
        k: a.tobytes() for k, a in theirs.tensors().items()
    }


@pytest.mark.parametrize("name", ["FedAvgM", "FedAdam", "FedAdagrad", "FedYogi"])
def test_without_its_state_it_goes_another_way(lab: Any, name: str) -> None:
    problem = lab.problem(name)
    uninterrupted = build_strategy(problem, lab.manifest)
    record = play(lab, uninterrupted, 1, lab.record(lab.model()))

    forgetful = play(lab, build_strategy(problem, lab.manifest), 2, record)

    assert data_of(forgetful) != data_of(play(lab, uninterrupted, 2, record))


@pytest.mark.parametrize("name", NAMES)
def test_nothing_else_changes_in_a_round(lab: Any, name: str) -> None:
    strategy = build_strategy(lab.problem(name), lab.manifest)
    before = dict(vars(strategy.strategy))

    record = play(lab, strategy, 1, lab.record(lab.model()))
    play(lab, strategy, 2, record)

    after = vars(strategy.strategy)
    assert after.keys() == before.keys()
    assert {k for k in after if after[k] is not before[k]} == set(_ATTRIBUTES[name])


@pytest.mark.parametrize("name", STATEFUL)
def test_state_is_a_copy(lab: Any, name: str) -> None:
    strategy = build_strategy(lab.problem(name), lab.manifest)
    record = play(lab, strategy, 1, lab.record(lab.model()))
    lab.configure(strategy, 2, record, [1])
    state = strategy_state(strategy)
    before = copy.deepcopy(state)

    restore_state(strategy, state)
    inner: Any = strategy.strategy
    for attribute in state.parts:
        held = getattr(inner, attribute)
        for array in held.values() if isinstance(held, dict) else held:
            if isinstance(array, np.ndarray):
                array += 1
    play(lab, strategy, 2, record)

    assert {k: a.tobytes() for k, a in state.tensors().items()} == {
        k: a.tobytes() for k, a in before.tensors().items()
    }


def test_names_are_the_arrays_names(lab: Any) -> None:
    strategy = build_strategy(lab.problem("FedAvgM"), lab.manifest)
    play(lab, strategy, 1, lab.record(lab.model()))

    state = strategy_state(strategy)

    assert list(state.parts["momentum_vector"] or {}) == list(lab.manifest.trainable_names)
    assert "momentum_vector/layers/dense/vars/0" in state.tensors()
    size = sum(array.size_bytes for array in lab.manifest.arrays if array.trainable)
    assert state.size_bytes() == 2 * size


def test_a_new_strategy_has_nothing_set(lab: Any) -> None:
    state = strategy_state(build_strategy(lab.problem("FedAdam"), lab.manifest))

    assert state.parts == {"current_arrays": None, "m_t": None, "v_t": None}
    assert StrategyState.from_tensors(state.outline(), {}) == state


def test_state_of_another_strategy_is_refused(lab: Any) -> None:
    state = strategy_state(build_strategy(lab.problem("FedAdam"), lab.manifest))

    with pytest.raises(CheckpointError, match=r"FedAdam.*FedYogi"):
        restore_state(build_strategy(lab.problem("FedYogi"), lab.manifest), state)


@pytest.mark.parametrize(
    "outline",
    ["", "[]", '{"strategy": "FedAdam"}', '{"strategy": "FedAdam", "parts": {"m_t": ["gone"]}}'],
)
def test_a_damaged_outline_is_refused(outline: str) -> None:
    with pytest.raises(CheckpointError, match="damaged"):
        StrategyState.from_tensors(outline, {})


def test_a_strategy_that_no_problem_names_is_refused() -> None:
    with pytest.raises(InternalError, match="FedXgbBagging"):
        strategy_state(FedXgbBagging())
