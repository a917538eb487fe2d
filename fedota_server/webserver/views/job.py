"""Long work, as it is seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class JobView:
    """A job: inspect, dry run or score.

    Parameters
    ----------
    job_id, problem_id
        Its own, and of the problem that it is for.
    kind
        ``inspect``, ``dry run`` or ``score``.
    state
        ``queued``, ``running``, ``done`` or ``failed``.
    steps
        What has been done so far, one sentence each.
    message
        While it runs: what is being done. Failed: why, and what to do. Done: the result in words.
    result
        What it found; for a dry run and a score ``metrics``.
    created_unix_s, started_unix_s, ended_unix_s
        When; None where that has not happened yet.
    """

    job_id: str
    problem_id: str
    kind: str
    state: str
    steps: tuple[str, ...]
    message: str
    result: dict[str, Any]
    created_unix_s: float
    started_unix_s: float | None
    ended_unix_s: float | None

    @property
    def over(self) -> bool:
        """Whether it ended, well or not."""
        return self.state in ("done", "failed")
