"""What a model is worth on examples that it was not trained on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fedota_client.personal.intervals import Interval, mean_interval, share_interval

_HALF = 0.5


@dataclass(frozen=True, slots=True)
class Answers:
    """What a model says of some examples, and what is true.

    Parameters
    ----------
    losses
        float64 ``(examples,)``, the model's own loss of each.
    predicted, true
        ``(examples,)``: indices of classes, or numbers; empty where the problem has neither one
        class nor one number as its target.
    """

    losses: np.ndarray
    predicted: np.ndarray
    true: np.ndarray

    def __len__(self) -> int:
        """Count the examples."""
        return len(self.losses)


@dataclass(frozen=True, slots=True)
class Measured:
    """What a model is worth.

    Parameters
    ----------
    numbers
        By name, the loss first.
    confusion
        Of a classification: rows the true class, columns the predicted.
    """

    numbers: dict[str, Interval]
    confusion: list[list[int]] = field(default_factory=list)

    def fields(self) -> dict[str, Any]:
        """Write it as JSON fields."""
        numbers = {name: interval.fields() for name, interval in self.numbers.items()}
        return {"numbers": numbers, "confusion": self.confusion}


def classes_of(outputs: np.ndarray) -> np.ndarray:
    """Return the class that a model's output names for each example.

    Parameters
    ----------
    outputs
        ``(examples, classes)``: the highest wins. ``(examples, 1)``: one number for the second of
        two classes, above one half where all lie in [0, 1], else (a logit) above 0.
    """
    flat = outputs.reshape(len(outputs), -1)
    if flat.shape[1] > 1:
        return np.asarray(flat.argmax(axis=1))
    values = flat[:, 0]
    is_probability = bool(np.all((values >= 0.0) & (values <= 1.0)))
    return np.asarray(values > (_HALF if is_probability else 0.0), dtype=np.int64)


def measure(answers: Answers, classes: int) -> Measured:
    """Measure a model.

    Parameters
    ----------
    answers
        At least one.
    classes
        How many the target has; 0: it is a number, or there are several targets.
    """
    numbers = {"loss": mean_interval(answers.losses)}
    if not len(answers.true):
        return Measured(numbers)
    if not classes:
        errors = np.abs(answers.predicted - answers.true)
        numbers["mean absolute error"] = mean_interval(errors)
        return Measured(numbers)
    hits = int(np.sum(answers.predicted == answers.true))
    numbers["accuracy"] = share_interval(hits, len(answers))
    confusion = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(confusion, (answers.true, np.minimum(answers.predicted, classes - 1)), 1)
    return Measured(numbers, confusion.tolist())


def compared(first: Answers, second: Answers) -> Interval:
    """Return by how much the first model's loss lies above the second's, on the same examples.

    Returns
    -------
    Interval
        Negative where the first is better; the paired bootstrap's bounds.
    """
    return mean_interval(first.losses - second.losses)
