"""A server's log on disk, rotated by size."""

from __future__ import annotations

import logging
import re
from collections import deque
from pathlib import Path
from typing import BinaryIO

logger = logging.getLogger(__name__)

_TAIL_BYTES = 64 << 10
_STAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+ [A-Z]+ [\w.]+: ")


class RotatingLog:
    """Append bytes to a file that never grows beyond a size.

    When the next write would go beyond `max_bytes` the file becomes ``<name>.1``, the one before
    that ``<name>.2``, and so on; what is older than `backups` files is deleted. A disk that is full
    costs log lines, never a server.

    Parameters
    ----------
    path
        The newest file.
    max_bytes
        Largest size of one file.
    backups
        How many older files are kept.
    """

    def __init__(self, path: Path, *, max_bytes: int = 8 << 20, backups: int = 3) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._backups = backups
        self._file: BinaryIO | None = None
        self._tail: deque[bytes] = deque()
        self._tail_bytes = 0

    def write(self, data: bytes) -> None:
        """Append `data` and hand it to the operating system."""
        if not data:
            return
        self._remember(data)
        try:
            file = self._opened()
            if file.tell() and file.tell() + len(data) > self._max_bytes:
                file = self._rotated()
            file.write(data)
        except OSError as error:
            logger.warning("%s cannot be written: %s", self.path, error.strerror)

    def close(self) -> None:
        """Close the file; a later write opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def tail(self) -> str:
        """Return the end of what this object wrote, at most 64 KiB."""
        return b"".join(self._tail)[-_TAIL_BYTES:].decode(errors="replace")

    def _remember(self, data: bytes) -> None:
        self._tail.append(data)
        self._tail_bytes += len(data)
        while self._tail_bytes - len(self._tail[0]) >= _TAIL_BYTES:
            self._tail_bytes -= len(self._tail.popleft())

    def _opened(self) -> BinaryIO:
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("ab", buffering=0)
        return self._file

    def _rotated(self) -> BinaryIO:
        self.close()
        for number in range(self._backups, 0, -1):
            older = self._numbered(number)
            newer = self._numbered(number - 1)
            if newer.exists():
                newer.replace(older)
        if self._backups == 0:
            self.path.unlink(missing_ok=True)
        return self._opened()

    def _numbered(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}") if number else self.path


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
