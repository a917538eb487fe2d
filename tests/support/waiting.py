"""Waiting for a condition, always with a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

DEADLINE_S = 30.0

_LOOK_S = 0.02

_Item = TypeVar("_Item")


async def until(reached: Callable[[], object], what: str, *, timeout_s: float = DEADLINE_S) -> None:
    """Wait until a condition holds that nobody tells of, looking again and again.

    Raises
    ------
    AssertionError
        It did not hold in time; the message names `what` was awaited.
    """
    try:
        async with asyncio.timeout(timeout_s):
            while not reached():  # noqa: ASYNC110
                await asyncio.sleep(_LOOK_S)
    except TimeoutError:
        raise AssertionError(f"within {timeout_s:g} s there was not {what}") from None


class Feed(Generic[_Item]):
    """Everything that came so far, and a way to wait for what a test needs.

    Parameters
    ----------
    name
        For the message of a wait that ended in vain.
    """

    def __init__(self, name: str) -> None:
        self.items: list[_Item] = []
        self._name = name
        self._waiting: list[asyncio.Future[None]] = []

    def put(self, item: _Item) -> None:
        """Take one in and wake everybody who waits."""
        self.items.append(item)
        self.wake()

    def wake(self) -> None:
        """Have everybody who waits look again."""
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)
        self._waiting.clear()

    async def until(
        self,
        wanted: Callable[[_Item], bool],
        *,
        after: int = 0,
        timeout_s: float = DEADLINE_S,
    ) -> _Item:
        """Return the first item after the first `after` that is wanted, waiting for it.

        Raises
        ------
        AssertionError
            It did not come in time; the message shows the newest that did.
        """
        seen = after
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    while seen < len(self.items):
                        if wanted(self.items[seen]):
                            return self.items[seen]
                        seen += 1
                    await self._next()
        except TimeoutError:
            newest = "\n".join(str(item).rstrip() for item in self.items[-12:])
            raise AssertionError(
                f"within {timeout_s:g} s nothing wanted came among {self._name}; the newest of "
                f"{len(self.items)}:\n{newest}"
            ) from None

    async def count(self, least: int, *, timeout_s: float = DEADLINE_S) -> None:
        """Wait until so many are there."""
        try:
            async with asyncio.timeout(timeout_s):
                while len(self.items) < least:
                    await self._next()
        except TimeoutError:
            raise AssertionError(
                f"{len(self.items)} of {least} came among {self._name} in {timeout_s:g} s"
            ) from None

    async def _next(self) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        await waiter
