"""How processes that are nobody's children see the end of this one."""

from __future__ import annotations

import os


class Lifeline:
    """A pipe into which nothing is written, whose other end only this process holds.

    The operating system closes that end when this process ends, however it ends; whoever was handed
    `end` then reads the end of a file.
    """

    def __init__(self) -> None:
        self.end, self._held = os.pipe()

    def close(self) -> None:
        """Let go of it, as the end of this process would."""
        for end in (self._held, self.end):
            os.close(end)
