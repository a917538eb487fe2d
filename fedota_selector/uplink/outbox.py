"""What waits to go up to the coordinator."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fedota_proto.v1 import fl_intra_pb2 as intra
from fedota_proto.wire import selector_chunk


@dataclass(frozen=True, slots=True)
class Transfer:
    """Bytes that follow a message, chunk by chunk.

    Parameters
    ----------
    transfer_id
        Of this stream.
    first
        The message that announces them.
    chunks
        Taken one at a time, when the one before has been accepted by the line.
    done
        Called once: after the last chunk was accepted, or with False if the stream was lost first.
    """

    transfer_id: int
    first: intra.SelectorMessage
    chunks: Iterator[memoryview]
    done: Callable[[bool], None]


class Outbox:
    """Messages in order, and between them the chunks of transfers, one transfer at a time.

    Messages go first, so that a long transfer does not hold up what is short. One chunk is out at
    a time: a slow coordinator stops the sender, and nothing piles up in memory.
    """

    def __init__(self) -> None:
        self._messages: deque[intra.SelectorMessage] = deque()
        self._transfers: deque[Transfer] = deque()
        self._current: Transfer | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._next_transfer = 1

    def put(self, message: intra.SelectorMessage) -> None:
        """Queue a message."""
        self._messages.append(message)
        self._wake()

    def new_transfer_id(self) -> int:
        """Return a number that no transfer of this process has had."""
        transfer_id = self._next_transfer
        self._next_transfer += 1
        return transfer_id

    def transfer(self, transfer: Transfer) -> None:
        """Queue a transfer behind those that wait."""
        self._transfers.append(transfer)
        self._wake()

    def take(self) -> intra.SelectorMessage | bytes | None:
        """Take what is to be written next, None if nothing waits."""
        if self._messages:
            return self._messages.popleft()
        while True:
            if self._current is not None:
                chunk = next(self._current.chunks, None)
                if chunk is not None:
                    return selector_chunk(self._current.transfer_id, chunk)
                finished, self._current = self._current, None
                finished.done(True)
            if not self._transfers:
                return None
            self._current = self._transfers.popleft()
            return self._current.first

    async def wait(self) -> None:
        """Wait until something may be taken. One caller at a time."""
        if self._messages or self._transfers or self._current is not None:
            return
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def lost(self) -> None:
        """Drop everything: the stream is gone, and the next one starts from the state."""
        self._messages.clear()
        abandoned = [*([self._current] if self._current else []), *self._transfers]
        self._current = None
        self._transfers.clear()
        for transfer in abandoned:
            transfer.done(False)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
