"""problem.toml as typed objects; every mistake in it is told at once.

::

    [problem]    title, description, setter, model
    [strategy]   name, and the strategy's parameters
    [rounds]     rounds, goal_count, over_selection, minimum_reports, the clocks
    [training]   local_epochs, batch_size, holdout_fraction, seed
    [privacy]    clipping_norm, noise_multiplier, delta: may be left out; then no noise is demanded
    [data]       kind, minimum_examples, and what that kind declares: [[data.columns]], classes …
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from fedota_proto.data_format import (
    Column,
    ColumnType,
    DataFormat,
    TableFormat,
    read_data_format,
)
from fedota_proto.errors import ProblemFileError
from fedota_proto.privacy_rules import PrivacyRules, read_privacy
from fedota_proto.problem_rules import (
    RoundRules,
    TrainingRules,
    compare_rounds,
    read_rounds,
    read_training,
)
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
    "DataFormat",
    "ParameterSpec",
    "PrivacyRules",
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
SECTIONS = ("problem", "strategy", "rounds", "training", "privacy", "data")
_OPTIONAL = ("training", "privacy")


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
    privacy
        The noise that clients must add to their updates; None: none is demanded.
    setter
        Who sets the problem, as data holders and their policies name them; may be empty.
    """

    title: str
    description: str
    model_file: str
    strategy: StrategyChoice
    rounds: RoundRules
    training: TrainingRules
    data: DataFormat
    privacy: PrivacyRules | None = None
    setter: str = ""


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
        raise ProblemFileError(*_syntax_mistake(source, text, str(error))) from None
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
    setter = about.text("setter", default="", may_be_empty=True)
    model_file = _read_model_file(about, folder)
    rounds = read_rounds(rounds_reader)
    training = read_training(training_reader)
    readers = [about, rounds_reader, training_reader]
    privacy = None
    if "privacy" in tables:
        privacy_reader = reader_of("privacy")
        privacy = read_privacy(privacy_reader)
        readers.append(privacy_reader)
    belongs = {
        key: f"it belongs in {reader.place}" for reader in readers for key in reader.known_keys
    }
    for reader in readers:
        reader.finish({k: v for k, v in belongs.items() if k not in reader.known_keys})
    compare_rounds(rounds_reader, rounds)
    strategy = read_strategy(
        reader_of("strategy"),
        rounds.minimum_reports if rounds_reader.fine("minimum_reports") else None,
    )
    data = read_data_format(reader_of("data"))
    mistakes.raise_if_any()
    return Problem(
        title, description, model_file, strategy, rounds, training, data, privacy, setter
    )


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


def _syntax_mistake(source: str, text: str, message: str) -> tuple[str, tuple[str, ...]]:
    at = re.search(r" \(at line (\d+), column (\d+)\)$", message)
    if at:
        place = f"line {at[1]}, column {at[2]}"
        message = message[: at.start()]
    elif "integer string conversion" in message:
        place, message = "somewhere", "a number has more digits than any setting needs"
    else:
        place = f"line {text.rstrip().count(chr(10)) + 1}"
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
        elif name not in misspelt and name not in _OPTIONAL:
            mistakes.add(f"[{name}]", "the section is missing")
    tables.setdefault("training", {})
    return tables
