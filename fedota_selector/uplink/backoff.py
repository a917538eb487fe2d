"""How long to wait before trying again."""

from __future__ import annotations

from collections.abc import Callable


class Backoff:
    """Pauses that double from the least to the most, each cut by a random part.

    Parameters
    ----------
    least_s, most_s
        Bounds of a pause before the cut, in seconds.
    random
        Draws from [0, 1).
    """

    def __init__(self, least_s: float, most_s: float, random: Callable[[], float]) -> None:
        self._least_s = least_s
        self._most_s = max(least_s, most_s)
        self._random = random
        self._pause_s = least_s

    def next_s(self) -> float:
        """Return the next pause in seconds, between half and all of its length."""
        pause_s = self._pause_s
        self._pause_s = min(self._most_s, 2 * pause_s)
        return pause_s * (0.5 + 0.5 * self._random())

    def succeeded(self) -> None:
        """Begin again with the least."""
        self._pause_s = self._least_s
