"""The checks that start programs, run beside whoever asks, and what the last run of them found."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fedota_server.webserver.doctor.finding import Finding


@dataclass(frozen=True)
class TrialsSeen:
    """What is known of the trials at one moment.

    Parameters
    ----------
    findings
        Of the last run that ended; empty before the first did.
    ended_unix_s
        When it ended; None before.
    running
        Whether another run is under way.
    """

    findings: Sequence[Finding]
    ended_unix_s: float | None
    running: bool


class LastTrials:
    """Runs trials in a thread of its own, one run at a time; any thread may ask.

    Parameters
    ----------
    trials
        Runs them all, which may take seconds; raises nothing.
    clock
        The date.
    """

    def __init__(
        self, trials: Callable[[], list[Finding]], clock: Callable[[], float] = time.time
    ) -> None:
        self._trials = trials
        self._clock = clock
        self._lock = threading.Lock()
        self._seen = TrialsSeen((), None, False)

    def seen(self, max_age_s: float) -> TrialsSeen:
        """Tell what is known at once; if it is older than `max_age_s` seconds, begin another run.

        Returns
        -------
        TrialsSeen
            Never waits for a run.
        """
        with self._lock:
            ended = self._seen.ended_unix_s
            fresh = ended is not None and self._clock() - ended <= max_age_s
            if not fresh and not self._seen.running:
                self._seen = TrialsSeen(self._seen.findings, ended, True)
                threading.Thread(target=self._run, name="doctor-trials", daemon=True).start()
            return self._seen

    def _run(self) -> None:
        # Whatever ends a run, the next one may begin.
        found: list[Finding] = []
        try:
            found = self._trials()
        finally:
            with self._lock:
                self._seen = TrialsSeen(found, self._clock(), False)
