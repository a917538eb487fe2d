"""What waits to be written to one client's stream."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")

MOST = 1_000


class Mailbox(Generic[Item]):
    """A queue with one reader that can be ended, with a last item or at once.

    A reader so slow that more than `MOST` items wait is ended: the queue is then `overrun`.
    """

    __slots__ = ("_ended", "_items", "_newest", "_waiter", "overrun")

    def __init__(self) -> None:
        self._items: deque[Item] = deque()
        self._newest: Item | None = None
        self._ended = False
        self._waiter: asyncio.Future[None] | None = None
        self.overrun = False

    @property
    def ended(self) -> bool:
        """Whether nothing more is taken in."""
        return self._ended

    def put(self, item: Item) -> None:
        """Queue an item; after the end it is dropped."""
        if self._ended:
            return
        if len(self._items) >= MOST:
            self.overrun = self._ended = True
        else:
            self._items.append(item)
        self._wake()

    def put_newest(self, item: Item) -> None:
        """Queue an item behind all others, in place of the one before of its kind."""
        if not self._ended:
            self._newest = item
            self._wake()

    def end(self, *last: Item, at_once: bool = False) -> list[Item]:
        """Take nothing more in; the reader gets `last` and then the end.

        Parameters
        ----------
        last
            Final items.
        at_once
            Drop what waits before them.

        Returns
        -------
        list
            What was dropped.
        """
        if self._ended:
            return []
        dropped: list[Item] = []
        if at_once:
            dropped = list(self._items)
            self._items.clear()
        self._newest = None
        self._items.extend(last)
        self._ended = True
        self._wake()
        return dropped

    def drain(self) -> Iterator[Item]:
        """Take out what waits, and end."""
        self._ended = True
        self._newest = None
        while self._items:
            yield self._items.popleft()

    async def get(self) -> Item | None:
        """Wait for the next item; None is the end. One caller at a time."""
        while True:
            if self._items:
                return self._items.popleft()
            if self._newest is not None:
                item, self._newest = self._newest, None
                return item
            if self._ended:
                return None
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
