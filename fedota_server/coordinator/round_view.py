"""What people see of the open round: its stage, its counts and its clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from fedota_proto.v1 import fl_round_pb2, fl_status_pb2
from fedota_server.coordinator.engine import Engine
from fedota_server.coordinator.events import Events
from fedota_server.coordinator.round_key import RoundKey
from fedota_server.coordinator.round_stage import Stage
from fedota_server.coordinator.state import ProblemState, State

EVALUATION = "evaluation"
PULSE_S = 0.2


class RoundView:
    """Builds snapshots of the round clock, and has them sent a few times a second at most.

    Used in the event loop alone.

    Parameters
    ----------
    engine
        Who waits, what is open, which selectors are attached.
    events
        Takes the stages.
    rounds
        Of the problem, 0 for an app.
    goal, minimum
        Reports wanted, and fewest.
    """

    def __init__(
        self, engine: Engine, events: Events, *, rounds: int, goal: int, minimum: int
    ) -> None:
        self._engine = engine
        self._events = events
        self._rounds = rounds
        self._goal = goal
        self._minimum = minimum
        self._key = RoundKey(0, 0, 0)
        self._stage = ""
        self._cohort = 0
        self._pending = False
        self.problem: ProblemState | None = None
        self.on_pulse: Callable[[fl_status_pb2.StatusClock], None] = lambda clock: None
        engine.on_progress = self.moved

    def enter(self, key: RoundKey, stage: str, cohort: int = 0) -> None:
        """Note a stage of a round, and report it."""
        self.show(key, stage, cohort)
        changed = fl_status_pb2.StageChanged(round=key.to_proto(), stage=stage, cohort=cohort)
        self._events.append(fl_status_pb2.Event(stage=changed))

    def show(self, key: RoundKey, stage: str, cohort: int) -> None:
        """Note a stage of a round."""
        self._key, self._stage, self._cohort = key, stage, cohort
        self.moved()

    def clock(self) -> fl_round_pb2.Clock:
        """Build the round clock."""
        engine = self._engine
        stage, closes_at, reported, goal, minimum = self._stage, 0.0, 0, self._goal, self._minimum
        selection = engine.room.selection
        if selection is not None:
            stage, closes_at = Stage.SELECTION, selection.closes_at
        for exchange in engine.exchanges():
            closes_at = exchange.stage.deadline
            reported += len(exchange.stage.reported)
            goal, minimum = exchange.stage.goal, exchange.stage.minimum
        state = self.problem.now.state if self.problem is not None else State.RUNNING
        if self.problem is not None and self.problem.now.held and not engine.exchanges():
            stage, closes_at = state, 0.0
        elif state is State.WAITING and selection is not None:
            stage = "waiting"
        return fl_round_pb2.Clock(
            round=self._key.to_proto(),
            stage=stage,
            rounds=self._rounds,
            waiting=len(engine.room.waiting()),
            cohort=self._cohort,
            reported=reported,
            goal=goal,
            minimum=minimum,
            closes_in_s=max(0.0, closes_at - engine.now()) if closes_at else 0.0,
        )

    def status(self) -> fl_status_pb2.StatusClock:
        """Build the snapshot that the webserver shows."""
        engine = self._engine
        standing = self.problem.now if self.problem is not None else None
        held = Counter(session.epoch for session in engine.membership.sessions())
        return fl_status_pb2.StatusClock(
            state=standing.state if standing is not None else State.RUNNING,
            clock=self.clock(),
            selectors=[
                fl_status_pb2.SelectorState(
                    name=engine.roster.name_of(epoch.selector),
                    address=epoch.address,
                    attached=epoch.number in engine.roster.links,
                    held_clients=held[epoch.number],
                    received_bytes=link.load.received_bytes if link is not None else 0,
                    sent_bytes=link.load.sent_bytes if link is not None else 0,
                )
                for epoch in engine.epochs.current()
                for link in [engine.roster.links.get(epoch.number)]
            ],
            members_bound=engine.membership.bound_count(),
            detail=standing.reason if standing is not None else "",
        )

    def moved(self) -> None:
        """Note that something has changed; snapshots go out soon, and not too often."""
        if not self._pending:
            self._pending = True
            self._engine.loop.call_later(PULSE_S, self._pulse)

    def _pulse(self) -> None:
        self._pending = False
        status = self.status()
        self._engine.roster.tell_clock(status.clock)
        self.on_pulse(status)
