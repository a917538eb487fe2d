"""Flower's strategies, built from a problem, and the wrappers of our own around them."""

from fedota_server.strategies.build import LOSS_METRIC, build_strategy
from fedota_server.strategies.declared_arrays import DeclaredArrays
from fedota_server.strategies.state import StrategyState, restore_state, strategy_state

__all__ = [
    "LOSS_METRIC",
    "DeclaredArrays",
    "StrategyState",
    "build_strategy",
    "restore_state",
    "strategy_state",
]
