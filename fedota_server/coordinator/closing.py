"""The close of an exchange: whose partials are awaited, and in which order they are folded."""

from __future__ import annotations

from collections.abc import Sequence

from fedota_server.coordinator.messages import PartialArrived


class Closing:
    """Waits for an answer from each epoch and lets partials through in the fixed order alone.

    The order of folding must not depend on whose partial arrives first, or the sum's last bit
    would. A partial waits for those before it, and no longer.

    Parameters
    ----------
    close_id
        Names this close to the selectors.
    order
        The epochs asked, in the selectors' fixed order.
    """

    def __init__(self, close_id: int, order: Sequence[int]) -> None:
        self.close_id = close_id
        self._order = list(order)
        self._awaited = set(order)
        self._ready: dict[int, PartialArrived] = {}

    @property
    def awaited(self) -> frozenset[int]:
        """The epochs that have not answered."""
        return frozenset(self._awaited)

    def answered(self, epoch: int, partial: PartialArrived | None) -> list[PartialArrived]:
        """Note an epoch's answer.

        Parameters
        ----------
        epoch
            Whose; one that is not awaited changes nothing.
        partial
            None if it holds nothing, its partial was refused, or the epoch has ended.

        Returns
        -------
        list of PartialArrived
            What is to be folded now, in order.
        """
        if epoch not in self._awaited:
            return []
        self._awaited.discard(epoch)
        if partial is not None:
            self._ready[epoch] = partial
        through = []
        while self._order and self._order[0] not in self._awaited:
            ready = self._ready.pop(self._order.pop(0), None)
            if ready is not None:
                through.append(ready)
        return through
