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
from fedota_client.personal.measures import ACCURACY, ERROR, Answers, errors_compared, measure
from fedota_client.personal.target_answers import TargetAnswers, answers_of, classes_of
from fedota_client.personal.words import summary
from fedota_proto.errors import DataError

CLASSES = ("no", "yes")


def answers(losses: list[float], *targets: TargetAnswers) -> Answers:
    return Answers(np.array(losses), targets)


def number(name: str, predicted: list[float], true: list[float]) -> TargetAnswers:
    return TargetAnswers(name, (), np.array([predicted]).T, np.array([true]).T)


def classes(name: str, predicted: list[int], true: list[int]) -> TargetAnswers:
    return TargetAnswers(name, CLASSES, np.array([predicted]).T, np.array([true]).T)


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
    measured = measure(answers([1.0] * 4, classes("ill", [0, 1, 1, 0], [0, 1, 0, 0])))
    assert measured.loss.value == 1.0
    (target,) = measured.targets
    assert (target.name, target.measure, target.value.value) == ("ill", ACCURACY, 0.75)
    assert target.value == share_interval(3, 4)
    assert target.confusion == [[2, 1], [0, 1]]


def test_a_number_is_measured_by_its_error() -> None:
    (target,) = measure(answers([1.0, 1.0], number("days", [1.0, 4.0], [2.0, 2.0]))).targets
    assert (target.measure, target.value.value, target.confusion) == (ERROR, 1.5, [])


def test_each_of_several_targets_is_measured() -> None:
    said = answers([1.0, 2.0], classes("ill", [0, 1], [0, 0]), number("days", [1.0, 4.0], [2, 5]))
    found = measure(said).fields()
    assert list(found["targets"]) == ["ill", "days"]
    assert found["targets"]["ill"]["accuracy"]["value"] == 0.5
    assert found["targets"]["ill"]["confusion"] == [[1, 1], [0, 0]]
    assert found["targets"]["ill"]["classes"] == ["no", "yes"]
    assert found["targets"]["days"] == {"mean absolute error": mean_interval(np.ones(2)).fields()}


def test_an_array_of_classes_is_measured_by_the_share_of_each_example_that_is_right() -> None:
    mask = TargetAnswers("mask", CLASSES, np.array([[0, 1], [1, 1]]), np.array([[0, 1], [0, 1]]))
    (target,) = measure(answers([1.0, 1.0], mask)).targets
    assert target.value == mean_interval(np.array([1.0, 0.5]))
    assert target.confusion == [[1, 1], [0, 2]]


def test_an_output_of_its_own_is_read_as_its_targets_class_or_number() -> None:
    said = np.array([[0.1, 0.9], [0.8, 0.2]])
    (ill,) = answers_of(said, np.array([[1.0], [1.0]]), ["ill"], {"ill": CLASSES})
    assert (ill.predicted.tolist(), ill.true.tolist()) == ([[1], [0]], [[1], [1]])
    (days,) = answers_of(np.array([[2.5], [3]]), np.array([[2.0], [4]]), ["days"], {"days": ()})
    assert (days.predicted.tolist(), days.true.tolist()) == ([[2.5], [3.0]], [[2.0], [4.0]])


def test_one_output_may_speak_of_several_targets() -> None:
    said, true = np.array([[0.9, 3.0], [0.2, 5.0]]), np.array([[1.0, 2.0], [1.0, 5.0]])
    ill, days = answers_of(said, true, ["ill", "days"], {"ill": CLASSES, "days": ()})
    assert ill.predicted.tolist() == [[1], [0]]
    assert days.predicted.tolist() == [[3.0], [5.0]]


def test_an_output_may_name_the_class_of_each_element_of_an_array() -> None:
    said = np.zeros((2, 3, 4, 2))
    said[0, 1, 2, 1] = 1.0
    (mask,) = answers_of(said, np.zeros((2, 3, 4)), ["mask"], {"mask": CLASSES})
    assert mask.predicted.shape == mask.true.shape == (2, 12)
    assert mask.predicted.sum() == 1
    assert mask.predicted[0, 6] == 1


@pytest.mark.parametrize(
    ("width", "classes"),
    [(2, ()), (1, ("a", "b", "c")), (2, ("a", "b", "c"))],
)
def test_what_is_neither_class_nor_number_is_left_out(width: int, classes: tuple[str, ...]) -> None:
    said = answers_of(np.ones((4, width)), np.zeros((4, 1)), ["y"], {"y": classes})
    assert said == []


def test_the_models_errors_are_compared_example_by_example() -> None:
    first = answers([1.0] * 2, classes("ill", [0, 1], [0, 0]), number("days", [1, 4], [1, 1]))
    second = answers([1.0] * 2, classes("ill", [0, 0], [0, 0]), number("days", [2, 4], [1, 1]))
    found = errors_compared(first, second)
    assert found["ill"] == mean_interval(np.array([0.0, 1.0]))
    assert found["days"] == mean_interval(np.array([-1.0, 0.0]))


def test_a_target_by_which_the_chosen_model_is_worse_is_told() -> None:
    right, wrong = [0] * 20, [1] * 20

    def half(loss: float, ill: list[int], days: list[int]) -> Answers:
        said = classes("ill", ill, right), number("days", [float(n) for n in days], [0.0] * 20)
        return answers([loss] * 20, *said)

    said = {"shared": half(1, right, wrong), "personal": half(0.5, wrong, right)}
    said["local"] = half(2, wrong, wrong)
    told = " ".join(summary(compare(said, said)))
    assert "its accuracy for ill is 0.0% (0.0% to 16.8%); its mean absolute error for days" in told
    assert "By ill alone it is nevertheless further off than the shared model" in told
    said["shared"] = half(0.1, right, wrong)
    assert "alone it is" not in " ".join(summary(compare(said, said)))


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
    comparison = compare(choice, report)
    assert comparison.chosen == "personal"
    assert comparison.differences["shared"].value == 0.5
    assert comparison.differences["local"].value == 2.5
    assert set(comparison.differences) == {"shared", "local"}
    assert comparison.fields()["models"]["personal"]["loss"]["value"] == 2.5


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
    assert compare(same, same).chosen == "shared"


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
        (0.0000123, False, "1.2e-05"),
        (-0.00001, True, "-1e-05"),
        (1e-17, True, "0"),
        (2.5, True, "+2.5"),
        (0.0, False, "0"),
    ],
)
def test_numbers_are_short(value: float, signed: bool, text: str) -> None:
    assert short(value, signed=signed) == text
