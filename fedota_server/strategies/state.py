"""What a strategy carries from round to round, taken out and put back to the bit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from flwr.app import Array, ArrayRecord
from flwr.serverapp.strategy import Strategy
from numpy.typing import NDArray

from fedota_proto.errors import CheckpointError, InternalError

AnyArray = NDArray[Any]
Shape = Literal["record", "named", "positional"]

# How each attribute holds its arrays: an ArrayRecord, a dict by name, or a list in the order of
# `current_arrays`. A test runs every strategy and fails if another attribute changes in a round.
_FED_OPT: dict[str, Shape] = {"current_arrays": "named", "m_t": "named", "v_t": "named"}
_ATTRIBUTES: dict[str, dict[str, Shape]] = {
    "FedAvg": {},
    "FedProx": {},
    "FedAvgM": {"current_arrays": "record", "momentum_vector": "positional"},
    "FedAdam": _FED_OPT,
    "FedAdagrad": _FED_OPT,
    "FedYogi": _FED_OPT,
    "QFedAvg": {"current_arrays": "record"},
    "FedMedian": {},
    "FedTrimmedAvg": {},
    "Krum": {},
    "MultiKrum": {},
    "Bulyan": {},
}


@dataclass(frozen=True, slots=True)
class StrategyState:
    """A strategy's own state: for each of its attributes the arrays in it, by the model's names.

    Parameters
    ----------
    strategy
        Name of the strategy's class, as in Flower.
    parts
        Attribute to arrays, in order; None where the strategy has not set the attribute yet.
        The arrays have the strategy's dtypes, which need not be the declared ones.
    """

    strategy: str
    parts: Mapping[str, Mapping[str, AnyArray] | None]

    def size_bytes(self) -> int:
        """Sum the sizes of all arrays, in bytes."""
        return sum(a.nbytes for part in self.parts.values() for a in (part or {}).values())

    def tensors(self) -> dict[str, AnyArray]:
        """Flatten the state to arrays named ``<attribute>/<array's name>``.

        Returns
        -------
        dict of str to ndarray
            The arrays themselves, not copies.
        """
        return {
            f"{attribute}/{name}": array
            for attribute, part in self.parts.items()
            for name, array in (part or {}).items()
        }

    def outline(self) -> str:
        """Describe as JSON what `tensors` loses: the strategy, unset and empty parts, the order.

        Returns
        -------
        str
            What `from_tensors` needs beside the arrays.
        """
        parts = {a: None if part is None else list(part) for a, part in self.parts.items()}
        return json.dumps({"strategy": self.strategy, "parts": parts})

    @classmethod
    def from_tensors(cls, outline: str, tensors: Mapping[str, AnyArray]) -> StrategyState:
        """Build the state that `tensors` and `outline` describe.

        Parameters
        ----------
        outline
            What `outline` returned.
        tensors
            Arrays by ``<attribute>/<array's name>``.

        Returns
        -------
        StrategyState
            Holding the same arrays, not copies.

        Raises
        ------
        CheckpointError
            If the outline is malformed or names an array that is not there.
        """
        try:
            read = json.loads(outline)
            parts: dict[str, dict[str, AnyArray] | None] = {
                attribute: None
                if names is None
                else {name: tensors[f"{attribute}/{name}"] for name in names}
                for attribute, names in read["parts"].items()
            }
            return cls(strategy=read["strategy"], parts=parts)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CheckpointError(
                "The strategy state of the checkpoint is damaged; go back to an earlier round.",
                detail=repr(error),
            ) from error


def strategy_state(strategy: Strategy) -> StrategyState:
    """Copy everything that a strategy carries from one round to the next.

    Parameters
    ----------
    strategy
        One of Flower's strategies that problems may name, or a wrapper around one.

    Returns
    -------
    StrategyState
        Copies: nothing that the strategy does afterwards changes them.

    Raises
    ------
    InternalError
        If the strategy is none that problems may name.
    """
    inner = unwrapped(strategy)
    class_name, attributes = _attributes(inner)
    parts: dict[str, dict[str, AnyArray] | None] = {}
    for attribute, shape in attributes.items():
        held = getattr(inner, attribute)
        if held is None:
            parts[attribute] = None
        elif shape == "record":
            parts[attribute] = {name: array.numpy() for name, array in held.items()}
        elif shape == "named":
            parts[attribute] = {name: np.array(a, order="C") for name, a in held.items()}
        else:
            names = inner.current_arrays.keys()  # type: ignore[attr-defined]
            parts[attribute] = {
                name: np.array(a, order="C") for name, a in zip(names, held, strict=True)
            }
    return StrategyState(strategy=class_name, parts=parts)


def restore_state(strategy: Strategy, state: StrategyState) -> None:
    """Put a state back, so that the next round goes as it would have gone then, to the bit.

    Parameters
    ----------
    strategy
        A strategy of the class that `state` was taken from, with the same parameters.
    state
        Left as it is: the strategy gets copies.

    Raises
    ------
    CheckpointError
        If the state is of another strategy, or lacks one of this strategy's attributes.
    """
    inner = unwrapped(strategy)
    name, attributes = _attributes(inner)
    if state.strategy != name or set(state.parts) != set(attributes):
        raise CheckpointError(
            f"The checkpoint holds the state of {state.strategy}, and this problem's strategy is "
            f"{name}: give the problem the strategy that it was trained with."
        )
    for attribute, shape in attributes.items():
        part = state.parts[attribute]
        setattr(inner, attribute, None if part is None else _held(shape, part))


def unwrapped(strategy: Strategy) -> Strategy:
    """Return the innermost strategy: wrappers, Flower's and ours, hold theirs as ``strategy``.

    Parameters
    ----------
    strategy
        Any strategy.

    Returns
    -------
    Strategy
        `strategy` itself where it wraps none.
    """
    inner = getattr(strategy, "strategy", None)
    return unwrapped(inner) if isinstance(inner, Strategy) else strategy


def _held(shape: Shape, part: Mapping[str, AnyArray]) -> object:
    if shape == "record":
        return ArrayRecord({name: Array(np.asarray(array)) for name, array in part.items()})
    if shape == "named":
        return {name: np.array(array, order="C") for name, array in part.items()}
    return [np.array(array, order="C") for array in part.values()]


def _attributes(strategy: Strategy) -> tuple[str, dict[str, Shape]]:
    # By the very class: one that inherits from these may carry more than they do.
    name = type(strategy).__name__
    if name not in _ATTRIBUTES:
        raise InternalError(f"{name} is no strategy that a problem may name.")
    return name, _ATTRIBUTES[name]
