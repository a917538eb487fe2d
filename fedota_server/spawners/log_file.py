"""Reading a log that `RotatingLog` writes."""

from __future__ import annotations

import re
from pathlib import Path

_STAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+ [A-Z]+ [\w.]+: ")


def last_lines(path: Path, lines: int) -> str:
    """Read the newest lines of a log, from the file before it too where one is not enough.

    Parameters
    ----------
    path
        The newest file.
    lines
        How many lines at most.

    Returns
    -------
    str
        Oldest first; empty where there is no file.
    """
    found: list[str] = []
    for name in (path.name, f"{path.name}.1"):
        try:
            text = path.with_name(name).read_text(errors="replace")
        except OSError:
            break
        found = text.splitlines(keepends=True) + found
        if len(found) >= lines:
            break
    return "".join(found[-lines:]) if lines > 0 else ""


def last_words(log: str) -> str:
    """Return what a process said last, without date, level and logger; empty if nothing.

    Parameters
    ----------
    log
        The end of its log.
    """
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    return _STAMP.sub("", lines[-1], count=1) if lines else ""
