"""What a check finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"  # it works, but not for long, or not for everybody
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """One result of a check.

    Parameters
    ----------
    name
        Of the check, one or two words.
    state
        How bad it is.
    what
        What was found, one sentence.
    remedy
        What to do about it, one sentence or two; empty where all is well.
    """

    name: str
    state: State
    what: str
    remedy: str = ""


def fine(name: str, what: str) -> Finding:
    """Make a finding of something that is as it should be."""
    return Finding(name, State.OK, what)


def warning(name: str, what: str, remedy: str) -> Finding:
    """Make a finding that somebody should look at."""
    return Finding(name, State.WARNING, what, remedy)


def problem(name: str, what: str, remedy: str) -> Finding:
    """Make a finding that keeps something from working."""
    return Finding(name, State.PROBLEM, what, remedy)
