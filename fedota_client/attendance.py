"""Watches the holder's limits: says when the client must go, and lets it come back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from fedota_client.limits.limits import Away

LOOK_EVERY_S = 1.0

Judge = Callable[[], Away | None]


class Attendance:
    """Whether the client may work now, looked at every second.

    Parameters
    ----------
    judge
        Says whether work is allowed at this moment; must be quick.
    every_s
        Seconds between two looks.
    """

    def __init__(self, judge: Judge = lambda: None, *, every_s: float = LOOK_EVERY_S) -> None:
        self._judge = judge
        self._every_s = every_s
        self._allowed = asyncio.Event()
        self.away = judge()
        if self.away is None:
            self._allowed.set()

    async def allowed(self) -> None:
        """Wait until work is allowed."""
        await self._allowed.wait()

    async def watch(
        self,
        gone: Callable[[Away], None],
        back: Callable[[], None],
        each: Callable[[], None] = lambda: None,
    ) -> None:
        """Look again and again, until it is cancelled.

        Parameters
        ----------
        gone
            Called when work is no longer allowed, and at the start if it is not.
        back
            Called when it is allowed again.
        each
            Called at every look.
        """
        if self.away is not None:
            gone(self.away)
        while True:
            await asyncio.sleep(self._every_s)
            each()
            was, self.away = self.away, self._judge()
            if self.away is not None and was is None:
                self._allowed.clear()
                gone(self.away)
            elif self.away is None and was is not None:
                self._allowed.set()
                back()


def away_words(away: Away) -> str:
    """Say why no work is done now, and until when."""
    until = datetime.fromtimestamp(away.until_unix_s).astimezone()
    return f"No work now: {away.reason}. Back, or looking again, at {until:%a %H:%M}."
