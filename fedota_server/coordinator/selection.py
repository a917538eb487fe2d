"""Which of the waiting clients a round admits, and when."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SelectionRules:
    """The setter's rules of a selection.

    Parameters
    ----------
    goal_count
        Reports wanted.
    admitted_max
        Most clients admitted: goal × over-selection, rounded up.
    minimum_reports
        Fewest clients worth admitting.
    timeout_s
        Longest selection.
    settle_s
        With the goal waiting, the selection ends when nobody has come for that long.
    """

    goal_count: int
    admitted_max: int
    minimum_reports: int
    timeout_s: float
    settle_s: float


@dataclass(frozen=True, slots=True)
class Admit:
    """The selection is over: these are the cohort, in the order of admission."""

    nodes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to decide before this monotonic time, unless somebody comes or goes."""

    until: float


@dataclass(frozen=True, slots=True)
class Abandon:
    """The timeout has passed with too few clients waiting."""

    waiting: int


class Selection:
    """One selection; has no clock of its own and admits nobody until `decide` says so.

    It ends when `admitted_max` clients wait; when `goal_count` wait and nobody has come for
    `settle_s`; or at the timeout if at least `minimum_reports` wait. The least recently admitted go
    first, at random among equals. With fewer at the timeout it is abandoned.

    Parameters
    ----------
    rules
        The setter's.
    waiting
        Who waits already, with the monotonic time at which each came. Clients that were there in
        the round before have not come anew: they keep the time of their check-in.
    last_admitted
        For each node, when it was last admitted (any growing number); absent: never.
    now
        Monotonic time at which the selection begins.
    rng
        Breaks ties.
    """

    def __init__(
        self,
        rules: SelectionRules,
        *,
        waiting: Mapping[int, float],
        last_admitted: Mapping[int, int],
        now: float,
        rng: random.Random,
    ) -> None:
        self.rules = rules
        self.closes_at = now + rules.timeout_s
        self._waiting = set(waiting)
        self._newest = max(waiting.values(), default=now)
        self._last_admitted = last_admitted
        self._rng = rng

    @property
    def waiting(self) -> int:
        """How many clients wait."""
        return len(self._waiting)

    def arrive(self, node_id: int, now: float) -> None:
        """Note that a client came."""
        if node_id not in self._waiting:
            self._waiting.add(node_id)
            self._newest = max(self._newest, now)

    def leave(self, node_id: int) -> None:
        """Note that a client is gone."""
        self._waiting.discard(node_id)

    def decide(self, now: float) -> Admit | Wait | Abandon:
        """Say what the rules ask for at `now`.

        Returns
        -------
        Admit, Wait or Abandon
            `Wait` names the next moment at which the answer can change by time alone.
        """
        rules = self.rules
        count = len(self._waiting)
        if count >= rules.admitted_max:
            return self._admit()
        settled_at = self._newest + rules.settle_s
        if count >= rules.goal_count and now >= settled_at:
            return self._admit()
        if now >= self.closes_at:
            return self._admit() if count >= rules.minimum_reports else Abandon(count)
        if count >= rules.goal_count:
            return Wait(min(settled_at, self.closes_at))
        return Wait(self.closes_at)

    def _admit(self) -> Admit:
        nodes = sorted(self._waiting)
        self._rng.shuffle(nodes)
        nodes.sort(key=lambda node: self._last_admitted.get(node, -1))
        return Admit(tuple(nodes[: self.rules.admitted_max]))
