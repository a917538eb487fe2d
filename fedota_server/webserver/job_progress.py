"""How far a job is, written down while it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from fedota_server.webserver.threads import in_thread

Write = Callable[[Sequence[str], str], None]


class JobProgress:
    """Takes what a job says, in the event loop, and writes the newest of it down beside it.

    Parameters
    ----------
    write
        Keeps the steps so far and what is being done; it may block, and runs in a thread.
    """

    def __init__(self, write: Write) -> None:
        self._write = write
        self._steps: list[str] = []
        self._doing = ""
        self._changed = asyncio.Event()
        self._over = False

    @property
    def steps(self) -> list[str]:
        """What was done so far."""
        return list(self._steps)

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Show what is being done for as long as the block lasts."""
        self._doing = text
        self._changed.set()
        try:
            yield
        finally:
            self._doing = ""

    def say(self, text: str) -> None:
        """Add what was done."""
        self._steps.append(text)
        self._changed.set()

    def end(self) -> None:
        """Have `keep` end."""
        self._over = True
        self._changed.set()

    async def keep(self) -> None:
        """Write down whatever changes, one writing at a time, until `end`."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            if self._over:
                return
            await in_thread(self._write, self.steps, self._doing)
