"""An honest data holder on the wire, in the test's own process: quick, and in the order wanted."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any, Self

from fedota_proto.credential import ClientKey
from fedota_proto.errors import FedotaError
from fedota_proto.v1 import fl_round_pb2 as pb
from support.updates import honest_update
from support.waiting import DEADLINE_S
from support.wire_client import Received, WireClient, update_of
from support.world import Member

METRICS = {"loss": 0.5, "accuracy": 0.75}


class Holder(WireClient):
    """Trains when told to, evaluates by itself.

    Parameters
    ----------
    member
        Who it is.
    selector
        Number of the selector; 0: the first that the invite names.
    evaluates
        Whether it answers evaluations by itself.
    key, session_id
        As in `WireClient`.
    """

    def __init__(
        self,
        member: Member,
        *,
        selector: int = 0,
        evaluates: bool = True,
        key: ClientKey | None = None,
        session_id: bytes = b"",
    ) -> None:
        super().__init__(member.invite, selector=selector, key=key, session_id=session_id)
        self.member = member
        self.evaluates = evaluates
        self._evaluating: asyncio.Task[None] | None = None
        self._seen = 0

    @classmethod
    def moved(cls, holder: Holder, selector: int) -> Holder:
        """Return the same process at another selector."""
        return cls(holder.member, selector=selector, key=holder.key, session_id=holder.session_id)

    async def __aenter__(self) -> Self:
        self.check_in()
        self._evaluating = asyncio.create_task(self._evaluate())
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._evaluating is not None:
            self._evaluating.cancel()
            await asyncio.gather(self._evaluating, return_exceptions=True)
        await super().__aexit__(exc_type, exc, traceback)

    async def to_train(self, server_round: int, timeout_s: float = DEADLINE_S) -> Received:
        """Wait for a round's training task that was not taken yet."""
        received = await self.tasks.until(
            lambda received: (
                (received.task.message_type, received.task.round.server_round)
                == ("train", server_round)
            ),
            after=self._seen,
            timeout_s=timeout_s,
        )
        self._seen = self.tasks.items.index(received) + 1
        return received

    async def report(self, received: Received, **metrics: Any) -> pb.Ack:
        """Send the honest update of a training task."""
        arrays = honest_update(
            received.arrays(), self.member.seed, received.task.round.server_round
        )
        records = update_of(arrays, {"num-examples": self.member.weight, **METRICS, **metrics})
        return await self.send(received.task.task_id, records)

    async def train(self, server_round: int) -> Received:
        """Take a round's task, and have its update held."""
        received = await self.to_train(server_round)
        ack = await self.report(received)
        assert ack.status == pb.Ack.HELD, ack
        return received

    async def _evaluate(self) -> None:
        seen = 0
        while True:
            received = await self.tasks.until(
                lambda received: received.task.message_type == "evaluate",
                after=seen,
                timeout_s=3600.0,
            )
            seen = self.tasks.items.index(received) + 1
            if self.evaluates:
                records = update_of({}, {"num-examples": self.member.weight, **METRICS})
                try:
                    await self.send(received.task.task_id, records)
                except FedotaError:
                    continue  # a server was killed meanwhile
