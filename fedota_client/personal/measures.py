"""What a model is worth on examples that it was not trained on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fedota_client.personal.intervals import Interval, mean_interval, share_interval
from fedota_client.personal.target_answers import TargetAnswers

LOSS, ACCURACY, ERROR = "loss", "accuracy", "mean absolute error"


@dataclass(frozen=True, slots=True)
class Answers:
    """What a model says of some examples, and what is true.

    Parameters
    ----------
    losses
        float64 ``(examples,)``, the model's own loss of each: the sum where it has several outputs.
    targets
        What it says of each target.
    """

    losses: np.ndarray
    targets: tuple[TargetAnswers, ...] = ()

    def __len__(self) -> int:
        """Count the examples."""
        return len(self.losses)


@dataclass(frozen=True, slots=True)
class MeasuredTarget:
    """What a model is worth by one target.

    Parameters
    ----------
    name
        The target's.
    measure
        `ACCURACY` of classes, `ERROR` of numbers.
    value
        The measure's.
    classes
        Names of the classes in the order of their indices; none of a number.
    confusion
        Of classes: rows the true class, columns the predicted.
    """

    name: str
    measure: str
    value: Interval
    classes: tuple[str, ...] = ()
    confusion: list[list[int]] = field(default_factory=list)

    def fields(self) -> dict[str, Any]:
        """Write it as JSON fields."""
        found: dict[str, Any] = {self.measure: self.value.fields()}
        if self.classes:
            found |= {"classes": list(self.classes), "confusion": self.confusion}
        return found


@dataclass(frozen=True, slots=True)
class Measured:
    """What a model is worth.

    Parameters
    ----------
    loss
        The mean of its own loss.
    targets
        By each target, in the declared order.
    """

    loss: Interval
    targets: tuple[MeasuredTarget, ...] = ()

    def fields(self) -> dict[str, Any]:
        """Write it as JSON fields."""
        return {
            LOSS: self.loss.fields(),
            "targets": {target.name: target.fields() for target in self.targets},
        }


def measure(answers: Answers) -> Measured:
    """Measure a model.

    Parameters
    ----------
    answers
        At least one.
    """
    return Measured(
        loss=mean_interval(answers.losses),
        targets=tuple(_measure_target(target) for target in answers.targets),
    )


def compared(first: Answers, second: Answers) -> Interval:
    """Return by how much the first model's loss lies above the second's, on the same examples.

    Returns
    -------
    Interval
        Negative where the first is better; the paired bootstrap's bounds.
    """
    return mean_interval(first.losses - second.losses)


def errors_compared(first: Answers, second: Answers) -> dict[str, Interval]:
    """Return by target how much further off the first model is than the second.

    Parameters
    ----------
    first, second
        Of two models with the same outputs.

    Returns
    -------
    dict
        By the target's name: the share of wrong classes, or the absolute error, of the first model
        less that of the second on the same examples; the paired bootstrap's bounds.
    """
    return {
        mine.name: mean_interval(_errors(mine) - _errors(theirs))
        for mine, theirs in zip(first.targets, second.targets, strict=True)
    }


def _measure_target(target: TargetAnswers) -> MeasuredTarget:
    errors = _errors(target)
    if not target.classes:
        return MeasuredTarget(target.name, ERROR, mean_interval(errors))
    if target.true.shape[1] == 1:
        accuracy = share_interval(int(np.sum(errors == 0.0)), len(errors))
    else:
        accuracy = mean_interval(1.0 - errors)
    confusion = np.zeros((len(target.classes), len(target.classes)), dtype=np.int64)
    np.add.at(confusion, (target.true.reshape(-1), target.predicted.reshape(-1)), 1)
    return MeasuredTarget(target.name, ACCURACY, accuracy, target.classes, confusion.tolist())


def _errors(target: TargetAnswers) -> np.ndarray:
    """Return each example's mean error, ``(examples,)``."""
    if target.classes:
        return np.asarray((target.predicted != target.true).mean(axis=1))
    return np.asarray(np.abs(target.predicted - target.true).mean(axis=1))
