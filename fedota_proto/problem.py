"""problem.toml as typed objects; every mistake in it is told at once.

::

    [problem]    title, description, model
    [strategy]   name, and the strategy's parameters
    [rounds]     rounds, goal_count, over_selection, minimum_reports, the clocks
    [training]   local_epochs, batch_size, holdout_fraction, seed
    [data]       kind, minimum_examples, [[data.columns]]
"""

from __future__ import annotations

import math
import re
import tomllib
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from fedota_proto.data_format import Column, ColumnType, TableFormat, read_data_format
from fedota_proto.errors import ProblemFileError
from fedota_proto.strategy_table import (
    ParameterSpec,
    StrategyChoice,
    StrategySpec,
    read_strategy,
    strategy_table,
)
from fedota_proto.toml_reader import Mistakes, TableReader, nearest, shown

__all__ = [
    "Column",
    "ColumnType",
    "ParameterSpec",
    "Problem",
    "RoundRules",
    "StrategyChoice",
    "StrategySpec",
    "TableFormat",
    "TrainingRules",
    "parse_problem",
    "read_problem",
    "strategy_table",
]

PROBLEM_FILE = "problem.toml"
PROBLEM_FILE_MAX_BYTES = 1 << 20
SECTIONS = ("problem", "strategy", "rounds", "training", "data")
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


@dataclass(frozen=True, slots=True)
class Problem:
    """A learning problem as its setter wrote it, defaults filled in.

    Parameters
    ----------
    title, description
        For people.
    model_file
        Name of the ``.keras`` file beside problem.toml.
    strategy, rounds, training, data
        One for each section.
    """

    title: str
    description: str
    model_file: str
    strategy: StrategyChoice
    rounds: RoundRules
    training: TrainingRules
    data: TableFormat


def read_problem(folder: Path) -> Problem:
    """Read the problem.toml of a problem's folder.

    Parameters
    ----------
    folder
        The folder; the model file must be in it.

    Returns
    -------
    Problem
        Typed, checked, defaults filled in.

    Raises
    ------
    ProblemFileError
        If the file is not there or not readable, or with all its mistakes.
    """
    path = folder / PROBLEM_FILE
    try:
        with path.open("rb") as file:
            data = file.read(PROBLEM_FILE_MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise ProblemFileError(
            f"{folder} has no {PROBLEM_FILE}; make one with `fedota problem new`, or name the "
            "problem's folder"
        ) from None
    except OSError as error:
        raise ProblemFileError(f"{path} cannot be read: {error.strerror or error}") from None
    if len(data) > PROBLEM_FILE_MAX_BYTES:
        raise ProblemFileError(f"{PROBLEM_FILE} is larger than 1 MiB; a problem's file is not")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ProblemFileError(
            f"{PROBLEM_FILE}: line {line}: is not UTF-8; save the file as UTF-8"
        ) from None
    return _parse(text, PROBLEM_FILE, folder)


def parse_problem(text: str, *, source: str = PROBLEM_FILE) -> Problem:
    """Read the text of a problem.toml.

    Parameters
    ----------
    text
        TOML.
    source
        How the file is called in mistakes.

    Returns
    -------
    Problem
        Typed, checked, defaults filled in.

    Raises
    ------
    ProblemFileError
        With all mistakes; `mistakes` lists them.
    """
    return _parse(text, source, None)


def _parse(text: str, source: str, folder: Path | None) -> Problem:
    mistakes = Mistakes(source)
    try:
        document = tomllib.loads(text)
    except RecursionError:
        raise ProblemFileError(f"{source}: values are nested too deeply") from None
    except ValueError as error:
        raise ProblemFileError(*_syntax_mistake(source, str(error))) from None
    tables = _sections(document, mistakes)

    def reader_of(section: str) -> TableReader:
        # What an absent section lacks is no further mistake.
        notes = mistakes if section in tables else Mistakes(source)
        return TableReader(tables.get(section, {}), f"[{section}]", notes)

    about, rounds_reader, training_reader = map(reader_of, ("problem", "rounds", "training"))
    title = about.text("title")
    description = about.text(
        "description", default="", longest=20_000, may_be_empty=True, many_lines=True
    )
    model_file = _read_model_file(about, folder)
    rounds = _read_rounds(rounds_reader)
    training = _read_training(training_reader)
    readers = (about, rounds_reader, training_reader)
    belongs = {
        key: f"it belongs in {reader.place}" for reader in readers for key in reader.known_keys
    }
    for reader in readers:
        reader.finish({k: v for k, v in belongs.items() if k not in reader.known_keys})
    _compare_rounds(rounds_reader, rounds)
    strategy = read_strategy(
        reader_of("strategy"),
        rounds.minimum_reports if rounds_reader.fine("minimum_reports") else None,
    )
    data = read_data_format(reader_of("data"))
    mistakes.raise_if_any()
    return Problem(title, description, model_file, strategy, rounds, training, data)


def _read_model_file(reader: TableReader, folder: Path | None) -> str:
    name = reader.text("model", longest=255)
    if not name or not reader.fine("model"):
        return name
    if "/" in name or "\\" in name or name.startswith("."):
        reader.wrong(
            "model", f"{shown(name)} is not the plain name of a file beside {PROBLEM_FILE}"
        )
    elif name.endswith((".h5", ".hdf5")):
        reader.wrong(
            "model",
            f"{shown(name)} is in Keras's old format, which can carry code; save the model with "
            'model.save("model.keras") and name that file',
        )
    elif not name.endswith(".keras"):
        reader.wrong("model", f"{shown(name)} does not end in .keras; save it with Keras 3")
    elif folder is not None and not (folder / name).is_file():
        near = nearest(name, sorted(path.name for path in folder.glob("*.keras")))
        hint = f'; did you mean "{near}"?' if near else "; copy the model there"
        reader.wrong("model", f"the folder has no file {shown(name)}{hint}")
    return name


def _read_rounds(reader: TableReader) -> RoundRules:
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


def _compare_rounds(reader: TableReader, rules: RoundRules) -> None:
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


def _read_training(reader: TableReader) -> TrainingRules:
    return TrainingRules(
        local_epochs=reader.integer("local_epochs", minimum=1, maximum=10_000, default=1),
        batch_size=reader.integer("batch_size", minimum=1, maximum=1_000_000, default=32),
        holdout_fraction=reader.number("holdout_fraction", minimum=0.01, maximum=0.9, default=0.2),
        seed=reader.integer("seed", minimum=0, maximum=2**31 - 1, default=0),
    )


def _syntax_mistake(source: str, message: str) -> tuple[str, tuple[str, ...]]:
    at = re.search(r" \(at line (\d+), column (\d+)\)$", message)
    if at:
        place = f"line {at[1]}, column {at[2]}"
        message = message[: at.start()]
    else:
        place = "last line" if "end of document" in message else "somewhere"
        message = message.removesuffix(" (at end of document)")
    mistake = f"{source}: {place}: is not TOML: {message[:1].lower()}{message[1:]}"
    return mistake, (mistake,)


def _sections(document: dict[str, object], mistakes: Mistakes) -> dict[str, dict[str, object]]:
    tables: dict[str, dict[str, object]] = {}
    stray = [key for key in document if key not in SECTIONS]
    misspelt = set()
    for key in stray:
        near = nearest(key, [name for name in SECTIONS if name not in document])
        is_table = isinstance(document[key], dict)
        place = f"[{key}]" if is_table else key
        if near and is_table:
            misspelt.add(near)
            mistakes.add(place, f"is unknown; did you mean [{near}]?")
        elif is_table:
            mistakes.add(place, "is unknown; sections are " + ", ".join(f"[{s}]" for s in SECTIONS))
        else:
            mistakes.add(place, "stands before the first section; put it under one")
    for name in SECTIONS:
        table = document.get(name, {})
        if not isinstance(table, dict):
            mistakes.add(f"[{name}]", f"must be a section, not {shown(table)}")
        elif name in document:
            tables[name] = table
        elif name not in misspelt and name != "training":
            mistakes.add(f"[{name}]", "the section is missing")
    tables.setdefault("training", {})
    return tables
