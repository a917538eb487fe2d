"""What the coordinators said last of their open rounds: for pages, kept nowhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from fedota_proto.v1 import fl_status_pb2 as pb


@dataclass(frozen=True)
class SelectorView:
    """One selector as its coordinator sees it.

    Parameters
    ----------
    name, address
        As in its certificate; where clients reach it.
    attached
        Whether it is connected to the coordinator.
    held_clients
        How many clients it holds.
    received_bytes, sent_bytes
        Its traffic with clients since it was started.
    """

    name: str
    address: str
    attached: bool
    held_clients: int
    received_bytes: int
    sent_bytes: int


@dataclass(frozen=True)
class ClockView:
    """The newest snapshot that a problem's coordinator has sent.

    Parameters
    ----------
    state, detail
        The problem's state in the coordinator's own word, and why.
    generation, server_round, attempt
        The open round; zeros before the first.
    stage
        ``selection``, ``configuration``, ``reporting``, ``evaluation``, ``waiting``, ``paused`` …
    rounds
        How many are wanted.
    waiting, cohort, reported
        Clients that wait for selection, that were admitted, that have reported.
    goal, minimum
        Reports wanted, and fewest.
    closes_in_s
        Seconds until the stage closes, as of when it was sent; 0 where no clock runs.
    members_bound
        How many clients are enrolled.
    selectors
        Those that are there.
    age_s
        Seconds since it came.
    """

    state: str
    detail: str
    generation: int
    server_round: int
    attempt: int
    stage: str
    rounds: int
    waiting: int
    cohort: int
    reported: int
    goal: int
    minimum: int
    closes_in_s: float
    members_bound: int
    selectors: tuple[SelectorView, ...]
    age_s: float

    @property
    def held_clients(self) -> int:
        """How many clients are connected."""
        return sum(selector.held_clients for selector in self.selectors)


class Live:
    """The newest snapshot of each problem; any thread may ask at any time.

    Parameters
    ----------
    clock
        Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._attached: dict[str, object] = {}
        self._newest: dict[str, tuple[float, pb.StatusClock]] = {}

    def attach(self, problem_id: str, stream: object) -> None:
        """Take note that a coordinator reports, by this stream."""
        with self._lock:
            self._attached[problem_id] = stream
            self._newest.pop(problem_id, None)

    def detach(self, problem_id: str, stream: object) -> None:
        """Take note that a stream has ended; a newer one stays."""
        with self._lock:
            if self._attached.get(problem_id) is stream:
                del self._attached[problem_id]
                self._newest.pop(problem_id, None)

    def take(self, problem_id: str, snapshot: pb.StatusClock) -> None:
        """Take a snapshot in."""
        with self._lock:
            self._newest[problem_id] = (self._clock(), snapshot)

    def attached(self, problem_id: str) -> bool:
        """Tell whether the problem's coordinator reports at the moment."""
        with self._lock:
            return problem_id in self._attached

    def clock(self, problem_id: str) -> ClockView | None:
        """Return the newest snapshot; None while the coordinator is away, or has sent none."""
        with self._lock:
            found = self._newest.get(problem_id)
        if found is None:
            return None
        came, snapshot = found
        return _view(snapshot, max(0.0, self._clock() - came))

    def snapshot(self, problem_id: str) -> pb.StatusClock | None:
        """Return the newest snapshot as it came, to be read only; None as for `clock`."""
        with self._lock:
            found = self._newest.get(problem_id)
        return None if found is None else found[1]


def _view(snapshot: pb.StatusClock, age_s: float) -> ClockView:
    clock = snapshot.clock
    return ClockView(
        state=snapshot.state,
        detail=snapshot.detail,
        generation=clock.round.generation,
        server_round=clock.round.server_round,
        attempt=clock.round.attempt,
        stage=clock.stage,
        rounds=clock.rounds,
        waiting=clock.waiting,
        cohort=clock.cohort,
        reported=clock.reported,
        goal=clock.goal,
        minimum=clock.minimum,
        closes_in_s=clock.closes_in_s,
        members_bound=snapshot.members_bound,
        selectors=tuple(
            SelectorView(
                name=selector.name,
                address=selector.address,
                attached=selector.attached,
                held_clients=selector.held_clients,
                received_bytes=selector.received_bytes,
                sent_bytes=selector.sent_bytes,
            )
            for selector in snapshot.selectors
        ),
        age_s=age_s,
    )
