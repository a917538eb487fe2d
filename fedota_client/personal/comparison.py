"""Three models on the holder's own held-out examples: which is the best, and what it is worth."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fedota_client.personal.intervals import Interval
from fedota_client.personal.measures import (
    Answers,
    Measured,
    compared,
    errors_compared,
    measure,
)

SHARED, PERSONAL, LOCAL = "shared", "personal", "local"
MODELS = (SHARED, PERSONAL, LOCAL)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was found.

    Parameters
    ----------
    chosen
        One of `MODELS`, as `choose` chooses.
    choice_losses
        Mean loss of each model on that half.
    measured
        Of each model, on the other half.
    differences
        The chosen model's loss less that of each other, on the other half.
    target_differences
        By target the chosen model's error less the shared model's, on the other half; empty where
        the shared model is chosen.
    choice_examples, report_examples
        How many there are in either half.
    """

    chosen: str
    choice_losses: dict[str, float]
    measured: dict[str, Measured]
    differences: dict[str, Interval]
    target_differences: dict[str, Interval]
    choice_examples: int
    report_examples: int

    def fields(self) -> dict[str, Any]:
        """Write it as JSON fields."""
        return {
            "chosen": self.chosen,
            "choice_examples": self.choice_examples,
            "choice_losses": self.choice_losses,
            "report_examples": self.report_examples,
            "models": {name: one.fields() for name, one in self.measured.items()},
            "loss_differences": {name: one.fields() for name, one in self.differences.items()},
            "error_differences": {
                name: one.fields() for name, one in self.target_differences.items()
            },
        }


def choose(choice: Mapping[str, Answers]) -> str:
    """Choose one of `MODELS`.

    Of the shared and the personal model the one with the lower loss, at a tie the shared one. The
    local-only model, which knows the fewest examples, must beat it by more than a standard error:
    by few examples the best of several models is often the luckiest.

    Parameters
    ----------
    choice
        What each model says of the same examples.

    References
    ----------
    Breiman, Friedman, Olshen and Stone, Classification and Regression Trees, 1984: the rule of one
    standard error.
    """
    together = min((SHARED, PERSONAL), key=lambda name: float(choice[name].losses.mean()))
    gain = choice[together].losses - choice[LOCAL].losses
    if len(gain) < 2:
        return together
    error = float(gain.std(ddof=1)) / math.sqrt(len(gain))
    return LOCAL if float(gain.mean()) > error else together


def compare(choice: Mapping[str, Answers], report: Mapping[str, Answers]) -> Comparison:
    """Choose by one half and measure on the other.

    Parameters
    ----------
    choice, report
        What each model says of the examples of either half.
    """
    losses = {name: float(choice[name].losses.mean()) for name in MODELS}
    chosen = choose(choice)
    return Comparison(
        chosen=chosen,
        choice_losses=losses,
        measured={name: measure(report[name]) for name in MODELS},
        differences={
            name: compared(report[chosen], report[name]) for name in MODELS if name != chosen
        },
        target_differences=(
            {} if chosen == SHARED else errors_compared(report[chosen], report[SHARED])
        ),
        choice_examples=len(choice[chosen]),
        report_examples=len(report[chosen]),
    )
