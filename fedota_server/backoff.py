"""How long to wait before a server that ended is started again."""

from __future__ import annotations


class Backoff:
    """Doubles its delay with every start that did not last, and forgets after one that did.

    Parameters
    ----------
    least_s, most_s
        First and longest delay, in seconds.
    lasting_s
        A server that ran so long had started well.
    """

    def __init__(self, least_s: float = 0.2, most_s: float = 30.0, lasting_s: float = 60.0) -> None:
        self._least_s = least_s
        self._most_s = most_s
        self._lasting_s = lasting_s
        self._next_s = least_s

    def after(self, ran_s: float) -> float:
        """Return the delay before the next start.

        Parameters
        ----------
        ran_s
            Seconds for which the server ran; 0 for a start that failed.
        """
        if ran_s >= self._lasting_s:
            self._next_s = self._least_s
        delay_s = self._next_s
        self._next_s = min(self._most_s, 2 * delay_s)
        return delay_s
