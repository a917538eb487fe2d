"""A selector that does what a test tells it, and what surrounds a client under test."""

from __future__ import annotations

import asyncio
import hashlib
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc.aio

from fedota_client.progress import PlainDisplay
from fedota_proto import credential
from fedota_proto.errors import FedotaError
from fedota_proto.grpc_errors import ErrorInterceptor
from fedota_proto.invite import Invite, sign_invite
from fedota_proto.records import ArrayBytes, PayloadReader, Records, to_payload
from fedota_proto.tls import selector_name, server_credentials, server_options
from fedota_proto.v1 import fl_records_pb2 as records_pb
from fedota_proto.v1 import fl_round_pb2 as pb
from fedota_proto.v1 import fl_round_pb2_grpc as rpc
from fedota_proto.wire import GO
from fedota_server.authority import PlatformHome, ProblemKeys

PROBLEM_ID = "abcdef123456"
NODE_ID = 4711
WAIT_S = 20.0
FAKE_WORKER = Path(__file__).with_name("fake_worker.py")


def worker_command(mode: str, folder: Path) -> tuple[str, ...]:
    """Return the command of a fake worker."""
    folder.mkdir(parents=True, exist_ok=True)
    return (sys.executable, str(FAKE_WORKER), mode, str(folder))


@dataclass
class Stream:
    """One open check-in."""

    request: pb.CheckInRequest
    credential: pb.Credential
    _queue: asyncio.Queue[pb.ServerMessage | None] = field(default_factory=asyncio.Queue)

    def send(self, **body: Any) -> None:
        """Send one message."""
        self._queue.put_nowait(pb.ServerMessage(**body))

    def end(self) -> None:
        """End the stream as if the selector stopped."""
        self._queue.put_nowait(None)

    def task(
        self,
        task_id: int,
        records: Records,
        *,
        message_type: str = "train",
        server_round: int = 1,
        have: tuple[bytes, ...] = (),
        deadline_s: float = 60.0,
    ) -> None:
        """Send a task with its chunks."""
        payload, chunks = to_payload(records, have=have)
        self.send(
            task=pb.Task(
                task_id=task_id,
                round=records_pb.RoundKey(generation=1, server_round=server_round, attempt=1),
                message_type=message_type,
                deadline_s=deadline_s,
                payload=payload,
            )
        )
        for chunk in chunks:
            self.send(chunk=bytes(chunk))

    async def messages(self) -> AsyncIterator[pb.ServerMessage]:
        while (message := await self._queue.get()) is not None:
            yield message


@dataclass
class Received:
    """One update that came whole."""

    header: pb.UpdateHeader
    records: Records | None
    came_s: float


class ScriptedSelector(rpc.FlRoundServicer):
    """Takes every client in and then does what the test says.

    `ack` decides on each update; `refuse_with` ends every call with an error; `hold_updates` keeps
    updates from being answered while it is cleared.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.address = ""
        self.problem_id = PROBLEM_ID
        self.protocol = credential.PROTOCOL
        self.challenges = credential.Challenges()
        self.streams: asyncio.Queue[Stream] = asyncio.Queue()
        self.updates: asyncio.Queue[Received] = asyncio.Queue()
        self.tells: list[int] = []
        self.away_until_unix_s = 0.0
        self.open_streams = 0
        self.clock_ahead_s = 0.0
        self.hellos = 0
        self.calls: list[tuple[str, str]] = []
        self.welcome = pb.Welcome()
        self.ack: Callable[[pb.UpdateHeader], pb.Ack] = lambda header: pb.Ack(status=pb.Ack.HELD)
        self.refuse_with: FedotaError | None = None
        self.refuse_fetch_with: FedotaError | None = None
        self.hold_updates = asyncio.Event()
        self.hold_updates.set()
        self.in_flight = 0
        self.in_flight_most = 0
        self.description = pb.DescribeReply(problem_id=PROBLEM_ID)
        self.file = b""
        self.round_files: dict[int, bytes] = {}
        self._server: grpc.aio.Server | None = None

    async def start(self, keys: ProblemKeys) -> None:
        """Serve on a free port."""
        keys.selector(self.number)
        self._server = grpc.aio.server(options=server_options(), interceptors=[ErrorInterceptor()])
        rpc.add_FlRoundServicer_to_server(self, self._server)
        identity = keys.identity(f"selector-{self.number}")
        credentials = server_credentials(identity, keys.ca_pem, require_client=False)
        port = self._server.add_secure_port("127.0.0.1:0", credentials)
        self.address = f"127.0.0.1:{port}"
        await self._server.start()

    async def stop(self) -> None:
        """Drop everybody."""
        if self._server is not None:
            await self._server.stop(None)
            self._server = None

    async def next_stream(self) -> Stream:
        """Wait for the next check-in, and welcome it."""
        stream = await asyncio.wait_for(self.streams.get(), WAIT_S)
        welcome = pb.Welcome()
        welcome.CopyFrom(self.welcome)
        welcome.next_challenge = self.challenges.issue(time.monotonic())
        stream.send(welcome=welcome)
        return stream

    async def next_update(self) -> Received:
        """Wait for the next update."""
        return await asyncio.wait_for(self.updates.get(), WAIT_S)

    def _caller(self, context: Any, method: str) -> pb.Credential:
        metadata = dict(context.invocation_metadata())
        caller = pb.Credential.FromString(metadata[credential.METADATA_KEY])
        self.calls.append((method, caller.invite))
        self.challenges.redeem(caller.challenge, time.monotonic())
        credential.verify_credential(caller, method=method)
        if self.refuse_with is not None:
            raise self.refuse_with
        return caller

    async def Hello(self, request: pb.HelloRequest, context: Any) -> pb.HelloReply:
        self.hellos += 1
        return pb.HelloReply(
            version=records_pb.Version(protocol=self.protocol, release="test"),
            challenge=self.challenges.issue(time.monotonic()),
            problem_id=self.problem_id,
            unix_s=time.time() + self.clock_ahead_s,
        )

    async def CheckIn(
        self, request: pb.CheckInRequest, context: Any
    ) -> AsyncIterator[pb.ServerMessage]:
        stream = Stream(request, self._caller(context, "CheckIn"))
        self.streams.put_nowait(stream)
        self.open_streams += 1
        try:
            async for message in stream.messages():
                yield message
        finally:
            self.open_streams -= 1

    async def Update(self, request_iterator: Any, context: Any) -> pb.Ack:
        self._caller(context, "Update")
        self.in_flight += 1
        self.in_flight_most = max(self.in_flight_most, self.in_flight)
        try:
            header: pb.UpdateHeader | None = None
            reader: PayloadReader | None = None
            async for message in request_iterator:
                if message.HasField("header"):
                    header = message.header
                    reader = PayloadReader(header.payload)
                    if reader.missing_bytes:
                        await context.send_initial_metadata(GO)
                elif reader is not None:
                    reader.feed(message.chunk)
            assert header is not None
            assert reader is not None
            await self.hold_updates.wait()
            records = None if header.HasField("failure") else reader.finish()
            self.updates.put_nowait(Received(header, records, time.monotonic()))
            ack = self.ack(header)
            ack.next_challenge = self.challenges.issue(time.monotonic())
            return ack
        finally:
            self.in_flight -= 1

    async def Describe(self, request: pb.DescribeRequest, context: Any) -> pb.DescribeReply:
        self._caller(context, "Describe")
        return self.description

    async def Fetch(self, request: pb.FetchRequest, context: Any) -> AsyncIterator[pb.FileChunk]:
        self._caller(context, "Fetch")
        if self.refuse_fetch_with is not None:
            error, self.refuse_fetch_with = self.refuse_fetch_with, None
            raise error
        file = self.round_files[request.server_round] if request.server_round else self.file
        digest = hashlib.sha256(file).digest()
        half = len(file) // 2
        yield pb.FileChunk(size_bytes=len(file), sha256=digest, data=file[:half])
        yield pb.FileChunk(data=file[half:])

    async def Tell(self, request: pb.TellRequest, context: Any) -> pb.TellReply:
        self._caller(context, "Tell")
        self.tells.append(request.kind)
        self.away_until_unix_s = request.away_until_unix_s
        return pb.TellReply()


class LineDisplay(PlainDisplay):
    """Keeps its lines, and lets a test wait for one."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._changed = asyncio.Event()
        super().__init__(self._keep)

    def _keep(self, line: str) -> None:
        self.lines.append(line)
        self._changed.set()

    async def wait_for(self, part: str) -> str:
        """Wait until a line holds `part`."""
        async with asyncio.timeout(WAIT_S):
            while True:
                for line in self.lines:
                    if part in line:
                        return line
                self._changed.clear()
                await self._changed.wait()


@dataclass
class Problem:
    """Keys of a problem, selectors and an invite to them."""

    keys: ProblemKeys
    selectors: list[ScriptedSelector]
    node_id: int = NODE_ID

    def invite(self, *, expires_in_s: float = 3600.0) -> Invite:
        """Sign an invite to all selectors."""
        invite_key = self.keys.invite_key
        return sign_invite(
            invite_key,
            Invite(
                problem_id=PROBLEM_ID,
                title="Tumours",
                node_id=self.node_id,
                name="clinic",
                expires_unix_s=time.time() + expires_in_s,
                ca_pem=self.keys.ca_pem.decode(),
                receipt_public_key=self.keys.receipt_key.public_bytes,
                invite_public_key=invite_key.public_bytes,
                selectors=tuple(
                    (one.address, selector_name(PROBLEM_ID, one.number)) for one in self.selectors
                ),
            ),
        )

    def outcome(
        self,
        task_id: int,
        kind: pb.OutcomeKind.ValueType = pb.COUNTED,
        *,
        message_type: str = "train",
        server_round: int = 1,
        signed: bool = True,
    ) -> pb.Outcome:
        """Make an outcome as the coordinator does."""
        outcome = pb.Outcome(
            task_id=task_id,
            round=records_pb.RoundKey(generation=1, server_round=server_round, attempt=1),
            message_type=message_type,
            kind=kind,
            weight=8.0,
        )
        if signed:
            self.keys.receipt_key.sign_outcome(PROBLEM_ID, self.node_id, outcome)
        return outcome


async def until(holds: Callable[[], bool]) -> None:
    """Wait for something that has no event, as a file in a folder."""
    async with asyncio.timeout(WAIT_S):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def make_keys(folder: Path) -> ProblemKeys:
    """Make a platform and the keys of one problem."""
    home = PlatformHome(folder / "platform")
    home.init()
    return ProblemKeys.create(folder / "keys", PROBLEM_ID, home.authority())


def model_records(value: float, elements: int = 4) -> Records:
    """Make a task's records with one array that is named by its hash."""
    import numpy as np

    array = ArrayBytes.from_numpy(np.full(elements, value, np.float32))
    array.digest()
    return Records(arrays={"arrays": {"w": array}}, order=["arrays"])
