"""An honest client of few words, and the lies that others tell."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import grpc
import grpc.aio
import numpy as np

from fedota_proto.credential import (
    METADATA_KEY,
    PROTOCOL,
    SigningKey,
    make_credential,
    new_session_id,
)
from fedota_proto.errors import FedotaError
from fedota_proto.grpc_errors import from_rpc_error
from fedota_proto.invite import Invite, sign_invite
from fedota_proto.records import ArrayBytes, PayloadReader, Records, to_payload
from fedota_proto.tls import client_channel, selector_name
from fedota_proto.v1 import fl_records_pb2 as records_pb
from fedota_proto.v1 import fl_round_pb2 as pb
from fedota_proto.v1.fl_round_pb2_grpc import FlRoundStub
from fedota_proto.wire import says_go, to_wire, update_chunk
from fedota_server.authority import ProblemKeys

from .scripted_coordinator import SPECS, WAIT_S


def invite_text(keys: ProblemKeys, node_id: int, **changed: Any) -> str:
    """Write an invite of this problem."""
    fields: dict[str, Any] = {
        "problem_id": keys.problem_id,
        "title": "A problem",
        "node_id": node_id,
        "name": "hospital",
        "expires_unix_s": time.time() + 3_600,
        "ca_pem": keys.ca_pem.decode(),
        "receipt_public_key": keys.public_key("receipt"),
        "invite_public_key": keys.public_key("invite"),
        "selectors": (),
    }
    key = changed.pop("signed_by", keys.invite_key)
    return sign_invite(key, Invite(**{**fields, **changed})).text


def update(value: float, num_examples: float = 10.0, **metrics: Any) -> Records:
    """Make an update whose elements are all `value`."""
    arrays = {
        name: ArrayBytes.from_numpy(np.full(shape, value, dtype)) for name, dtype, shape in SPECS
    }
    numbers = {"num-examples": num_examples, "loss": 0.5, **metrics}
    return Records(arrays={"arrays": arrays}, metrics={"metrics": numbers})


class Client:
    """Speaks fl_round; its stream is read in the background."""

    def __init__(self, keys: ProblemKeys, port: int, node_id: int) -> None:
        self.keys = keys
        self.node_id = node_id
        self.key = SigningKey.generate()
        self.session_id = new_session_id()
        self.invite = invite_text(keys, node_id)
        self.messages: list[pb.ServerMessage] = []
        self.known: dict[bytes, ArrayBytes] = {}
        self.tasks: dict[int, tuple[pb.Task, Records]] = {}
        self.travelled_bytes: dict[int, int] = {}
        self.error: FedotaError | None = None
        self.ended = False
        self._changed = asyncio.Condition()
        self._channel = client_channel(
            f"127.0.0.1:{port}",
            selector_name(keys.problem_id, 1),
            keys.ca_pem,
            options=(("grpc.use_local_subchannel_pool", 1),),
        )
        self.stub = FlRoundStub(self._channel)
        self._update: Any = self._channel.stream_unary(
            "/fedota.v1.FlRound/Update",
            request_serializer=to_wire,
            response_deserializer=pb.Ack.FromString,
        )
        self._stream: asyncio.Task[None] | None = None

    async def hello(self, protocol: int = PROTOCOL) -> pb.HelloReply:
        version = records_pb.Version(protocol=protocol, release="test")
        reply: pb.HelloReply = await translated(
            self.stub.Hello(pb.HelloRequest(version=version), timeout=WAIT_S)
        )
        return reply

    async def metadata(self, method: str, **changed: Any) -> Any:
        fields: dict[str, Any] = {
            "node_id": self.node_id,
            "session_id": self.session_id,
            "challenge": (await self.hello()).challenge,
            "method": method,
            "invite": self.invite,
        }
        key = changed.pop("key", self.key)
        credential = make_credential(key, **{**fields, **changed})
        return ((METADATA_KEY, credential.SerializeToString()),)

    async def check_in(self, request: pb.CheckInRequest | None = None, **changed: Any) -> None:
        """Open the stream; what comes is kept."""
        metadata = await self.metadata("CheckIn", **changed)
        call = self.stub.CheckIn(request or pb.CheckInRequest(), metadata=metadata)
        self.ended, self.error = False, None
        self._stream = asyncio.create_task(self._read(call))

    async def join(self, request: pb.CheckInRequest | None = None) -> None:
        """Check in and wait for the welcome."""
        before = len(self.all("welcome"))
        await self.check_in(request)
        await self.until(lambda: len(self.all("welcome")) > before)

    async def leave(self) -> None:
        """Drop the stream, as a lost connection does."""
        if self._stream is not None:
            self._stream.cancel()
            await asyncio.wait([self._stream], timeout=WAIT_S)

    async def close(self) -> None:
        await self.leave()
        await self._channel.close()

    async def _read(self, call: Any) -> None:
        reader: PayloadReader | None = None
        task = pb.Task()
        try:
            while (message := await call.read()) is not grpc.aio.EOF:
                if message.HasField("task"):
                    task = message.task
                    reader = PayloadReader(task.payload, known=self.known)
                elif message.HasField("chunk"):
                    assert reader is not None
                    reader.feed(message.chunk)
                if reader is not None and not reader.missing_bytes:
                    self._take(task, reader)
                    reader = None
                self.messages.append(message)
                async with self._changed:
                    self._changed.notify_all()
        except grpc.aio.AioRpcError as error:
            self.error = from_rpc_error(error)
        finally:
            call.cancel()
            self.ended = True
            async with self._changed:
                self._changed.notify_all()

    def _take(self, task: pb.Task, reader: PayloadReader) -> None:
        records = reader.finish()
        self.travelled_bytes[task.task_id] = reader.size_bytes
        self.tasks[task.task_id] = task, records
        self.known.update({array.sha256: array for array in records.all_arrays()})

    def all(self, kind: str) -> list[Any]:
        return [getattr(m, kind) for m in self.messages if m.WhichOneof("body") == kind]

    async def until(self, condition: Callable[[], Any]) -> Any:
        async with asyncio.timeout(WAIT_S), self._changed:
            await self._changed.wait_for(condition)
            return condition()

    async def task(self, task_id: int) -> tuple[pb.Task, Records]:
        await self.until(lambda: task_id in self.tasks)
        return self.tasks[task_id]

    async def one(self, kind: str) -> Any:
        """Wait for the newest message of a kind."""
        await self.until(lambda: self.all(kind))
        return self.all(kind)[-1]

    async def until_ended(self) -> None:
        await self.until(lambda: self.ended)

    async def send(
        self, task_id: int, records: Records, *, sha256: bytes = b"", **how: Any
    ) -> pb.Ack:
        """Send an update as it should be sent."""
        payload, chunks = to_payload(records, **how)
        header = pb.UpdateHeader(task_id=task_id, payload=payload, update_sha256=sha256)
        return await self.send_raw(header, [bytes(chunk) for chunk in chunks])

    async def send_raw(self, header: pb.UpdateHeader, chunks: list[bytes]) -> pb.Ack:
        """Send any header and any chunks."""

        async def parts() -> Any:
            yield pb.UpdateMessage(header=header)
            if chunks and (header.payload.data or says_go(await call.initial_metadata())):
                for chunk in chunks:
                    yield update_chunk(chunk)

        call = self._update(parts(), metadata=await self.metadata("Update"), timeout=WAIT_S)
        ack: pb.Ack = await translated(call)
        return ack

    async def open_update(self, header: pb.UpdateHeader) -> Any:
        """Begin an update and leave the rest to the caller."""
        call = self._update(metadata=await self.metadata("Update"))
        await call.write(pb.UpdateMessage(header=header))
        return call


async def translated(call: Any) -> Any:
    """Await a call; what fails is an error of our own tree."""
    try:
        return await call
    except grpc.aio.AioRpcError as error:
        raise from_rpc_error(error) from error
