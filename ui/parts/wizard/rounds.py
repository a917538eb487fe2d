"""Step 5: the rules of the rounds, and how clients train."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import streamlit as st

from fedota_proto.strategy_table import strategy_table
from fedota_server.webserver.permissions import Actor
from fedota_server.webserver.platform import Platform
from fedota_server.webserver.views import DraftView
from ui.parts.number_field import number_field
from ui.parts.wizard.privacy import privacy_fields
from ui.parts.wizard.steps import save, show_step_mistakes
from ui.parts.words import plain


@dataclass(frozen=True)
class Rule:
    """A rule as a field of the form; its bounds are those of problem.toml.

    Parameters
    ----------
    key
        In problem.toml.
    label, help
        Beside the field.
    value, minimum, maximum
        What is proposed, and the bounds, included. An int makes a field for whole numbers.
    """

    key: str
    label: str
    help: str
    value: float | int
    minimum: float | int
    maximum: float | int


_MONTH_S = 31 * 86_400.0

COUNTS = (
    Rule("rounds", "Rounds", "Server rounds to complete.", 20, 1, 1_000_000),
    Rule("goal_count", "Goal count", "Reports wanted in a round.", 3, 2, 100_000),
    Rule(
        "minimum_reports",
        "Minimum reports",
        "Fewest reports with which a round may complete. At least 2: with 1, the round's model "
        "would be one holder's own.",
        3,
        2,
        100_000,
    ),
    Rule(
        "over_selection",
        "Over-selection",
        "Factor on the goal count: so many are admitted, since some drop out.",
        1.3,
        1.0,
        10.0,
    ),
)
CLOCKS = (
    Rule(
        "selection_timeout_s",
        "Selection timeout (s)",
        "The longest that a round waits for clients; it then begins with those who are here, if "
        "they are the minimum.",
        60.0,
        1.0,
        86_400.0,
    ),
    Rule(
        "settle_s",
        "Settling time (s)",
        "With the goal waiting, the round begins when nobody has come for so long.",
        1.0,
        0.0,
        3600.0,
    ),
    Rule(
        "reporting_deadline_s",
        "Reporting deadline (s)",
        "How long data holders may train in a round.",
        600.0,
        1.0,
        _MONTH_S,
    ),
    Rule(
        "evaluation_deadline_s",
        "Evaluation deadline (s)",
        "How long they may evaluate the round's model.",
        600.0,
        1.0,
        _MONTH_S,
    ),
    Rule(
        "abandoned_attempts_max",
        "Failed attempts in a row",
        "So many attempts, abandoned after their selection, and the problem fails.",
        5,
        1,
        100_000,
    ),
)
TRAINING = (
    Rule(
        "local_epochs",
        "Local epochs",
        "Passes over each holder's training examples in a round.",
        1,
        1,
        10_000,
    ),
    Rule("batch_size", "Batch size", "Examples in a step.", 32, 1, 1_000_000),
    Rule(
        "holdout_fraction",
        "Held-out share",
        "Share of each holder's examples that is never trained on; the model is scored on it.",
        0.2,
        0.01,
        0.9,
    ),
    Rule(
        "seed",
        "Seed",
        "A task's seed is made of it, the round and the client: the same again, the same result.",
        0,
        0,
        2**31 - 1,
    ),
)


def show(platform: Platform, actor: Actor, draft: DraftView) -> None:
    """Show the step."""
    show_step_mistakes(draft, "rounds")
    pid = draft.problem_id
    _show_strategy_needs(draft)
    with st.form("rounds", border=False):
        st.markdown("**Who takes part**")
        rounds = _fields(COUNTS, draft.rounds, pid)
        st.markdown("**How long a round waits**")
        rounds |= _fields(CLOCKS, draft.rounds, pid)
        st.markdown("**How clients train**")
        training = _fields(TRAINING, draft.training, pid)
        with st.expander("Noise at the clients (differential privacy)"):
            privacy = privacy_fields(draft)
        saved = st.form_submit_button("Save and go on", type="primary")

    def act() -> None:
        platform.problems.set_training(actor, pid, training)
        platform.problems.set_privacy(actor, pid, privacy)
        platform.problems.set_rounds(actor, pid, rounds)

    if saved:
        save("rounds", act)


def _show_strategy_needs(draft: DraftView) -> None:
    spec = strategy_table().get(str(draft.strategy.get("name", "")))
    if spec is not None and spec.fewest_reports_rules:
        rules = " and ".join(rule.text() for rule in spec.fewest_reports_rules)
        st.info(plain(f"{spec.name} needs {rules}."), icon=":material/info:")


def _fields(rules: tuple[Rule, ...], saved: dict[str, Any], pid: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    with st.grid(min_column_width=220, gap="small"):
        for rule in rules:
            values[rule.key] = number_field(
                rule.label,
                whole=isinstance(rule.value, int),
                value=saved.get(rule.key, rule.value),
                lowest=rule.minimum,
                highest=rule.maximum,
                help_text=rule.help,
                key=f"rule_{pid}_{rule.key}",
            )
    return {key: value for key, value in values.items() if value is not None}
