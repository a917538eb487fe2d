"""problem.toml: what it means, and every mistake in it at once."""

from __future__ import annotations

import math
import tomllib
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedota_proto.data_format import TableFormat
from fedota_proto.errors import ProblemFileError
from fedota_proto.problem import (
    Column,
    PrivacyRules,
    RoundRules,
    parse_problem,
    read_problem,
)

GOOD = """\
[problem]
title = "Breast cancer"
model = "tumour.keras"

[strategy]
name = "FedAvg"

[rounds]
rounds = 10
goal_count = 4
reporting_deadline_s = 60

[training]
local_epochs = 2

[data]
minimum_examples = 20

[[data.columns]]
name = "radius"
type = "number"
unit = "mm"
minimum = 0

[[data.columns]]
name = "diagnosis"
type = "category"
allowed = ["B", "M"]
target = true
"""


def changed(*replacements: tuple[str, str]) -> str:
    text = GOOD
    for old, new in replacements:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def mistakes(text: str) -> tuple[str, ...]:
    with pytest.raises(ProblemFileError) as caught:
        parse_problem(text)
    error = caught.value
    assert error.mistakes
    assert all(mistake.startswith("problem.toml: ") for mistake in error.mistakes)
    assert all(mistake in error.public_message for mistake in error.mistakes)
    return tuple(mistake.removeprefix("problem.toml: ") for mistake in error.mistakes)


def the_mistake(text: str) -> str:
    (only,) = mistakes(text)
    return only


def test_fills_in_the_defaults() -> None:
    problem = parse_problem(GOOD)
    assert (problem.title, problem.description) == ("Breast cancer", "")
    assert problem.model_file == "tumour.keras"
    assert (problem.strategy.name, problem.strategy.parameters) == ("FedAvg", {})
    assert problem.rounds == RoundRules(
        rounds=10,
        goal_count=4,
        over_selection=1.3,
        minimum_reports=3,
        selection_timeout_s=60.0,
        settle_s=1.0,
        reporting_deadline_s=60.0,
        evaluation_deadline_s=60.0,
        abandoned_attempts_max=5,
    )
    training = problem.training
    assert (training.local_epochs, training.batch_size) == (2, 32)
    assert (training.holdout_fraction, training.seed) == (0.2, 0)
    assert (problem.data.kind, problem.data.minimum_examples) == ("table", 20)
    assert isinstance(problem.data, TableFormat)
    assert problem.data.inputs == (Column("radius", "number", unit="mm", minimum=0.0),)
    assert problem.data.target == Column("diagnosis", "category", allowed=("B", "M"), target=True)


def test_takes_what_is_given() -> None:
    text = changed(
        ('title = "Breast cancer"', 'title = "T"\ndescription = """two\nlines"""'),
        ("local_epochs = 2", "batch_size = 8\nholdout_fraction = 0.5\nseed = 7"),
        (
            "reporting_deadline_s = 60",
            "over_selection = 2\nminimum_reports = 2\nselection_timeout_s = 5\nsettle_s = 0.5\n"
            "reporting_deadline_s = 60\nevaluation_deadline_s = 30.5\nabandoned_attempts_max = 9",
        ),
    )
    problem = parse_problem(text)
    assert problem.description == "two\nlines"
    assert problem.rounds == RoundRules(10, 4, 2.0, 2, 5.0, 0.5, 60.0, 30.5, 9)
    training = problem.training
    assert (training.local_epochs, training.batch_size) == (1, 8)
    assert (training.holdout_fraction, training.seed) == (0.5, 7)


def test_settles_at_once_without_over_selection() -> None:
    text = changed(("goal_count = 4", "goal_count = 4\nover_selection = 1.0"))
    assert parse_problem(text).rounds.settle_s == 0.0


def test_training_may_be_left_out() -> None:
    assert parse_problem(changed(("[training]\nlocal_epochs = 2\n", ""))).training.local_epochs == 1


@pytest.mark.parametrize(
    ("goal", "factor", "admitted"),
    [(10, 1.3, 13), (10, 1.1, 11), (4, 1.3, 6), (3, 1.0, 3), (7, 1.01, 8), (100, 1.15, 115)],
)
def test_admits_goal_times_over_selection_rounded_up(
    goal: int, factor: float, admitted: int
) -> None:
    rules = RoundRules(1, goal, factor, 2, 1.0, 1.0, 1.0, 1.0, 1)
    assert rules.admitted_max == admitted


@given(st.integers(2, 100_000), st.integers(100, 1000))
def test_admits_by_the_decimal_as_written(goal: int, hundredths: int) -> None:
    factor = float(f"{hundredths // 100}.{hundredths % 100:02}")
    rules = RoundRules(1, goal, factor, 2, 1.0, 1.0, 1.0, 1.0, 1)
    assert rules.admitted_max == math.ceil(goal * Fraction(hundredths, 100))


def test_tells_every_mistake_at_once() -> None:
    text = changed(
        ('title = "Breast cancer"', "title = 3"),
        ('"FedAvg"', '"fedadm"'),
        ("goal_count", "goal_cont"),
        ("local_epochs = 2", "local_epochs = 0\nrounds = 3"),
        ('type = "number"', 'type = "numbr"'),
        ("target = true", 'target = "yes"'),
    )
    assert mistakes(text) == (
        "[problem] title: must be a text in quotes, not 3",
        "[training] local_epochs: must be a whole number from 1 to 10000, not 0",
        '[rounds] goal_cont: is unknown; did you mean "goal_count"?',
        "[training] rounds: is unknown here: it belongs in [rounds]",
        '[strategy] name: "fedadm" is not known; did you mean "FedAdam"?',
        '[[data.columns]] "radius" type: "numbr" is not known; did you mean "number"?',
        '[[data.columns]] "diagnosis" target: must be true or false, not "yes"',
        "[[data.columns]]: no column has target = true; mark the one that the model predicts",
    )


def test_counts_the_mistakes_in_front() -> None:
    with pytest.raises(ProblemFileError) as caught:
        parse_problem(changed(("rounds = 10", "rounds = 0"), ("goal_count = 4", "")), source="p")
    assert caught.value.public_message.splitlines() == [
        "p has 2 mistakes:",
        "p: [rounds] rounds: must be a whole number from 1 to 1000000, not 0",
        "p: [rounds] goal_count: is missing; it must be a whole number from 2 to 100000",
    ]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        # types and bounds
        ("rounds = 10", "rounds = 10.0", "[rounds] rounds: must be a whole number from 1 to"),
        ("rounds = 10", "rounds = true", "must be a whole number from 1 to 1000000, not true"),
        ("rounds = 10", 'rounds = "10"', 'must be a whole number from 1 to 1000000, not "10"'),
        ("rounds = 10", f"rounds = 1{'0' * 40}", "not a number of more than 30 digits"),
        ("rounds = 10", "rounds = [10]", "not a list"),
        ("rounds = 10", "rounds = {}", "not a table"),
        ("rounds = 10", "rounds = 2026-01-01", "not a date or time"),
        ("goal_count = 4", "goal_count = 1", "goal_count: must be a whole number from 2 to"),
        ("s = 60", "s = 0.5", "reporting_deadline_s: must be a number of at least 1 and at most"),
        ("s = 60", "s = inf", "not inf"),
        ("s = 60", "s = nan", "not nan"),
        ("s = 60", 's = "60"', 'not "60"'),
        ("s = 60", "s = 60\nover_selection = 0.9", "over_selection: must be a number of at leas"),
        ("s = 60", "s = 60\nminimum_reports = 1", "minimum_reports: must be a whole number from 2"),
        ("s = 60", "s = 60\nsettle_s = -1", "settle_s: must be a number of at least 0"),
        ("s = 60", "s = 60\nevaluation_deadline_s = 0", "evaluation_deadline_s: must be a num"),
        ("s = 60", "s = 60\nabandoned_attempts_max = 0", "abandoned_attempts_max: must be"),
        ("epochs = 2", "epochs = 2\nholdout_fraction = 1.0", "holdout_fraction: must be a number"),
        ("epochs = 2", "epochs = 2\nseed = -1", "[training] seed: must be a whole number from 0"),
        ('"Breast cancer"', '" "', "[problem] title: must not be empty"),
        ('"Breast cancer"', f'"{"x" * 201}"', "title: has 201 characters, at most 200 are allowed"),
        (
            '"Breast cancer"',
            r'"\u001b[2J"',
            r'title: holds a character that cannot be shown: "\x1b',
        ),
        # comparisons
        (
            "goal_count = 4",
            "goal_count = 2",
            "[rounds] goal_count: is 2, below minimum_reports, which is 3 (its default); raise it",
        ),
        (
            "goal_count = 4",
            "goal_count = 4\nminimum_reports = 5",
            "goal_count: is 4, below minimum_reports, which is 5; raise it or lower minimum_repor",
        ),
        (
            "s = 60",
            "s = 60\nsettle_s = 20\nselection_timeout_s = 10",
            "settle_s: is 20, above selection_timeout_s, which is 10",
        ),
        # keys and sections
        ("title =", "titel =", '[problem] titel: is unknown; did you mean "title"?'),
        ("goal_count =", "GOAL_COUNT =", '[rounds] GOAL_COUNT: is unknown; did you mean "goal_co'),
        (
            "rounds = 10",
            "rounds = 10\nseed = 1",
            "[rounds] seed: is unknown here: it belongs in [t",
        ),
        (
            "rounds = 10",
            "rounds = 10\nqqq = 1",
            "[rounds] qqq: is unknown; known keys are rounds, ",
        ),
        ("rounds = 10", 'rounds = 10\n"\\u0007" = 1', r'[rounds] "\x07": is unknown'),
        ("[rounds]", "[round]", "[round]: is unknown; did you mean [rounds]?"),
        ("[problem]", "[extra]\n[problem]", "[extra]: is unknown; sections are [problem], [strat"),
        ("[problem]", "a = 1\n[problem]", "a: stands before the first section; put it under one"),
        (
            "[training]\nlocal_epochs = 2",
            "[[training]]",
            "[training]: must be a section, not a lis",
        ),
        ('[strategy]\nname = "FedAvg"', "", "[strategy]: the section is missing"),
        # the model's name
        ('"tumour.keras"', '"tumour.h5"', "in Keras's old format, which can carry code; save"),
        ('"tumour.keras"', '"tumour.pt"', "does not end in .keras"),
        ('"tumour.keras"', '"../tumour.keras"', "not the plain name of a file beside problem.toml"),
        ('"tumour.keras"', r'"a\\tumour.keras"', "not the plain name of a file"),
        ('"tumour.keras"', '"/tumour.keras"', "not the plain name of a file"),
        ('"tumour.keras"', '".keras"', "not the plain name of a file"),
    ],
)
def test_says_what_is_wrong_where(old: str, new: str, said: str) -> None:
    assert said in the_mistake(changed((old, new)))


@pytest.mark.parametrize(
    ("name", "parameters", "said"),
    [
        (
            "Bulyan",
            "num_malicious_nodes = 1",
            "[strategy] name: Bulyan with these parameters needs at least 7 reports "
            "(minimum_reports ≥ 4 × num_malicious_nodes + 3), but [rounds] minimum_reports is 3; "
            "raise minimum_reports or change the parameters",
        ),
        ("Krum", "num_malicious_nodes = 1", "needs at least 5 reports (minimum_reports ≥ 2 × num"),
        ("MultiKrum", "num_malicious_nodes = 2", "needs at least 7 reports"),
        ("MultiKrum", "num_nodes_to_select = 4", "needs at least 4 reports (minimum_reports ≥ num"),
        ("FedTrimmedAvg", "", "needs at least 5 reports (beta × minimum_reports ≥ 1)"),
        ("FedTrimmedAvg", "beta = 0.0", "beta: must be a number above 0 and below 0.5, not 0"),
        ("FedTrimmedAvg", "beta = 0.5", "beta: must be a number above 0 and below 0.5, not 0.5"),
        ("Krum", "num_malicious_nodes = 0.5", "must be a whole number from 0 to 1000, not 0.5"),
        ("QFedAvg", "", "[strategy] client_learning_rate: is missing; it must be a number above 0"),
        ("FedAdam", "beta_1 = 1.0", "beta_1: must be a number of at least 0 and below 1, not 1"),
        ("FedAdam", "bta_1 = 0.9", '[strategy] bta_1: is unknown; did you mean "beta_1"?'),
        ("FedAvg", "proximal_mu = 0.1", 'FedAvg has no such parameter ("FedProx" has)'),
        ("FedAvg", "min_train_nodes = 3", "is unknown here: the [rounds] section says who takes"),
        ("QFedAvg", 'client_learning_rate = 1\ntrain_loss_key = "x"', "Fedota fixes the names of"),
    ],
)
def test_checks_the_strategy(name: str, parameters: str, said: str) -> None:
    assert said in the_mistake(changed(('"FedAvg"', f'"{name}"\n{parameters}')))


@pytest.mark.parametrize(
    ("name", "parameters", "minimum"),
    [
        ("Bulyan", "num_malicious_nodes = 1", 7),
        ("Krum", "num_malicious_nodes = 1", 5),
        ("MultiKrum", "num_malicious_nodes = 1\nnum_nodes_to_select = 4", 5),
        ("FedTrimmedAvg", "", 5),
        ("FedTrimmedAvg", "beta = 0.34", 3),
        ("Krum", "", 3),
    ],
)
def test_accepts_a_strategy_at_its_fewest_reports(name: str, parameters: str, minimum: int) -> None:
    text = changed(
        ('"FedAvg"', f'"{name}"\n{parameters}'),
        ("goal_count = 4", f"goal_count = 9\nminimum_reports = {minimum}"),
    )
    assert parse_problem(text).strategy.fewest_reports == minimum


def test_a_wrong_minimum_is_told_once() -> None:
    text = changed(("goal_count = 4", "goal_count = 4\nminimum_reports = 0"), ("FedAvg", "Bulyan"))
    assert "minimum_reports: must be" in the_mistake(text)
    text = changed(("goal_count = 4", "goal_count = 2\nminimum_report = 2"))
    assert 'did you mean "minimum_reports"' in the_mistake(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[problem]\ntitle = Breast", "line 2, column 9: is not TOML: invalid value"),
        ('[problem]\ntitle = "a', "line 2: is not TOML: unterminated string"),
        ("[problem]\n[problem]", "line 2, column 9: is not TOML: cannot declare"),
        ("a = 1\na = 2", "line 2: is not TOML: cannot overwrite a value"),
        ("a = " + "[" * 100_000, "values are nested too deeply"),
        ("a = 1" + "0" * 10_000, "a number has more digits than any setting needs"),
    ],
)
def test_says_where_it_is_not_toml(text: str, said: str) -> None:
    with pytest.raises(ProblemFileError, match=r"^problem\.toml: ") as caught:
        parse_problem(text)
    assert said in caught.value.public_message


def test_an_empty_file_lacks_its_sections() -> None:
    assert mistakes("") == tuple(
        f"[{name}]: the section is missing" for name in ("problem", "strategy", "rounds", "data")
    )


@given(st.text(alphabet=GOOD + "\x00é[]{}='\"", max_size=40), st.integers(0, len(GOOD)))
def test_any_text_is_read_or_refused(inserted: str, at: int) -> None:
    text = GOOD[:at] + inserted + GOOD[at:]
    try:
        problem = parse_problem(text)
    except ProblemFileError as error:
        refused = error.public_message
        assert refused.startswith("problem.toml")
    else:
        assert problem.rounds.goal_count >= problem.rounds.minimum_reports >= 2
        assert tomllib.loads(text)


def test_reads_a_folder(tmp_path: Path) -> None:
    (tmp_path / "problem.toml").write_text(GOOD, encoding="utf-8")
    (tmp_path / "tumour.keras").touch()
    assert read_problem(tmp_path) == parse_problem(GOOD)


def test_misses_the_model_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / "problem.toml").write_text(GOOD, encoding="utf-8")
    with pytest.raises(ProblemFileError, match=r'no file "tumour\.keras"; copy the model there'):
        read_problem(tmp_path)
    (tmp_path / "tumor.keras").touch()
    with pytest.raises(ProblemFileError, match=r'did you mean "tumor\.keras"\?'):
        read_problem(tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "has no problem.toml; make one with `fedota problem new`"),
        (b"[problem]\ntitle = '\xe4'", "line 2: is not UTF-8; save the file as UTF-8"),
        (b"#" * (1 << 20) + b"\n", "is larger than 1 MiB"),
    ],
)
def test_says_why_a_folder_is_no_problem(tmp_path: Path, content: bytes | None, said: str) -> None:
    if content is not None:
        (tmp_path / "problem.toml").write_bytes(content)
    with pytest.raises(ProblemFileError) as caught:
        read_problem(tmp_path)
    assert said in caught.value.public_message


def test_says_that_it_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "problem.toml").mkdir()
    with pytest.raises(ProblemFileError, match="cannot be read"):
        read_problem(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(ProblemFileError, match=r"has no problem\.toml"):
        read_problem(tmp_path / "file")


def test_noise_is_demanded_by_a_section_of_its_own() -> None:
    assert parse_problem(GOOD).privacy is None
    text = GOOD + "\n[privacy]\nclipping_norm = 0.5\nnoise_multiplier = 1.1\n"
    assert parse_problem(text).privacy == PrivacyRules(0.5, 1.1, 1e-5)


def test_noise_has_bounds() -> None:
    text = GOOD + "\n[privacy]\nclipping_norm = 0\nnoise_multipler = 1.1\n"
    first, second = mistakes(text)
    assert first.startswith("[privacy] clipping_norm: must be a number above 0")
    assert second == '[privacy] noise_multipler: is unknown; did you mean "noise_multiplier"?'


def test_a_setter_may_be_named() -> None:
    assert parse_problem(GOOD).setter == ""
    text = changed(('title = "Breast cancer"', 'title = "T"\nsetter = "Institute of Oncology"'))
    assert parse_problem(text).setter == "Institute of Oncology"
