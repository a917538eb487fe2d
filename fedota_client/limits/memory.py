"""The memory of the worker, against the holder's bound."""

from __future__ import annotations

import os
from pathlib import Path

from fedota_proto.units import size_words

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def resident_bytes(pid: int) -> int:
    """Return how much memory a process holds; 0 if it is gone or the system does not tell."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES
    except (OSError, ValueError, IndexError):
        return 0


class MemoryWatch:
    """Finds a process that holds too much.

    Parameters
    ----------
    most_bytes
        The bound; 0: none.
    """

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self._ended = False

    def exceeded(self, pid: int) -> bool:
        """Tell whether a process is beyond the bound, and so to be ended."""
        self._ended = bool(self.most_bytes) and resident_bytes(pid) > self.most_bytes
        return self._ended

    def death(self) -> tuple[str, str] | None:
        """Return code and sentence of the end of a process that was beyond it, once."""
        if not self._ended:
            return None
        self._ended = False
        return (
            "out-of-memory",
            "The worker needed more memory than its limit of "
            f"{size_words(self.most_bytes)} (--memory-max).",
        )
