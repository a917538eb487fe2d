"""What a draft says: problem.toml from its sections, and what is still missing or wrong."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import tomli_w

from fedota_proto.errors import ProblemFileError
from fedota_proto.problem import (
    PROBLEM_FILE,
    PROBLEM_FILE_MAX_BYTES,
    SECTIONS,
    Problem,
    parse_problem,
)
from fedota_server.webserver.tables import ProblemRow
from fedota_server.webserver.views.draft import StepView

MODEL_FILE = "model.keras"
STEPS = ("about", "model", "data", "strategy", "rounds", "who")

_STEP_OF = {
    "problem": "about",
    "data": "data",
    "strategy": "strategy",
    "rounds": "rounds",
    "training": "rounds",
    "privacy": "rounds",
}
_EMPTY = {
    "about": "Give the problem a title.",
    "model": "Upload the model: compiled with Keras 3, saved as a .keras file.",
    "data": "Say what data a holder must have.",
    "strategy": "Choose a strategy.",
    "rounds": "Set the rules of the rounds.",
}
# With these, no rule of a section that is looked at by itself fails because of another section.
_GENEROUS_ROUNDS = {
    "rounds": 1,
    "goal_count": 100_000,
    "minimum_reports": 100_000,
    "reporting_deadline_s": 600,
}
_PLACE = re.compile(r"\[+([a-z_]+)")
_PARSED_KEPT = 64


@dataclass(frozen=True)
class DraftContent:
    """A draft's own words; two with the same `sha256` would be published the same.

    Parameters
    ----------
    title, description, setter
        Of the section ``[problem]``.
    sections
        The other sections of problem.toml that were saved.
    model_sha256
        Of the model's file, empty without one.
    model_state, model_refusal
        As in `views.draft.ModelView`; empty without a model.
    """

    title: str
    description: str
    setter: str
    sections: Mapping[str, Mapping[str, Any]]
    model_sha256: str = ""
    model_state: str = ""
    model_refusal: str = ""

    @classmethod
    def of(cls, row: ProblemRow, setter: str) -> DraftContent:
        """Take it from a problem's row.

        Parameters
        ----------
        setter
            Its owner's name.
        """
        return cls(
            title=row.title,
            description=row.description,
            setter=setter,
            sections=row.draft,
            model_sha256=row.model_sha256,
            model_state=str(row.model_summary.get("state", "")),
            model_refusal=str(row.model_summary.get("refusal", "")),
        )

    @property
    def toml(self) -> str:
        """problem.toml as it would be published."""
        about = {
            "title": self.title,
            "description": self.description,
            "setter": self.setter,
            "model": MODEL_FILE,
        }
        return write_toml({"problem": about, **self.sections})

    @property
    def sha256(self) -> str:
        """Hash of all that a dry run depends on, hexadecimal."""
        return hashlib.sha256(f"{self.model_sha256}\n{self.toml}".encode()).hexdigest()

    def problem(self) -> Problem | None:
        """Return problem.toml, typed; None while anything of it is missing or wrong."""
        return _parsed(self.toml)[0]

    def steps(self) -> tuple[StepView, ...]:
        """Say of each step whether it is done, and what its mistakes are."""
        found: dict[str, list[str]] = {step: [] for step in STEPS}
        for mistake in _parsed(self.toml)[1]:
            found[_step_of(mistake)].append(mistake)
        empty = {
            "about": not self.title,
            "model": not self.model_sha256,
            **{name: name not in self.sections for name in ("data", "strategy", "rounds")},
        }
        if self.model_state == "checking":
            found["model"].append("The model is being checked.")
        elif self.model_state == "refused":
            found["model"].append(self.model_refusal)
        return tuple(_step(name, found[name], empty.get(name, False)) for name in STEPS)


def _step(name: str, mistakes: Sequence[str], empty: bool) -> StepView:
    if empty:
        return StepView(name, "empty", (_EMPTY[name],))
    return StepView(name, "wrong" if mistakes else "done", tuple(mistakes))


def _step_of(mistake: str) -> str:
    if mistake.startswith("[problem] model"):
        return "model"
    place = _PLACE.match(mistake)
    return _STEP_OF.get(place[1] if place else "", "about")


@lru_cache(maxsize=_PARSED_KEPT)
def _parsed(text: str) -> tuple[Problem | None, tuple[str, ...]]:
    try:
        return parse_problem(text), ()
    except ProblemFileError as error:
        found = error.mistakes or (error.public_message,)
        return None, tuple(_bare(mistake) for mistake in found)


def _bare(mistake: str) -> str:
    return mistake.removeprefix(f"{PROBLEM_FILE}: ")


def write_toml(document: Mapping[str, Mapping[str, Any]]) -> str:
    """Write a problem.toml, its sections in the order in which they are explained.

    Parameters
    ----------
    document
        Sections of texts, numbers, truth values, lists and tables; None is left out.

    Raises
    ------
    ProblemFileError
        A value is something else, or it is too large for a problem.toml.
    """
    try:
        order = sorted(document, key=lambda name: (name not in SECTIONS, _place_of(name)))
        plain = {name: _plain(document[name]) for name in order}
        text = tomli_w.dumps(plain)
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ProblemFileError(
            "A value is neither a text, a number, true or false, nor a list or table of those.",
            ("A value is neither a text, a number, true or false, nor a list or table of those.",),
        ) from error
    if len(text) > PROBLEM_FILE_MAX_BYTES:
        raise ProblemFileError(f"{PROBLEM_FILE} would be larger than 1 MiB; make it shorter.")
    return text


def _place_of(name: str) -> int:
    return SECTIONS.index(name) if name in SECTIONS else 0


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items() if one is not None}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value


def read_toml(text: str) -> dict[str, Any]:
    """Read the text of a problem.toml, or of a part of one, as sections.

    Raises
    ------
    ProblemFileError
        It is no TOML, or too large.
    """
    if len(text.encode(errors="replace")) > PROBLEM_FILE_MAX_BYTES:
        raise ProblemFileError(f"{PROBLEM_FILE} is larger than 1 MiB; a problem's file is not.")
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError):
        parse_problem(text)  # says in one sentence where it breaks
        raise


def check_sections(sections: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Check sections by themselves, whatever the others say.

    Parameters
    ----------
    sections
        Some of problem.toml's, by name.

    Returns
    -------
    dict
        The same, as they are kept: without None, tuples as lists.

    Raises
    ------
    ProblemFileError
        With all mistakes.
    """
    document = {"rounds": _GENEROUS_ROUNDS, **sections}
    text = write_toml(document)
    _, mistakes = _parsed(text)
    ours = [
        mistake
        for mistake in mistakes
        if ((place := _PLACE.match(mistake)) is None or place[1] in sections)
        and not ("problem" in sections and mistake.startswith("[problem] model"))
    ]
    if ours:
        raise ProblemFileError("\n".join(ours), tuple(ours))
    return {name: _plain(sections[name]) for name in SECTIONS if name in sections}
