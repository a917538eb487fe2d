"""The page that tells a holder what the three models are worth."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from fedota_client.personal.comparison import MODELS, compare
from fedota_client.personal.measures import Answers
from fedota_client.personal.report import ReportFacts, report_html
from fedota_client.personal.target_answers import TargetAnswers
from fedota_client.personal.tuning import Tuned, TuningRules


def page(answers: Answers, *targets: str) -> str:
    """Report on three models that say the same."""
    said = dict.fromkeys(MODELS, answers)
    return report_html(
        ReportFacts(
            title="Beds & <days>",
            problem_id="p1",
            server_round=3,
            comparison=compare(said, said),
            answers=said,
            tuned={name: Tuned({}, 1, [2.0, 1.0], [2.0, 1.0]) for name in ("personal", "local")},
            rules=TuningRules(epochs_max=2, patience=1, batch_size=8, seed=1),
            layers="all",
            targets=targets,
            train_examples=10,
            made=datetime(2026, 5, 1, tzinfo=UTC),
        )
    )


def number(name: str) -> TargetAnswers:
    return TargetAnswers(name, (), np.array([[1.0], [2.0]]), np.array([[1.0], [4.0]]))


LOSSES = np.array([1.0, 3.0])


def test_one_target_needs_no_heading_of_its_own() -> None:
    text = page(Answers(LOSSES, (number("days"),)), "days")
    assert "<th>loss</th><th>mean absolute error</th>" in text
    assert "<h2>days</h2>" not in text
    assert "<h2>Where predictions are off</h2>" in text
    assert "sum over all targets" not in text
    assert "Its loss is the same as that of the local-only model." in text
    assert "Beds &amp; &lt;days&gt;" in text


def test_a_target_that_cannot_be_laid_beside_the_truth_is_told() -> None:
    text = page(Answers(LOSSES, (number("days"),)), "days", "risk")
    assert "<h2>days</h2>" in text
    assert "<h3>Where predictions are off</h3>" in text
    assert "What the model says of risk is neither a class nor a number" in text
    assert "sum over all targets" in text


def test_by_the_loss_alone_there_is_a_table_and_its_interval() -> None:
    text = page(Answers(LOSSES), "risk")
    assert "<th>loss</th></tr>" in text
    assert text.count("<svg") == 2
    assert "its loss is 2 (1 to 3)." in text
