"""What the three models are worth: numbers, their intervals, and the choice."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedota_client.examples import Examples, Field
from fedota_client.personal.comparison import choose, compare
from fedota_client.personal.figures import short
from fedota_client.personal.halves import MEASURED_MOST, parts_of
from fedota_client.personal.intervals import mean_interval, share_interval
from fedota_client.personal.measures import Answers, classes_of, measure
from fedota_proto.errors import DataError


def answers(losses: list[float], predicted: list[int] | None = None) -> Answers:
    true = np.zeros(len(losses), np.int64) if predicted is not None else np.empty(0, np.int64)
    said = np.array(predicted if predicted is not None else [], np.int64)
    return Answers(np.array(losses), said, true)


@pytest.mark.parametrize(
    ("hits", "count", "low", "high"),
    [
        # R: binom.test(8, 10)$conf.int and binom.test(10, 10)$conf.int
        (8, 10, 0.4439045, 0.9747893),
        (10, 10, 0.6915029, 1.0),
        (0, 10, 0.0, 0.3084971),
    ],
)
def test_a_share_has_the_exact_interval(hits: int, count: int, low: float, high: float) -> None:
    interval = share_interval(hits, count)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=1e-6)
    assert interval.value == hits / count


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=50))
def test_a_mean_lies_within_its_interval_and_that_within_the_values(values: list[float]) -> None:
    interval = mean_interval(np.array(values))
    assert min(values) - 1e-9 <= interval.low <= interval.high <= max(values) + 1e-9
    assert interval == mean_interval(np.array(values))


def test_a_means_interval_is_near_the_normal_one_for_many_values() -> None:
    values = np.random.default_rng(1).normal(3.0, 2.0, size=2_000)
    interval = mean_interval(values)
    half = 1.96 * 2.0 / np.sqrt(2_000)
    assert interval.high - interval.low == pytest.approx(2 * half, rel=0.1)


def test_a_class_is_the_highest_output_or_a_threshold() -> None:
    assert classes_of(np.array([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3]])).tolist() == [1, 0]
    assert classes_of(np.array([[0.4], [0.6]])).tolist() == [0, 1]
    # One output beyond [0, 1] says that they are logits.
    assert classes_of(np.array([[0.4], [-2.0]])).tolist() == [1, 0]


def test_a_classification_is_measured_by_loss_accuracy_and_confusion() -> None:
    measured = measure(Answers(np.ones(4), np.array([0, 1, 1, 0]), np.array([0, 1, 0, 0])), 2)
    assert list(measured.numbers) == ["loss", "accuracy"]
    assert measured.numbers["accuracy"].value == 0.75
    assert measured.confusion == [[2, 1], [0, 1]]


def test_a_number_is_measured_by_its_error() -> None:
    measured = measure(Answers(np.ones(2), np.array([1.0, 4.0]), np.array([2.0, 2.0])), 0)
    assert measured.numbers["mean absolute error"].value == 1.5
    assert measured.confusion == []


def test_several_targets_are_measured_by_the_loss_alone() -> None:
    assert list(measure(answers([1.0, 2.0]), 0).numbers) == ["loss"]


def test_the_lowest_loss_on_one_half_is_chosen_and_the_other_half_only_reports() -> None:
    choice = {
        "shared": answers([1.0, 1.0]),
        "personal": answers([0.5, 0.5]),
        "local": answers([2.0, 2.0]),
    }
    report = {
        "shared": answers([1.0, 3.0]),
        "personal": answers([2.0, 3.0]),
        "local": answers([0.0, 0.0]),
    }
    comparison = compare(choice, report, ())
    assert comparison.chosen == "personal"
    assert comparison.differences["shared"].value == 0.5
    assert comparison.differences["local"].value == 2.5
    assert set(comparison.differences) == {"shared", "local"}
    assert comparison.fields()["models"]["personal"]["numbers"]["loss"]["value"] == 2.5


@pytest.mark.parametrize(
    ("local", "chosen"),
    [
        ([0.2, 0.2, 0.2, 0.2], "local"),  # always better
        ([0.9, 0.9, 0.9, 0.9], "personal"),  # always worse
        ([0.0, 0.6, 0.6, 0.6], "personal"),  # better by one lucky example
    ],
)
def test_the_local_only_model_must_be_better_beyond_a_standard_error(
    local: list[float], chosen: str
) -> None:
    choice = {
        "shared": answers([0.7, 0.7, 0.7, 0.7]),
        "personal": answers([0.5, 0.5, 0.5, 0.5]),
        "local": answers(local),
    }
    assert choose(choice) == chosen


def test_at_a_tie_the_shared_model_is_kept() -> None:
    same = {name: answers([1.0, 1.0]) for name in ("shared", "personal", "local")}
    assert compare(same, same, ()).chosen == "shared"


def examples(count: int, seed: int = 0) -> Examples:
    random = np.random.default_rng(seed)
    inputs = random.normal(size=(count, 2)).astype(np.float32)
    return Examples(
        (Field(("a", "b"), inputs),), (Field(("y",), np.zeros((count, 1), np.float32)),)
    )


def test_every_example_has_one_place() -> None:
    train, held_out = examples(200, 1), examples(50, 2)
    parts = parts_of(train, held_out)
    assert len(parts.train) + len(parts.validation) == 200
    assert 10 < len(parts.validation) < 60
    assert len(parts.choice) + len(parts.report) == 50
    assert min(len(parts.choice), len(parts.report)) > 10


def test_where_an_example_goes_does_not_depend_on_the_others() -> None:
    held_out = examples(50, 2)
    alone = parts_of(examples(100, 1), held_out).choice.inputs[0].values
    fewer = parts_of(examples(100, 1), held_out.take(np.arange(25))).choice.inputs[0].values
    kept = {row.tobytes() for row in np.asarray(alone[:])}
    assert {row.tobytes() for row in np.asarray(fewer[:])} <= kept


def test_too_few_held_out_examples_are_told() -> None:
    with pytest.raises(DataError, match="only 1 held-out examples"):
        parts_of(examples(10, 1), examples(1, 2))


def test_too_few_to_part_with_validate_themselves() -> None:
    parts = parts_of(examples(1, 1), examples(50, 2))
    assert len(parts.train) == len(parts.validation) == 1


def test_of_very_many_examples_only_some_are_measured() -> None:
    parts = parts_of(examples(10, 1), examples(3 * MEASURED_MOST, 2))
    assert len(parts.choice) == len(parts.report) == MEASURED_MOST


@pytest.mark.parametrize(
    ("value", "signed", "text"),
    [
        (0.03451, False, "0.0345"),
        (5694.3, False, "5,694"),
        (-12.55, False, "-12.6"),
        (0.00001, False, "<0.0001"),
        (0.00001, True, "0.0000"),
        (2.5, True, "+2.5"),
        (0.0, False, "0"),
    ],
)
def test_numbers_are_short(value: float, signed: bool, text: str) -> None:
    assert short(value, signed=signed) == text
