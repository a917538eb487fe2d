"""The clients that wait: who is admitted to a round, and until how many have come."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Callable

from fedota_proto.errors import FedotaError, RoundAbandonedError
from fedota_server.coordinator.membership import Session
from fedota_server.coordinator.roster import Roster
from fedota_server.coordinator.selection import Abandon, Admit, Selection, SelectionRules


class WaitingRoom:
    """Carries out what `Selection` decides, with one alarm for its clock.

    Parameters
    ----------
    roster
        Who is connected.
    busy
        Names the nodes that work on a task.
    rng
        Breaks the ties of selections.
    """

    def __init__(self, roster: Roster, busy: Callable[[], set[int]], rng: random.Random) -> None:
        self._loop = asyncio.get_running_loop()
        self._roster = roster
        self._busy = busy
        self._rng = rng
        self._last_admitted: dict[int, int] = {}
        self._admissions = itertools.count(1)
        self._selection: Selection | None = None
        self._selected: asyncio.Future[list[int]] | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._gathering: asyncio.Future[list[int]] | None = None
        self._gather_count = 0
        self._blocked: FedotaError | None = None

    @property
    def selection(self) -> Selection | None:
        """The open selection."""
        return self._selection

    def waiting(self) -> dict[int, float]:
        """Map the nodes that wait for a round to the monotonic time of their check-in."""
        busy = self._busy()
        return {
            session.node_id: session.arrived_at
            for session in self._roster.reachable_sessions()
            if session.node_id not in busy
        }

    def connected(self) -> list[int]:
        """List the nodes that are connected, sorted."""
        return sorted(session.node_id for session in self._roster.reachable_sessions())

    def arrived(self, session: Session) -> None:
        """Note that a client waits now."""
        if self._selection is not None and session.node_id not in self._busy():
            self._selection.arrive(session.node_id, session.arrived_at)
            self._consider()
        self._consider_gathering()

    def left(self, node_id: int) -> None:
        """Note that a client waits no longer."""
        if self._selection is not None:
            self._selection.leave(node_id)

    async def select(self, rules: SelectionRules) -> list[int]:
        """Wait until the rules admit a cohort.

        Returns
        -------
        list of int
            Node ids, in the order of admission.

        Raises
        ------
        RoundAbandonedError
            Too few wait at the timeout.
        FedotaError
            What the selection was interrupted with.
        """
        if self._blocked is not None:
            raise self._blocked
        self._selection = Selection(
            rules,
            waiting=self.waiting(),
            last_admitted=self._last_admitted,
            now=self._loop.time(),
            rng=self._rng,
        )
        self._selected = self._loop.create_future()
        try:
            self._consider()
            return await self._selected
        finally:
            self._selection = self._selected = None
            self._silence()

    def _silence(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _consider(self) -> None:
        selection, selected = self._selection, self._selected
        if selection is None or selected is None or selected.done():
            return
        self._silence()
        decision = selection.decide(self._loop.time())
        if isinstance(decision, Admit):
            self._last_admitted.update(dict.fromkeys(decision.nodes, next(self._admissions)))
            selected.set_result(list(decision.nodes))
        elif isinstance(decision, Abandon):
            minimum = selection.rules.minimum_reports
            selected.set_exception(
                RoundAbandonedError(
                    f"{decision.waiting} of at least {minimum} data holders waited.",
                    stage="selection",
                    got=decision.waiting,
                    minimum=minimum,
                )
            )
        else:
            self._alarm = self._loop.call_at(decision.until, self._consider)

    async def gather(self, count: int, timeout_s: float) -> list[int]:
        """Wait until so many nodes are connected.

        Returns
        -------
        list of int
            All that are connected, sorted.

        Raises
        ------
        TimeoutError
            Fewer are connected when the time is over.
        FedotaError
            What the wait was interrupted with.
        """
        if self._blocked is not None:
            raise self._blocked
        self._gather_count = count
        self._gathering = self._loop.create_future()
        try:
            self._consider_gathering()
            async with asyncio.timeout(timeout_s):
                return await self._gathering
        finally:
            self._gathering = None

    def _consider_gathering(self) -> None:
        gathering = self._gathering
        if gathering is None or gathering.done():
            return
        if len(self._roster.membership.sessions()) < self._gather_count:
            return
        nodes = self.connected()
        if len(nodes) >= self._gather_count:
            gathering.set_result(nodes)

    def block(self, error: FedotaError | None) -> None:
        """End this and every later wait with an error, until it is None."""
        self._blocked = error
        for future in (self._selected, self._gathering):
            if error is not None and future is not None and not future.done():
                future.set_exception(error)
