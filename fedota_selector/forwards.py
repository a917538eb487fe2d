"""Updates that go up one by one, for strategies that must see each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fedota_proto.records import Records, to_payload
from fedota_proto.v1 import fl_intra_pb2 as intra
from fedota_selector.uplink.outbox import Outbox, Transfer


@dataclass(frozen=True, slots=True)
class _Forward:
    held: intra.Held
    records: Records
    release: Callable[[], None]


class Forwards:
    """Keeps each update, and its place in the byte budget, until its last byte has been sent.

    Parameters
    ----------
    outbox
        Through which they go up.
    """

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._unsent: dict[int, _Forward] = {}

    def __len__(self) -> int:
        return len(self._unsent)

    def has(self, task_id: int) -> bool:
        """Tell whether an update is not sent yet."""
        return task_id in self._unsent

    def add(self, held: intra.Held, records: Records, release: Callable[[], None]) -> None:
        """Queue an update.

        Parameters
        ----------
        held
            Whose it is, its weight and hash.
        records
            What it brings; unchanged until it is sent.
        release
            Called once, when its memory is no longer needed.
        """
        self._unsent[held.task_id] = _Forward(held, records, release)
        self._queue(self._unsent[held.task_id])

    def queue_again(self) -> None:
        """Send from the beginning what a lost stream cut off; the outbox must be empty of it."""
        for forward in self._unsent.values():
            self._queue(forward)

    def clear(self) -> None:
        """Give up what is not sent; the outbox must be empty of it."""
        unsent = list(self._unsent.values())
        self._unsent.clear()
        for forward in unsent:
            forward.release()

    def _queue(self, forward: _Forward) -> None:
        payload, chunks = to_payload(forward.records)
        transfer_id = self._outbox.new_transfer_id()
        first = intra.Forward(
            transfer_id=transfer_id,
            task_id=forward.held.task_id,
            node_id=forward.held.node_id,
            weight=forward.held.weight,
            update_sha256=forward.held.update_sha256,
            payload=payload,
        )

        def done(sent: bool) -> None:
            if sent and self._unsent.get(forward.held.task_id) is forward:
                del self._unsent[forward.held.task_id]
                forward.release()

        self._outbox.transfer(
            Transfer(transfer_id, intra.SelectorMessage(forward=first), chunks, done)
        )
