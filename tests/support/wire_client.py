"""A client without a worker: the wire alone, so that a test can say whatever it likes on it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import numpy as np

from fedota_client.connection import Member, SelectorLink
from fedota_proto.credential import ClientKey, new_session_id
from fedota_proto.errors import FedotaError
from fedota_proto.invite import Invite
from fedota_proto.npy import npy_view
from fedota_proto.records import ArrayBytes, PayloadReader, Records, to_payload
from fedota_proto.tls import selector_name
from fedota_proto.v1 import fl_round_pb2 as pb
from support.waiting import DEADLINE_S, Feed


@dataclass(frozen=True)
class Received:
    """A task with all its arrays."""

    task: pb.Task
    records: Records

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the task's arrays."""
        return {name: npy_view(array) for name, array in self.records.arrays["arrays"].items()}


def update_of(arrays: Mapping[str, np.ndarray | ArrayBytes], metrics: Mapping[str, Any]) -> Records:
    """Write an update's records as a client does."""
    encoded = {
        name: array if isinstance(array, ArrayBytes) else ArrayBytes.from_numpy(array)
        for name, array in arrays.items()
    }
    return Records(
        arrays={"arrays": encoded} if encoded else {},
        metrics={"metrics": dict(metrics)},
        order=["arrays", "metrics"] if encoded else ["metrics"],
    )


class WireClient:
    """Checks in and listens; sends what it is told to.

    Parameters
    ----------
    invite
        Enrols it.
    selector
        Number of the selector; 0: the first that the invite names.
    key, session_id
        Of another client of the same membership; new ones unless told.
    """

    def __init__(
        self,
        invite: Invite,
        *,
        selector: int = 0,
        key: ClientKey | None = None,
        session_id: bytes = b"",
    ) -> None:
        self.invite = invite
        self.key = key or ClientKey.generate()
        self.session_id = session_id or new_session_id()
        self.messages: Feed[pb.ServerMessage] = Feed(f"messages to {invite.name}")
        self.tasks: Feed[Received] = Feed(f"tasks of {invite.name}")
        self.ended: Feed[FedotaError | None] = Feed(f"ends of {invite.name}'s stream")
        wanted = selector_name(invite.problem_id, selector)
        address, name = next(
            (at, name) for at, name in invite.selectors if not selector or name == wanted
        )
        member = Member(
            self.key, invite.problem_id, invite.node_id, self.session_id, invite=invite.text
        )
        self.link = SelectorLink(address, name, invite.ca_pem.encode(), member, release="test")
        self._holding: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.leave()
        await self.link.close()

    def check_in(self, request: pb.CheckInRequest | None = None) -> None:
        """Open the stream and listen to it in the background."""
        self._holding = asyncio.create_task(self._hold(request or pb.CheckInRequest()))

    async def leave(self) -> None:
        """Drop the stream."""
        if self._holding is not None:
            self._holding.cancel()
            await asyncio.gather(self._holding, return_exceptions=True)
            self._holding = None

    async def welcomed(self) -> None:
        """Wait until the coordinator has let us in."""
        await self.messages.until(lambda message: message.HasField("welcome"))

    async def task(self, message_type: str, server_round: int, *, after: int = 0) -> Received:
        """Wait for a task of a round."""
        return await self.tasks.until(
            lambda received: (
                (received.task.message_type, received.task.round.server_round)
                == (message_type, server_round)
            ),
            after=after,
        )

    async def outcome(self, task_id: int, timeout_s: float = DEADLINE_S) -> pb.Outcome:
        """Wait for what became of an update."""
        message = await self.messages.until(
            lambda message: message.HasField("outcome") and message.outcome.task_id == task_id,
            timeout_s=timeout_s,
        )
        return message.outcome

    async def refusal(self, timeout_s: float = DEADLINE_S) -> pb.Refusal:
        """Wait until the stream is ended by a refusal."""
        message = await self.messages.until(
            lambda message: message.HasField("refusal"), timeout_s=timeout_s
        )
        return message.refusal

    async def send(self, task_id: int, records: Records, update_sha256: bytes = b"") -> pb.Ack:
        """Send an update."""
        payload, chunks = to_payload(records, inline_bytes=0)
        data = b"".join(bytes(chunk) for chunk in chunks)
        header = pb.UpdateHeader(
            task_id=task_id, payload=payload, update_sha256=update_sha256 or bytes(32)
        )
        return await self.link.update(header, memoryview(data))

    async def _hold(self, request: pb.CheckInRequest) -> None:
        known: list[dict[bytes, ArrayBytes]] = [{}, {}]
        incoming: tuple[pb.Task, PayloadReader] | None = None
        try:
            async for message in self.link.check_in(request):
                if isinstance(message, memoryview):
                    assert incoming is not None
                    incoming[1].feed(message)
                else:
                    if message.HasField("task"):
                        reader = PayloadReader(message.task.payload, known={**known[0], **known[1]})
                        incoming = (message.task, reader)
                    self.messages.put(message)
                if incoming is not None and not incoming[1].missing_bytes:
                    records = incoming[1].finish()
                    arrays = {a.sha256: a for a in records.all_arrays() if a.sha256}
                    known = [arrays, known[0]]
                    self.tasks.put(Received(incoming[0], records))
                    incoming = None
        except FedotaError as error:
            self.ended.put(error)
        else:
            self.ended.put(None)
