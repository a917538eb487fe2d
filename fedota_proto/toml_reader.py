"""Reading a TOML table key by key, so that every mistake in it is found and told at once."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from typing import TypeGuard

from fedota_proto.errors import ProblemFileError


def nearest(word: str, options: Iterable[str]) -> str:
    """Find the option that `word` was most likely meant to be.

    Parameters
    ----------
    word
        What was written.
    options
        What may be written.

    Returns
    -------
    str
        The nearest option, upper and lower case taken as equal; empty if none is near.
    """
    by_folded = {option.casefold(): option for option in options}
    found = difflib.get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[found[0]] if found else ""


def shown(value: object) -> str:
    """Write a value as a mistake's sentence shows it: as in TOML, and short."""
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, str):
        text = '"' + value.encode("unicode_escape").decode("ascii").replace('"', '\\"') + '"'
    elif isinstance(value, int) and abs(value) > 10**30:
        text = "a number of more than 30 digits"
    elif isinstance(value, int | float):
        text = f"{value:g}" if isinstance(value, float) else str(value)
    elif isinstance(value, list):
        text = "a list"
    elif isinstance(value, dict):
        text = "a table"
    else:
        text = "a date or time"
    return text if len(text) <= 60 else text[:57] + '…"'


class Mistakes:
    """Collects the mistakes of one file.

    Parameters
    ----------
    source
        How the file is called in front of every mistake.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self._found: list[str] = []

    def add(self, place: str, sentence: str) -> None:
        """Note one mistake.

        Parameters
        ----------
        place
            Section and key, as ``[rounds] goal_count``.
        sentence
            What is wrong and what to write instead.
        """
        where = f"{self.source}: {place}" if place else self.source
        self._found.append(f"{where}: {sentence}")

    def raise_if_any(self) -> None:
        """Raise one error with all mistakes.

        Raises
        ------
        ProblemFileError
            If there is at least one.
        """
        if not self._found:
            return
        if len(self._found) == 1:
            raise ProblemFileError(self._found[0], tuple(self._found))
        head = f"{self.source} has {len(self._found)} mistakes:"
        raise ProblemFileError("\n".join([head, *self._found]), tuple(self._found))


class TableReader:
    """One table of the file; each key that is asked for is thereby known.

    A key that is wrong or missing is noted, and a stand-in is returned so that the reading goes
    on; `fine` says which keys may take part in comparisons. After the last key, call `finish`.

    Parameters
    ----------
    table
        The table as tomllib read it.
    place
        How it is called in mistakes, as ``[rounds]``.
    mistakes
        Where to note them.
    """

    def __init__(self, table: Mapping[str, object], place: str, mistakes: Mistakes) -> None:
        self.place = place
        self._table = table
        self.mistakes = mistakes
        self._known: list[str] = []
        self._missing: dict[str, str] = {}
        self._wrong: set[str] = set()

    @property
    def known_keys(self) -> tuple[str, ...]:
        """The keys asked for so far."""
        return tuple(self._known)

    def fine(self, *keys: str) -> bool:
        """Say whether all these keys were read without a mistake."""
        return not any(key in self._wrong or key in self._missing for key in keys)

    def given(self, key: str) -> bool:
        """Say whether the file has this key."""
        return key in self._table

    def wrong(self, key: str, sentence: str) -> None:
        """Note a mistake at one key."""
        self._wrong.add(key)
        self.mistakes.add(f"{self.place} {key}".strip(), sentence)

    def text(
        self,
        key: str,
        *,
        default: str | None = None,
        longest: int = 200,
        may_be_empty: bool = False,
        many_lines: bool = False,
    ) -> str:
        """Read a text without control characters (it is shown on other people's terminals)."""
        want = "must be a text in quotes"
        value = self._take(key, default, want)
        if value is None:
            return ""
        if not isinstance(value, str):
            self.wrong(key, f"{want}, not {shown(value)}")
            return ""
        plain = value.replace("\n", " ").replace("\t", " ") if many_lines else value
        if not may_be_empty and not value.strip():
            self.wrong(key, "must not be empty")
        elif len(value) > longest:
            self.wrong(key, f"has {len(value)} characters, at most {longest} are allowed")
        elif not plain.isprintable():
            self.wrong(key, f"holds a character that cannot be shown: {shown(value)}")
        return value

    def choice(self, key: str, options: Iterable[str], *, default: str | None = None) -> str:
        """Read one of several words; stands in for a wrong one with an empty text."""
        options = tuple(options)
        want = "must be one of " + ", ".join(f'"{option}"' for option in options)
        value = self._take(key, default, want)
        if value is None:
            return ""
        if not isinstance(value, str) or value not in options:
            near = nearest(value, options) if isinstance(value, str) else ""
            hint = f'; did you mean "{near}"?' if near else f"; it {want}"
            self.wrong(key, f"{shown(value)} is not known{hint}")
            return ""
        return value

    def flag(self, key: str, *, default: bool | None = None) -> bool:
        """Read true or false."""
        want = "must be true or false"
        value = self._take(key, default, want)
        if value is None:
            return False
        if not isinstance(value, bool):
            self.wrong(key, f"{want}, not {shown(value)}")
            return False
        return value

    def integer(self, key: str, *, minimum: int, maximum: int, default: int | None = None) -> int:
        """Read a whole number within bounds, both included."""
        want = f"must be a whole number from {minimum} to {maximum}"
        value = self._take(key, default, want)
        if not self.given(key):
            return minimum if default is None else default
        if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= maximum:
            self.wrong(key, f"{want}, not {shown(value)}")
            return minimum
        return value

    def number(
        self,
        key: str,
        *,
        minimum: float = -math.inf,
        maximum: float = math.inf,
        above: float = -math.inf,
        below: float = math.inf,
        default: float | None = None,
    ) -> float:
        """Read a finite number; `minimum` and `maximum` are included, `above` and `below` not."""
        want = f"must be a number{_bounds_text(minimum, maximum, above, below)}"
        value = self._take(key, default, want)
        if not self.given(key):
            return 0.0 if default is None else default
        if not is_number(value) or not (minimum <= value <= maximum and above < value < below):
            self.wrong(key, f"{want}, not {shown(value)}")
            return default or 0.0
        return float(value)

    def optional_number(self, key: str) -> float | None:
        """Read a finite number that may be left out."""
        if not self.given(key):
            self._take(key, 0.0, "")
            return None
        return self.number(key)

    def list_of_values(self, key: str) -> list[object]:
        """Read a list that may be left out; its values are judged by the caller."""
        value = self._take(key, [], "must be a list")
        if not isinstance(value, list):
            self.wrong(key, f"must be a list in square brackets, not {shown(value)}")
            return []
        return value

    def finish(
        self, elsewhere: Mapping[str, str] | None = None, *, judge_unknown: bool = True
    ) -> None:
        """Note unknown keys, each with the nearest known one, and missing keys.

        A missing key for which a misspelt one stands is told once, at the misspelling.

        Parameters
        ----------
        elsewhere
            Keys that are unknown here, with what to say about each.
        judge_unknown
            False where it is not known which keys there are: only misspellings are then noted.
        """
        elsewhere = elsewhere or {}
        free = [key for key in self._known if key not in self._table]
        for key in self._table:
            if key in self._known:
                continue
            near = "" if key in elsewhere else nearest(key, free) or nearest(key, self._known)
            if near:
                sentence = f'is unknown; did you mean "{near}"?'
                self._missing.pop(near, None)
                self._wrong.add(near)
            elif not judge_unknown:
                continue
            elif key in elsewhere:
                sentence = f"is unknown here: {elsewhere[key]}"
            else:
                sentence = "is unknown; known keys are " + ", ".join(self._known)
            self.wrong(key if key.isprintable() else shown(key), sentence)
        for key, want in self._missing.items():
            self.mistakes.add(f"{self.place} {key}".strip(), f"is missing; it {want}")

    def _take(self, key: str, default: object, want: str) -> object:
        if key not in self._known:
            self._known.append(key)
        if key in self._table:
            return self._table[key]
        if default is None:
            self._missing[key] = want
        return default


_FLOAT_MAX = 1.7e308


def is_number(value: object) -> TypeGuard[int | float]:
    """Say whether a TOML value is a finite number (true and false are none)."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= _FLOAT_MAX  # also false for infinities and what is not a number


def _bounds_text(minimum: float, maximum: float, above: float, below: float) -> str:
    parts = []
    if minimum > -math.inf:
        parts.append(f"of at least {minimum:g}")
    if above > -math.inf:
        parts.append(f"above {above:g}")
    if maximum < math.inf:
        parts.append(f"at most {maximum:g}")
    if below < math.inf:
        parts.append(f"below {below:g}")
    return " " + " and ".join(parts) if parts else ""
