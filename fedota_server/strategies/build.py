"""Builds the strategy that a problem names."""

from __future__ import annotations

from typing import Any

from flwr.serverapp import strategy as flower_strategies

from fedota_proto.errors import StrategyError
from fedota_proto.manifest import Manifest
from fedota_proto.problem import Problem
from fedota_server.strategies.declared_arrays import (
    ARRAYS_KEY,
    CONFIG_KEY,
    WEIGHT_KEY,
    DeclaredArrays,
)

LOSS_METRIC = "loss"


def build_strategy(problem: Problem, manifest: Manifest) -> DeclaredArrays:
    """Build Flower's own strategy, unmodified, inside the wrapper that holds it to the manifest.

    The round rules say who takes part, not the strategy: fractions are 1.0 and minima 1.

    Parameters
    ----------
    problem
        Its strategy and that strategy's parameters have been validated.
    manifest
        The problem's arrays.

    Returns
    -------
    DeclaredArrays
        A new strategy without any state.

    Raises
    ------
    StrategyError
        If the installed Flower refuses a parameter.
    """
    choice = problem.strategy
    spec = choice.spec
    extra: dict[str, Any] = {"train_loss_key": LOSS_METRIC} if spec.needs_loss else {}
    try:
        strategy = getattr(flower_strategies, spec.name)(
            fraction_train=1.0,
            fraction_evaluate=1.0,
            min_train_nodes=1,
            min_evaluate_nodes=1,
            min_available_nodes=1,
            weighted_by_key=WEIGHT_KEY,
            arrayrecord_key=ARRAYS_KEY,
            configrecord_key=CONFIG_KEY,
            **extra,
            **choice.parameters,
        )
    except (TypeError, ValueError) as error:
        raise StrategyError(
            f"Flower's {spec.name} refuses its parameters: {error}", detail=repr(error)
        ) from error
    return DeclaredArrays(
        strategy,
        manifest,
        average_non_trainables=spec.averaged_state,
        loss_key=LOSS_METRIC if spec.needs_loss else "",
    )
