"""How much memory a process and its descendants hold, looked at often and cheaply."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

import psutil


class TreeMemory:
    """Resident memory of a process's whole tree.

    Finding descendants reads an entry of every process of the machine, so it is done seldom;
    reading the memory of those that are known costs one small file each.

    Parameters
    ----------
    pid
        Of the process.
    family_every_s
        Seconds between two looks for descendants; one that is younger is not counted.
    clock
        Seconds.
    """

    def __init__(
        self,
        pid: int,
        *,
        family_every_s: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pid = pid
        self._family_every_s = family_every_s
        self._clock = clock
        self._family: list[psutil.Process] = []
        self._look_at_s = clock()

    def size_bytes(self) -> int:
        """Measure it now.

        Returns
        -------
        int
            0 when the process is gone.
        """
        now_s = self._clock()
        if now_s >= self._look_at_s:
            self._look_at_s = now_s + self._family_every_s
            self._family = _family(self._pid)
        total = 0
        for process in self._family:
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                total += process.memory_info().rss
        return total


def _family(pid: int) -> list[psutil.Process]:
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
