"""What containers write, taken over piece by piece, each line once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from fedota_server.spawners.base import LineListener
from fedota_server.spawners.rotating_log import RotatingLog


class LogCopy:
    """Copies what a container writes to a log of ours; told where the last copy ended."""

    def __init__(self, log: RotatingLog) -> None:
        self.log = log
        self._after = 0.0

    def take(self, lines: list[tuple[float, bytes]]) -> bytes:
        """Write down what is new, and return it."""
        new = [(at, line) for at, line in lines if at > self._after]
        if new:
            self._after = new[-1][0]
        text = b"".join(line for _, line in new)
        self.log.write(text)
        return text

    @property
    def after(self) -> float:
        """Moment of the newest line that was copied."""
        return self._after


class ServerLogs:
    """The logs of a problem's servers, copied from their containers; every method blocks.

    Parameters
    ----------
    folder
        Where they are.
    max_bytes
        Size at which one is rotated.
    read
        Returns the lines that a server's container wrote after a moment, each with its own.
    """

    def __init__(
        self,
        folder: Path,
        max_bytes: int,
        read: Callable[[str, float], list[tuple[float, bytes]]],
    ) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._read = read
        self._copies: dict[str, LogCopy] = {}
        self._writing = threading.Lock()
        self._closed = False

    def path(self, name: str) -> Path:
        """Name a server's log."""
        return self._folder / f"{name}.log"

    def copy(self, name: str) -> None:
        """Copy what a server wrote since the last time to the log that pages read."""
        known = self._copies.get(name)
        lines = self._read(name, known.after if known is not None else 0.0)
        with self._writing:
            if self._closed:
                return  # whoever asked for it is late
            copy = self._copies.get(name)
            if copy is None:
                log = RotatingLog(self.path(name), max_bytes=self._max_bytes)
                copy = self._copies[name] = LogCopy(log)
            copy.take(lines)

    def close(self) -> None:
        """Close them; nothing more is copied."""
        with self._writing:
            self._closed = True
            for copy in self._copies.values():
                copy.log.close()


class JobLines:
    """Tells a job's lines to whoever listens, each once."""

    def __init__(self, on_line: LineListener | None) -> None:
        self.after = 0.0
        self._on_line = on_line

    def take(self, lines: list[tuple[float, bytes]]) -> None:
        """Tell what is new."""
        for at, line in lines:
            self.after = at
            if self._on_line is not None:
                self._on_line(line.decode(errors="replace").rstrip("\r\n"))
