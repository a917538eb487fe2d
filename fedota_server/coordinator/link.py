"""One selector's stream, as the engine sees it: what goes out is queued, what comes in is put
together."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator

from fedota_proto.records import PayloadReader
from fedota_proto.v1 import fl_intra_pb2 as pb
from fedota_proto.wire import coordinator_chunk
from fedota_server.coordinator.contents import Content, SentArrays

Outgoing = pb.CoordinatorMessage | bytes


class IncomingTransfer:
    """A partial or a forwarded update whose bytes are arriving."""

    __slots__ = ("message", "reader")

    def __init__(self, message: pb.Partial | pb.Forward, reader: PayloadReader) -> None:
        self.message = message
        self.reader = reader


class SelectorLink:
    """An attached selector's stream, from its attachment until the stream is gone.

    Messages go out in the order in which they were given. A content's chunks are made when they
    are written, so that no more than one waits in memory for a slow reader.

    Parameters
    ----------
    epoch
        Of the attachment.
    selector
        The selector's number.
    address
        Where clients reach it, host:port.
    now
        Monotonic time.
    """

    def __init__(self, epoch: int, selector: int, address: str, now: float) -> None:
        self.epoch = epoch
        self.selector = selector
        self.address = address
        self.load = pb.Load()
        self.transfers: dict[int, IncomingTransfer] = {}
        self.last_bytes = now
        self.closed = False
        self._sent = SentArrays()
        self._queue: deque[Outgoing | Iterator[bytes]] = deque()
        self._wake = asyncio.Event()
        self._transfer_id = 0

    def send(self, message: Outgoing) -> None:
        """Queue a message."""
        if not self.closed:
            self._queue.append(message)
            self._wake.set()

    def send_content(self, content: Content) -> None:
        """Queue a content: its table, and the bytes of the arrays that the selector lacks."""
        if self.closed:
            return
        self._transfer_id += 1
        transfer_id = self._transfer_id
        payload, chunks = self._sent.payload(content)
        message = pb.Content(
            transfer_id=transfer_id, content_id=content.content_id, payload=payload
        )
        self.send(pb.CoordinatorMessage(content=message))
        self._queue.append(coordinator_chunk(transfer_id, chunk) for chunk in chunks)

    def send_all(self, pieces: Iterator[bytes]) -> None:
        """Queue messages that are made when they are written."""
        if self.closed:
            return
        self._queue.append(pieces)
        self._wake.set()

    def close(self) -> None:
        """End the stream; what has not been written is dropped."""
        self.closed = True
        self._queue.clear()
        self.transfers.clear()
        self._wake.set()

    async def pump(self, write: Callable[[Outgoing], Awaitable[None]]) -> None:
        """Write what is queued, until the link is closed."""
        while not self.closed:
            if not self._queue:
                self._wake.clear()
                await self._wake.wait()
                continue
            item = self._queue.popleft()
            if isinstance(item, pb.CoordinatorMessage | bytes):
                await write(item)
                continue
            for chunk in item:
                await write(chunk)
                if self.closed:
                    return
