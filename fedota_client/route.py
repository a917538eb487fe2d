"""Which selector to try next, and how long to wait before; without sockets or a clock."""

from __future__ import annotations

import random
from collections.abc import Iterable

Address = tuple[str, str]


class SelectorRoute:
    """The known selectors, with a pause that doubles after each useless lap.

    The first lap begins with the invite's first selector, since each invite begins with another;
    all else is in random order, so that clients that lose a selector do not follow each other.

    Parameters
    ----------
    selectors
        Pairs of address and server name, as in the invite; they stay known for good.
    rng
        Decides the order and the jitter.
    last_resort
        What each lap ends with: it does not take part, but knows where the others are.
    first_s, most_s
        Shortest and longest pause after a lap, in seconds.
    """

    def __init__(
        self,
        selectors: Iterable[Address],
        rng: random.Random,
        *,
        last_resort: Address | None = None,
        first_s: float = 0.2,
        most_s: float = 15.0,
    ) -> None:
        self._invited = tuple(dict.fromkeys(selectors))
        self._last_resort = () if last_resort is None else (last_resort,)
        self._told: tuple[Address, ...] = ()
        self._rng = rng
        self._first_s = first_s
        self._most_s = most_s
        self._lap: list[Address] = []
        self._laps = 0
        self._last: Address | None = None

    def known(self) -> tuple[Address, ...]:
        """List every known selector, those we were told of first; then the last resort."""
        return (*self._selectors(), *self._last_resort)

    @property
    def lap_over(self) -> bool:
        """Whether all were tried since the last pause, or since one took us in."""
        return not self._lap

    def learned(self, selectors: Iterable[Address]) -> None:
        """Take the current addresses from a `Welcome`."""
        told = tuple(dict.fromkeys(selectors))
        if told and told != self._told:
            self._told = told
            self._lap = []

    def next(self) -> tuple[Address, float]:
        """Choose the selector to try now.

        Returns
        -------
        tuple
            The selector, and the seconds to wait before trying it: 0 within a lap.
        """
        pause_s = 0.0
        if not self._lap:
            self._lap = self._selectors()
            self._rng.shuffle(self._lap)
            if self._last is None:
                self._lap.sort(key=lambda selector: selector != self._invited[0])
            elif not self._laps:
                # After a lost stream another selector comes first, if there is one.
                self._lap.sort(key=lambda selector: selector == self._last)
            if self._laps:
                most_s = min(self._most_s, self._first_s * 2.0 ** min(self._laps - 1, 30))
                pause_s = most_s * (0.5 + 0.5 * self._rng.random())
            self._lap += self._last_resort
            self._laps += 1
        self._last = self._lap.pop(0)
        return self._last, pause_s

    def succeeded(self) -> None:
        """Take note that the last chosen selector took us in: the next lap starts afresh."""
        self._lap = []
        self._laps = 0

    def _selectors(self) -> list[Address]:
        return list(dict.fromkeys((*self._told, *self._invited)))
