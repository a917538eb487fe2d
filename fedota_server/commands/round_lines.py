"""The lines of an app's rounds, of which there may be fifty a second."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fedota_proto.v1 import fl_status_pb2 as pb

EVERY_S = 1.0
_STEP_S = 0.25


class RoundLines:
    """Writes the newest completed and evaluated round at most once a second, all else at once.

    Parameters
    ----------
    write
        Takes one line.
    clock
        Seconds.
    """

    def __init__(
        self, write: Callable[[str], None], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._write = write
        self._clock = clock
        self._next_s = clock()
        self._held: dict[str, str] = {}

    def say(self, line: str, event: pb.Event) -> None:
        """Take an event's line."""
        kind = event.WhichOneof("body") or ""
        if kind == "evaluated" or (kind == "round" and event.round.completed):
            # A newer line takes an older one's place, and its turn behind the others.
            self._held.pop(kind, None)
            self._held[kind] = line
            self.tick()
        else:
            self.flush()
            self._write(line)

    def tick(self) -> None:
        """Write what is held if its time has come."""
        if self._held and self._clock() >= self._next_s:
            self.flush()

    def flush(self) -> None:
        """Write what is held."""
        if self._held:
            self._next_s = self._clock() + EVERY_S
        for line in self._held.values():
            self._write(line)
        self._held.clear()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Write held lines in their time while the block lasts, and the last at its end."""

        async def tick() -> None:
            while True:
                await asyncio.sleep(_STEP_S)
                self.tick()

        ticking = asyncio.create_task(tick())
        try:
            yield
        finally:
            ticking.cancel()
            self.flush()
