"""The bytes of updates that a selector holds at once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable


class Reservation:
    """One update's place in the budget: queued, then granted, then given back."""

    __slots__ = ("_wake", "granted", "released", "size_bytes")

    def __init__(self, size_bytes: int) -> None:
        self.size_bytes = size_bytes
        self.granted = False
        self.released = False
        self._wake: Callable[[], None] | None = None

    def _grant(self) -> None:
        self.granted = True
        if self._wake is not None:
            self._wake()

    async def wait(self) -> None:
        """Wait until it is granted; the caller sets the deadline."""
        if self.granted:
            return
        future = asyncio.get_running_loop().create_future()

        def wake() -> None:
            if not future.done():
                future.set_result(None)

        self._wake = wake
        try:
            await future
        finally:
            self._wake = None


class ByteBudget:
    """Grants reservations strictly in the order in which they were asked for.

    One that is larger than the whole budget is granted when nothing else is, and then alone. What
    waits is not read, so gRPC's flow control stops its sender.

    Parameters
    ----------
    total_bytes
        The budget.
    """

    def __init__(self, total_bytes: int) -> None:
        self.total_bytes = total_bytes
        self.used_bytes = 0
        self._queue: deque[Reservation] = deque()

    @property
    def waiting(self) -> int:
        """How many reservations are queued."""
        return len(self._queue)

    def ask(self, size_bytes: int) -> Reservation:
        """Ask for a place; it is granted now or, through `Reservation.wait`, later.

        Parameters
        ----------
        size_bytes
            As declared by the sender, 0 or more.

        Returns
        -------
        Reservation
            To be given to `release`, granted or not.
        """
        reservation = Reservation(size_bytes)
        self._queue.append(reservation)
        self._serve()
        return reservation

    def shrink(self, reservation: Reservation, size_bytes: int) -> None:
        """Give back all but `size_bytes` of a place that is granted.

        Parameters
        ----------
        reservation
            Granted and not released.
        size_bytes
            At most its size.
        """
        self.used_bytes -= reservation.size_bytes - size_bytes
        reservation.size_bytes = size_bytes
        self._serve()

    def release(self, reservation: Reservation) -> None:
        """Give a place back, or leave the queue; a second time does nothing."""
        if reservation.released:
            return
        reservation.released = True
        if reservation.granted:
            self.used_bytes -= reservation.size_bytes
        else:
            self._queue.remove(reservation)
        self._serve()

    def _serve(self) -> None:
        while self._queue:
            first = self._queue[0]
            if self.used_bytes and self.used_bytes + first.size_bytes > self.total_bytes:
                return
            self._queue.popleft()
            self.used_bytes += first.size_bytes
            first._grant()
