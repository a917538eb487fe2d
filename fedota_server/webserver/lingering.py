"""How long a completed problem's servers stay up for the clients that still have to hear of it."""

from __future__ import annotations

LEAST_S = 3.0
MOST_S = 60.0


class Lingering:
    """Decides when servers of completed problems may rest; has no clock.

    Parameters
    ----------
    least_s, most_s
        A problem's servers stay up for at least and at most so many seconds after it was completed.
    """

    def __init__(self, least_s: float = LEAST_S, most_s: float = MOST_S) -> None:
        self._least_s = least_s
        self._most_s = most_s
        self._since: dict[str, float] = {}

    def over(self, problem_id: str, now: float, held_clients: int | None) -> bool:
        """Take note that a problem is completed, and tell whether its servers may rest.

        Parameters
        ----------
        problem_id
            Which.
        now
            Seconds.
        held_clients
            How many clients its selectors hold; None where nobody can tell.
        """
        passed_s = now - self._since.setdefault(problem_id, now)
        return passed_s >= self._most_s or (held_clients == 0 and passed_s >= self._least_s)

    def forget(self, problem_id: str) -> None:
        """Take note that a problem is not completed, or has something to do."""
        self._since.pop(problem_id, None)
