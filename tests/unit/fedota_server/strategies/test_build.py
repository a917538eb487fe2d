"""Flower's own classes, unmodified, with the problem's parameters."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from flwr.serverapp import strategy as flower_strategies

from fedota_proto.errors import StrategyError
from fedota_proto.problem import StrategyChoice, strategy_table
from fedota_server.strategies.build import build_strategy

NAMES = tuple(strategy_table())


def test_the_lab_knows_every_strategy(lab: Any) -> None:
    assert set(lab.parameters) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_builds_flowers_own_class_as_anyone_would(lab: Any, name: str) -> None:
    built = build_strategy(lab.problem(name), lab.manifest)

    assert type(built.strategy) is getattr(flower_strategies, name)
    assert vars(built.strategy) == vars(lab.plain(name))


@pytest.mark.parametrize("name", NAMES)
def test_round_rules_decide_who_takes_part(lab: Any, name: str) -> None:
    inner: Any = build_strategy(lab.problem(name), lab.manifest).strategy

    assert (inner.fraction_train, inner.fraction_evaluate) == (1.0, 1.0)
    assert (inner.min_train_nodes, inner.min_evaluate_nodes, inner.min_available_nodes) == (1, 1, 1)


@pytest.mark.parametrize("name", NAMES)
def test_only_robust_strategies_see_non_trainables(lab: Any, name: str) -> None:
    built = build_strategy(lab.problem(name), lab.manifest)

    message = lab.configure(built, 1, lab.record(lab.model()), [1])[0]
    built.aggregate_train(1, [lab.reply(message, lab.updates(lab.model(), 1)[0])] * 7)
    robust = {"FedMedian", "FedTrimmedAvg", "Krum", "MultiKrum", "Bulyan"}
    assert bool(built._averaged) == (name not in robust)
    assert {a.name for a in built._averaged} in (set(), set(lab.non_trainable))


def test_a_parameter_that_flower_refuses_is_named(lab: Any) -> None:
    problem = lab.problem("FedTrimmedAvg")
    wrong = replace(problem, strategy=StrategyChoice("FedTrimmedAvg", {"beta": 0.7}))

    with pytest.raises(StrategyError, match=r"FedTrimmedAvg refuses.*beta"):
        build_strategy(wrong, lab.manifest)
