"""What a server's tasks write, wherever they run, in one log of ours."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from fedota_server.spawners.container_log import LogCopy
from fedota_server.spawners.rotating_log import RotatingLog
from fedota_server.spawners.swarm_engine import LogLine


class TasksLog:
    """Copies each task's lines once; the tasks' nodes need not agree on the time.

    Parameters
    ----------
    path
        Of the log that pages read.
    max_bytes
        Size at which it is rotated.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        self._log = RotatingLog(path, max_bytes=max_bytes)
        self._copies: dict[str, LogCopy] = {}

    def since(self, task: str) -> float:
        """Return the moment before which nothing of a task is new."""
        return self._copies[task].after if task in self._copies else 0.0

    def take(self, lines: Iterable[LogLine]) -> None:
        """Write down what is new."""
        by_task: dict[str, list[tuple[float, bytes]]] = {}
        for line in lines:
            by_task.setdefault(line.task, []).append((line.at, line.text))
        for task, written in by_task.items():
            copy = self._copies.setdefault(task, LogCopy(self._log))
            copy.take(written)

    def add(self, text: str) -> None:
        """Write down what Swarm says."""
        self._log.write(f"{text}\n".encode())

    def tail(self) -> str:
        """Return the end of what was written here."""
        return self._log.tail()

    def close(self) -> None:
        """Let go of the file."""
        self._log.close()
