"""A cap on the bytes a second that go over a line."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

# So many seconds' worth may go at once after a silence.
_BURST_S = 1.0
_CHUNK_LEAST_BYTES = 4 << 10
CAP_LEAST_BYTES_S = 64 << 10


class Throttle:
    """Says how long to wait so that the bytes stay below a cap.

    Parameters
    ----------
    bytes_s
        The cap; 0: none.
    clock
        Monotonic seconds.
    """

    def __init__(self, bytes_s: int = 0, clock: Callable[[], float] = time.monotonic) -> None:
        self._bytes_s = bytes_s
        self._clock = clock
        self._free_s = clock()  # the moment from which on the line is free

    def chunk_bytes(self, usual: int) -> int:
        """Return how large chunks should be so that each takes at most a second."""
        if not self._bytes_s:
            return usual
        return min(usual, max(_CHUNK_LEAST_BYTES, self._bytes_s))

    def delay_s(self, size_bytes: int) -> float:
        """Take note that so many bytes go now, and return how long to wait before the next."""
        if not self._bytes_s:
            return 0.0
        now = self._clock()
        self._free_s = max(self._free_s, now - _BURST_S) + size_bytes / self._bytes_s
        return max(0.0, self._free_s - now)

    async def passed(self, size_bytes: int) -> None:
        """Wait after so many bytes, as long as the cap asks for."""
        delay_s = self.delay_s(size_bytes)
        if delay_s:
            await asyncio.sleep(delay_s)
