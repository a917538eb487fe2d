"""Memory for updates that is used again, so that the kernel need not clear it each time.

Clearing fresh pages takes as long as checking and averaging what is then received into them.
"""

from __future__ import annotations

import mmap
import weakref
from collections import deque

import numpy as np

PAGE_BYTES = 1 << 12
POOLED_FROM_BYTES = 1 << 20


class BufferPool:
    """Buffers come back by themselves when the last view of them is gone, in whichever thread.

    All else belongs to one thread. What is freed goes back to the kernel at once.

    Parameters
    ----------
    most_bytes
        No buffer is kept for later that would make those taken and those kept more than this.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._idle: dict[int, list[mmap.mmap]] = {}
        self._taken_bytes = 0
        self._used = False
        self._rested = True
        self._returned: deque[mmap.mmap] = deque()

    @property
    def idle_bytes(self) -> int:
        """The bytes that are kept and used by nobody."""
        self._sort_in()
        return sum(size_bytes * len(idle) for size_bytes, idle in self._idle.items())

    @property
    def taken_bytes(self) -> int:
        """The bytes, in whole pages, of which there still is a view."""
        self._sort_in()
        return self._taken_bytes

    def take(self, size_bytes: int) -> memoryview:
        """Take a buffer with whatever was in it before.

        Parameters
        ----------
        size_bytes
            Exactly as many bytes are in the view.

        Returns
        -------
        memoryview
            Writable; the buffer is idle again once this and all views of it are gone.

        Raises
        ------
        MemoryError
            There is not so much memory.
        """
        if size_bytes < POOLED_FROM_BYTES:
            return np.empty(size_bytes, np.uint8).data
        self._used = True
        self._sort_in()
        whole_bytes = -(-size_bytes // PAGE_BYTES) * PAGE_BYTES
        idle = self._idle.get(whole_bytes)
        memory = idle.pop() if idle else self._allocate(whole_bytes)
        owner = np.frombuffer(memory, np.uint8, count=size_bytes)
        self._taken_bytes += whole_bytes
        weakref.finalize(owner, self._returned.append, memory).atexit = False
        return owner.data

    def tick(self) -> bool:
        """Free what is idle if nothing was taken since the last call.

        Returns
        -------
        bool
            Whether it was in use until the last call, and has come to rest.
        """
        self._sort_in()
        rests = not self._used and not self._taken_bytes
        if not self._used:
            self._idle.clear()
        came_to_rest = rests and not self._rested
        self._used, self._rested = False, rests
        return came_to_rest

    def _allocate(self, size_bytes: int) -> mmap.mmap:
        if self.idle_bytes + self._taken_bytes + size_bytes > self._most_bytes:
            self._idle.clear()
        try:
            memory = mmap.mmap(-1, size_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        except OSError as error:
            raise MemoryError(f"no {size_bytes} bytes for an update") from error
        if hasattr(mmap, "MADV_HUGEPAGE"):
            memory.madvise(mmap.MADV_HUGEPAGE)
        return memory

    def _sort_in(self) -> None:
        """Keep what came back, or let it go; the last view may have gone in another thread."""
        while self._returned:
            memory = self._returned.popleft()
            size_bytes = len(memory)
            self._taken_bytes -= size_bytes
            kept_bytes = sum(size * len(idle) for size, idle in self._idle.items())
            if kept_bytes + self._taken_bytes + size_bytes <= self._most_bytes:
                self._idle.setdefault(size_bytes, []).append(memory)
