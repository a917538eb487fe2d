"""The fl_round service: carries between gRPC and the parts that decide."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio

from fedota_proto.credential import METADATA_KEY
from fedota_proto.doorkeeper import Caller, check_version
from fedota_proto.errors import BusyError, UnreachableError
from fedota_proto.v1 import fl_round_pb2 as pb
from fedota_proto.wire import GO, read_update_message, server_chunk, to_wire
from fedota_selector.clients import Clients
from fedota_selector.receiving import Receiving
from fedota_selector.sessions import HURRY_S, Delivery, Outgoing, Session
from fedota_selector.state import SelectorState
from fedota_selector.tasks import TaskState

SERVICE = "fedota.v1.FlRound"

Context = grpc.aio.ServicerContext[Any, Any]


class FlRoundServicer:
    """Every method checks the caller first; errors are translated by `ErrorInterceptor`.

    Parameters
    ----------
    state
        The selector's.
    clients, receiving
        Who decides.
    """

    def __init__(self, state: SelectorState, clients: Clients, receiving: Receiving) -> None:
        self._state = state
        self._clients = clients
        self._receiving = receiving

    def handlers(self) -> dict[str, grpc.RpcMethodHandler[Any, Any]]:
        """Make the methods' handlers; chunks pass gRPC without protobuf's copies."""
        unary: Any = grpc.unary_unary_rpc_method_handler
        stream: Any = grpc.unary_stream_rpc_method_handler
        upload: Any = grpc.stream_unary_rpc_method_handler
        return {
            "Hello": unary(self.hello, pb.HelloRequest.FromString, to_wire),
            "CheckIn": stream(self.check_in, pb.CheckInRequest.FromString, to_wire),
            "Update": upload(self.update, read_update_message, to_wire),
            "Describe": unary(self.describe, pb.DescribeRequest.FromString, to_wire),
            "Fetch": stream(self.fetch, pb.FetchRequest.FromString, to_wire),
            "Tell": unary(self.tell, pb.TellRequest.FromString, to_wire),
        }

    async def hello(self, request: pb.HelloRequest, context: Context) -> pb.HelloReply:
        """Compare versions and hand out a challenge.

        Raises
        ------
        VersionError
            The client speaks another protocol.
        """
        state = self._state
        check_version(request.version, peer="client", us="selector", release=state.version.release)
        return pb.HelloReply(
            version=state.version,
            challenge=state.doorkeeper.new_challenge(),
            problem_id=state.problem_id,
            unix_s=state.unix_clock(),
        )

    async def check_in(self, request: pb.CheckInRequest, context: Context) -> None:
        """Hold a client's stream until it, the coordinator or this process ends it.

        Raises
        ------
        FedotaError
            It is not let in, or reads nothing.
        """
        state = self._state
        caller = self._identify(context, "CheckIn")
        await state.until_greeted(state.limits.verdict_timeout_s)
        state.doorkeeper.check_invited(caller)
        session = self._clients.open(caller, request)
        del request, caller  # they would live as long as the stream
        try:
            await self._serve(session, await self._verdict(session), context)
        finally:
            session.undelivered += [
                item.task for item in session.mailbox.drain() if isinstance(item, Delivery)
            ]
            self._clients.gone(session)

    async def _verdict(self, session: Session) -> Outgoing | None:
        try:
            async with asyncio.timeout(self._state.limits.verdict_timeout_s):
                return await session.mailbox.get()
        except TimeoutError:
            raise UnreachableError(
                "The problem's coordinator did not admit this client in time: try again."
            ) from None

    async def _serve(self, session: Session, item: Outgoing | None, context: Context) -> None:
        mailbox = session.mailbox
        while item is not None:
            try:
                if isinstance(item, Delivery):
                    await self._deliver(session, item, context)
                else:
                    await self._write(session, item, context)
            except TimeoutError:
                raise BusyError(
                    "This client has read nothing for too long: check in again.",
                    retry_after_s=1.0,
                ) from None
            item = None  # nothing large stays alive while the stream waits
            item = await mailbox.get()
        if mailbox.overrun:
            raise BusyError("This client reads too slowly: check in again.", retry_after_s=1.0)

    async def _deliver(self, session: Session, item: Delivery, context: Context) -> None:
        """Send a task with those of its arrays that the client lacks."""
        state = self._state
        task = item.task
        if state.tasks.get(task.task_id) is not task or task.state is not TaskState.OPEN:
            return
        session.undelivered.append(task)
        parcel = item.content.parcel(session.arrays.has())
        session.arrays.task_sent(item.content.digests)
        item.head.payload.CopyFrom(parcel.payload)
        item.head.challenge = state.doorkeeper.new_challenge()
        item.head.deadline_s = max(0.0, task.deadline - state.clock())
        await self._write(session, pb.ServerMessage(task=item.head), context)
        state.sent_bytes += len(parcel.payload.data)
        for chunk in parcel.chunks():
            await self._write(session, server_chunk(chunk), context)
            state.sent_bytes += chunk.nbytes
        session.undelivered.remove(task)

    async def _write(
        self, session: Session, message: pb.ServerMessage | bytes, context: Context
    ) -> None:
        patience_s = HURRY_S if session.mailbox.ended else self._state.limits.stall_timeout_s
        try:
            async with asyncio.timeout(patience_s) as session.writing:
                await context.write(message)
        finally:
            session.writing = None

    async def update(self, messages: AsyncIterator[Any], context: Context) -> pb.Ack:
        """Take one update in.

        Raises
        ------
        FedotaError
            The caller is not let in, or the update cannot be read.
        """
        state = self._state
        caller = self._identify(context, "Update")
        await state.until_greeted(state.limits.ask_timeout_s)
        state.doorkeeper.check_bound(caller)

        async def go() -> None:
            await context.send_initial_metadata(GO)

        answer = await self._receiving.receive(caller, context.read, go)
        if answer.outcome is not None:
            session = state.admission.admitted(caller.node_id)
            if session is not None:
                session.mailbox.put(pb.ServerMessage(outcome=answer.outcome))
        return pb.Ack(
            status=answer.status,
            code=answer.code,
            reason=answer.reason,
            next_challenge=state.doorkeeper.new_challenge(),
        )

    async def describe(self, request: pb.DescribeRequest, context: Context) -> pb.DescribeReply:
        """Say what the problem is; an invite alone is enough, and binds nothing.

        Raises
        ------
        FedotaError
            The caller is not let in, or the coordinator does not answer.
        """
        caller = self._identify(context, "Describe")
        await self._state.until_greeted(self._state.limits.ask_timeout_s)
        self._state.doorkeeper.check_invited(caller)
        return await self._clients.describe(caller)

    async def fetch(self, request: pb.FetchRequest, context: Context) -> None:
        """Send a file.

        Raises
        ------
        FedotaError
            The caller is not let in, there is no such file, or it does not come.
        """
        state = self._state
        caller = self._identify(context, "Fetch")
        await state.until_greeted(state.limits.ask_timeout_s)
        state.doorkeeper.check_bound(caller)
        file = await self._clients.fetch(caller, request)
        patience_s = state.limits.stall_timeout_s
        async for chunk in file.chunks(patience_s):
            try:
                async with asyncio.timeout(patience_s):
                    await context.write(chunk)
            except TimeoutError:
                raise BusyError(
                    "This client has read nothing for too long: fetch it again.",
                    retry_after_s=1.0,
                ) from None
            state.sent_bytes += len(chunk.data)

    async def tell(self, request: pb.TellRequest, context: Context) -> pb.TellReply:
        """Take in what a client says of itself.

        Raises
        ------
        FedotaError
            The caller is not let in, or the coordinator does not answer.
        """
        caller = self._identify(context, "Tell")
        await self._state.until_greeted(self._state.limits.ask_timeout_s)
        if not self._state.doorkeeper.check_invited(caller):
            await self._clients.bind(caller)
        return await self._clients.tell(caller, request)

    def _identify(self, context: Context, method: str) -> Caller:
        credential: bytes | None = None
        metadata: Any = context.invocation_metadata() or ()
        for key, value in metadata:
            if key == METADATA_KEY and isinstance(value, bytes):
                credential = value
        return self._state.doorkeeper.identify(credential, method)
