"""What is found in a holder's data: what does not keep the format, and what deserves a look."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from fedota_proto.errors import DataError

PLACES_KEPT = 5
FILES_KEPT = 10_000
_LISTED_MAX = 8
_SHOWN_MAX = 60

Level = Literal["mistake", "notice"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of mistake in one place, however often it is there.

    Parameters
    ----------
    code
        Stable name of the kind, as ``range``.
    file
        Name of the file, from the data's folder; empty if it is about all of them.
    found
        What is there, as it is shown; with the first of them.
    expected
        What should be; empty where that says nothing.
    remedy
        What to do: a sentence.
    column
        Column or array; empty if it is about the whole file.
    rows
        The first rows (of a table) or examples (of arrays) where it is, as people count them.
    count
        How often it is there.
    level
        ``mistake``: the data does not keep the format. ``notice``: it does, but have a look.
    command
        One line to type that does it, if there is one; the remedy ends by announcing it.
    files
        The first files where it is, if whole files of the same folder share it.
    row_word, column_word
        What rows and column are called in this kind of data.
    """

    code: str
    file: str
    found: str
    expected: str = ""
    remedy: str = ""
    column: str = ""
    rows: tuple[int, ...] = ()
    count: int = 1
    level: Level = "mistake"
    command: str = ""
    files: tuple[str, ...] = ()
    row_word: str = "row"
    column_word: str = "column"

    @property
    def place(self) -> str:
        """File, first row and column, as a sentence begins."""
        parts = [self.file] if self.file else []
        if self.rows:
            parts.append(f"{self.row_word} {self.rows[0]}")
        if self.column:
            parts.append(f"{self.column_word} {self.column!r}")
        return ", ".join(parts)

    @property
    def sentence(self) -> str:
        """What is found where, what was expected and what to do; of the first row alone."""
        expected = f", expected {self.expected}" if self.expected else ""
        if self.found.startswith("it "):
            said = f"{self.place} {self.found.removeprefix('it ')}"
        else:
            said = f"{self.place}: found {self.found}" if self.place else f"Found {self.found}"
        return f"{said}{expected}. {self.remedy} {self.command}".rstrip()

    @property
    def often(self) -> str:
        """How often it is there, and where; empty for once."""
        if self.count <= 1:
            return ""
        if self.files:
            first = ", ".join(self.files[:PLACES_KEPT])
            return f"in {self.count:,} files ({first}{'' if self.count <= PLACES_KEPT else ' …'})"
        rows = ", ".join(map(str, self.rows))
        more = "" if len(self.rows) == self.count else " …"
        places = f" ({self.row_word}s {rows}{more})" if len(self.rows) > 1 else ""
        return f"{self.count:,} times{places}"

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "code": self.code,
            "level": self.level,
            "file": self.file,
            "column": self.column,
            "files": list(self.files) or [self.file] * bool(self.file),
            "rows": list(self.rows),
            "found": self.found,
            "expected": self.expected,
            "count": self.count,
            "remedy": self.remedy,
            "command": self.command,
            "sentence": self.sentence,
        }


class FileRefusedError(Exception):
    """Nothing of a file can be read; `finding` says why. Never leaves this package."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.sentence)
        self.finding = finding


class Findings:
    """Collects findings; the same in the same file and column, or in whole files, becomes one."""

    def __init__(self) -> None:
        self._by_kind: dict[tuple[str, str, str], Finding] = {}

    def add(self, findings: Iterable[Finding]) -> None:
        """Take more of them."""
        for one in findings:
            whole = _is_of_whole_file(one)
            key = (one.code, one.found + one.expected if whole else one.file, one.column)
            before = self._by_kind.get(key)
            if before is None:
                self._by_kind[key] = one
                continue
            count = before.count + one.count
            if whole:
                files = ((before.files or (before.file,)) + (one.file,))[:FILES_KEPT]
                self._by_kind[key] = replace(before, files=files, count=count)
            else:
                rows = (before.rows + one.rows)[:PLACES_KEPT]
                self._by_kind[key] = replace(before, rows=rows, count=count)

    @property
    def mistakes(self) -> list[Finding]:
        """Those that keep the data from taking part, in the order in which they came."""
        return [one for one in self._by_kind.values() if one.level == "mistake"]

    @property
    def notices(self) -> list[Finding]:
        """Those that deserve a look."""
        return [one for one in self._by_kind.values() if one.level == "notice"]


def _is_of_whole_file(one: Finding) -> bool:
    """Tell whether another file may have just the same; a command is for one file alone."""
    return one.level == "mistake" and bool(one.file) and not (one.rows or one.column or one.command)


def refuse_first(findings: Sequence[Finding]) -> None:
    """Refuse data that does not keep the format.

    Parameters
    ----------
    findings
        Of one piece of it; notices are passed over.

    Raises
    ------
    DataError
        The mistake in the first row, if there is one.
    """
    mistakes = [one for one in findings if one.level == "mistake"]
    if mistakes:
        first = min(mistakes, key=lambda one: one.rows[:1] or (0,))
        raise DataError(first.sentence)


def shown(value: object) -> str:
    """Write a value as a finding shows it: short."""
    if isinstance(value, str):
        return "an empty cell" if not value.strip() else repr(value[:_SHOWN_MAX])
    return f"{value:g}" if isinstance(value, float) else str(value)


def listed(names: Sequence[str], *, quoted: bool = True) -> str:
    """List names as a finding shows them: the first few."""
    first = [repr(name) if quoted else name for name in names[:_LISTED_MAX]]
    more = len(names) - len(first)
    return ", ".join(first) + (f" and {more} more" if more else "")
