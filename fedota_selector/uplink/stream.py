"""Carries the stream to the coordinator, and attaches again whenever it is lost."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Protocol

import grpc
import grpc.aio
from google.protobuf.message import Message

from fedota_proto.errors import FedotaError, StreamError, VersionError
from fedota_proto.grpc_errors import from_rpc_error
from fedota_proto.v1 import fl_intra_pb2 as intra
from fedota_proto.wire import TransferPiece, read_coordinator_message, to_wire
from fedota_selector.uplink.backoff import Backoff
from fedota_selector.uplink.outbox import Outbox

ATTACH = "/fedota.v1.FlIntra/Attach"
ATTACH_TIMEOUT_S = 30.0

_log = logging.getLogger(__name__)

FromCoordinator = intra.CoordinatorMessage | TransferPiece
ToCoordinator = Message | bytes


class Attachable(Protocol):
    """What the uplink serves; none of its methods may block."""

    def attaching(self) -> intra.Attaching:
        """Say who attaches."""

    async def attached(self, attached: intra.Attached) -> None:
        """Take the coordinator's greeting in, and queue what it has to be told.

        Raises
        ------
        FedotaError
            The coordinator is not the one to work with.
        """

    async def receive(self, message: FromCoordinator) -> None:
        """Take one message in.

        Raises
        ------
        StreamError
            It makes no sense; the stream is then begun anew, as a new instance.
        """

    def detached(self) -> None:
        """Take note that the stream is gone; the outbox is empty again."""


class Uplink:
    """One stream at a time, for as long as the process runs.

    Parameters
    ----------
    open_channel
        Opens a channel to the coordinator.
    outbox
        What goes up.
    owner
        Whom it serves.
    backoff
        Pauses between attempts.
    """

    def __init__(
        self,
        open_channel: Callable[[], grpc.aio.Channel],
        outbox: Outbox,
        owner: Attachable,
        backoff: Backoff | None = None,
    ) -> None:
        self._open_channel = open_channel
        self._outbox = outbox
        self._owner = owner
        self._backoff = backoff or Backoff(0.2, 5.0, random.random)

    async def run(self) -> None:
        """Attach, carry, and attach again, until cancelled."""
        channel = self._open_channel()
        try:
            while True:
                await self._attach_once(channel)
                await asyncio.sleep(self._backoff.next_s())
        finally:
            await channel.close()

    async def _attach_once(self, channel: grpc.aio.Channel) -> None:
        attach = channel.stream_stream(
            ATTACH, request_serializer=to_wire, response_deserializer=read_coordinator_message
        )
        call: grpc.aio.StreamStreamCall[ToCoordinator, FromCoordinator] = attach()
        try:
            await self._greet(call)
            async with asyncio.TaskGroup() as tasks:
                writer = tasks.create_task(self._write(call))
                await self._read(call)
                writer.cancel()
            _log.warning("the coordinator ended the stream; attaching again")
        except* grpc.RpcError as group:
            for error in _leaves(group):
                if isinstance(error, grpc.RpcError):
                    lost = from_rpc_error(error, peer="The coordinator")
                    level = logging.ERROR if isinstance(lost, VersionError) else logging.WARNING
                    _log.log(level, "%s Attaching again.", lost.public_message)
                    _log.debug("%s", lost.detail)
        except* (FedotaError, TimeoutError, asyncio.InvalidStateError) as group:
            for error in _leaves(group):
                _log.error("attaching again: %s", error or "the coordinator does not answer")
        finally:
            call.cancel()
            self._outbox.lost()
            self._owner.detached()

    async def _greet(self, call: grpc.aio.StreamStreamCall[ToCoordinator, FromCoordinator]) -> None:
        async with asyncio.timeout(ATTACH_TIMEOUT_S):
            await call.write(intra.SelectorMessage(attaching=self._owner.attaching()))
            first = await call.read()
        if not isinstance(first, intra.CoordinatorMessage) or not first.HasField("attached"):
            raise StreamError("The coordinator did not greet as a coordinator does.")
        await self._owner.attached(first.attached)
        self._backoff.succeeded()

    async def _write(self, call: grpc.aio.StreamStreamCall[ToCoordinator, FromCoordinator]) -> None:
        while True:
            message = self._outbox.take()
            if message is None:
                await self._outbox.wait()
                continue
            await call.write(message)

    async def _read(self, call: grpc.aio.StreamStreamCall[ToCoordinator, FromCoordinator]) -> None:
        while True:
            message = await call.read()
            if not isinstance(message, intra.CoordinatorMessage | TransferPiece):
                return
            await self._owner.receive(message)


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found
