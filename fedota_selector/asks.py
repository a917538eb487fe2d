"""Questions of clients that are passed on to the coordinator, and their answers."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod

from fedota_proto.errors import FedotaError
from fedota_proto.v1 import fl_intra_pb2 as intra
from fedota_proto.v1 import fl_round_pb2 as pb


class FileSink(ABC):
    """Where a file goes that comes as an answer in many parts."""

    @abstractmethod
    async def feed(self, chunk: pb.FileChunk) -> bool:
        """Take in the next part; returns whether more have to follow."""

    @abstractmethod
    def fail(self, error: FedotaError) -> None:
        """Take note that nothing more will come."""


class Asks:
    """The questions that wait for an answer."""

    def __init__(self) -> None:
        self._next_id = 1
        self._futures: dict[int, asyncio.Future[intra.Answer]] = {}
        self._sinks: dict[int, FileSink] = {}

    def __len__(self) -> int:
        return len(self._futures) + len(self._sinks)

    def expect_answer(self) -> tuple[int, asyncio.Future[intra.Answer]]:
        """Begin to wait for one message; returns the question's id and the answer to come."""
        future: asyncio.Future[intra.Answer] = asyncio.get_running_loop().create_future()
        ask_id = self._new_id()
        self._futures[ask_id] = future
        return ask_id, future

    def expect_file(self, sink: FileSink) -> int:
        """Begin to wait for a file; returns the question's id."""
        ask_id = self._new_id()
        self._sinks[ask_id] = sink
        return ask_id

    def forget(self, ask_id: int) -> None:
        """Wait no longer; an answer that still comes is dropped."""
        self._futures.pop(ask_id, None)
        self._sinks.pop(ask_id, None)

    async def answer(self, answer: intra.Answer, refusal: FedotaError | None) -> None:
        """Hand an answer, or the error that a refusal means, to who waits for it."""
        sink = self._sinks.get(answer.ask_id)
        if sink is not None:
            if refusal is not None:
                sink.fail(refusal)
                del self._sinks[answer.ask_id]
            elif not await sink.feed(answer.file):
                self._sinks.pop(answer.ask_id, None)
            return
        future = self._futures.pop(answer.ask_id, None)
        if future is None or future.done():
            return
        if refusal is not None:
            future.set_exception(refusal)
        else:
            future.set_result(answer)

    def fail_all(self, error: FedotaError) -> None:
        """Tell everyone who waits that nothing will come."""
        futures, sinks = list(self._futures.values()), list(self._sinks.values())
        self._futures.clear()
        self._sinks.clear()
        for future in futures:
            if not future.done():
                future.set_exception(error)
        for sink in sinks:
            sink.fail(error)

    def _new_id(self) -> int:
        ask_id = self._next_id
        self._next_id += 1
        return ask_id
