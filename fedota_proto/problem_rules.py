"""The rules of a problem's rounds and of its clients' training."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from fedota_proto.toml_reader import TableReader

_DAY_S = 86_400.0
_MONTH_S = 31 * _DAY_S


@dataclass(frozen=True, slots=True)
class RoundRules:
    """Who takes part in a round, and how long it waits.

    Parameters
    ----------
    rounds
        Server rounds to complete.
    goal_count
        Reports wanted in a round.
    over_selection
        Factor ≥ 1 on `goal_count`: up to that many clients are admitted.
    minimum_reports
        Fewest reports with which a round may complete, at least 2.
    selection_timeout_s
        Longest selection.
    settle_s
        With the goal waiting, the selection ends when nobody has come for that long.
    reporting_deadline_s, evaluation_deadline_s
        Longest reporting, longest evaluation.
    abandoned_attempts_max
        Attempts in a row abandoned after their selection with which the problem fails.
    """

    rounds: int
    goal_count: int
    over_selection: float
    minimum_reports: int
    selection_timeout_s: float
    settle_s: float
    reporting_deadline_s: float
    evaluation_deadline_s: float
    abandoned_attempts_max: int

    @property
    def admitted_max(self) -> int:
        """Most clients that a round admits: goal × over-selection, rounded up."""
        # The decimal as written counts: 10 × 1.1 is 11, in floating point 11.000000000000002.
        return math.ceil(self.goal_count * Fraction(str(self.over_selection)))


@dataclass(frozen=True, slots=True)
class TrainingRules:
    """What each client does with its task.

    Parameters
    ----------
    local_epochs
        Passes over the holder's training examples in a round.
    batch_size
        Examples in a step.
    holdout_fraction
        Share of the examples that is never trained on and on which the client evaluates.
    seed
        Of the problem; a task's seed is made of it, the round and the node id.
    """

    local_epochs: int
    batch_size: int
    holdout_fraction: float
    seed: int


def read_rounds(reader: TableReader) -> RoundRules:
    """Read the section ``[rounds]``; mistakes are noted in `reader`."""
    rounds = reader.integer("rounds", minimum=1, maximum=1_000_000)
    goal_count = reader.integer("goal_count", minimum=2, maximum=100_000)
    over_selection = reader.number("over_selection", minimum=1.0, maximum=10.0, default=1.3)
    minimum_reports = reader.integer("minimum_reports", minimum=2, maximum=100_000, default=3)
    selection_timeout_s = reader.number(
        "selection_timeout_s", minimum=1.0, maximum=_DAY_S, default=60.0
    )
    settle_s = reader.number(
        "settle_s", minimum=0.0, maximum=3600.0, default=1.0 if over_selection > 1.0 else 0.0
    )
    reporting_deadline_s = reader.number("reporting_deadline_s", minimum=1.0, maximum=_MONTH_S)
    evaluation_deadline_s = reader.number(
        "evaluation_deadline_s", minimum=1.0, maximum=_MONTH_S, default=reporting_deadline_s
    )
    abandoned_attempts_max = reader.integer(
        "abandoned_attempts_max", minimum=1, maximum=100_000, default=5
    )
    return RoundRules(
        rounds=rounds,
        goal_count=goal_count,
        over_selection=over_selection,
        minimum_reports=minimum_reports,
        selection_timeout_s=selection_timeout_s,
        settle_s=settle_s,
        reporting_deadline_s=reporting_deadline_s,
        evaluation_deadline_s=evaluation_deadline_s,
        abandoned_attempts_max=abandoned_attempts_max,
    )


def compare_rounds(reader: TableReader, rules: RoundRules) -> None:
    """Note where settings that are right by themselves do not fit together.

    Parameters
    ----------
    reader
        The section, finished.
    rules
        As `read_rounds` returned them.
    """
    fine = reader.fine("goal_count", "minimum_reports")
    if fine and rules.goal_count < rules.minimum_reports:
        default = "" if reader.given("minimum_reports") else " (its default)"
        reader.wrong(
            "goal_count",
            f"is {rules.goal_count}, below minimum_reports, which is {rules.minimum_reports}"
            f"{default}; raise it or lower minimum_reports",
        )
    if reader.fine("settle_s", "selection_timeout_s") and (
        rules.settle_s > rules.selection_timeout_s
    ):
        reader.wrong(
            "settle_s",
            f"is {rules.settle_s:g}, above selection_timeout_s, which is "
            f"{rules.selection_timeout_s:g}",
        )


def read_training(reader: TableReader) -> TrainingRules:
    """Read the section ``[training]``; mistakes are noted in `reader`."""
    return TrainingRules(
        local_epochs=reader.integer("local_epochs", minimum=1, maximum=10_000, default=1),
        batch_size=reader.integer("batch_size", minimum=1, maximum=1_000_000, default=32),
        holdout_fraction=reader.number("holdout_fraction", minimum=0.01, maximum=0.9, default=0.2),
        seed=reader.integer("seed", minimum=0, maximum=2**31 - 1, default=0),
    )
