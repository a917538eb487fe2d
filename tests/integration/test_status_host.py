"""fl_status over loopback with mutual TLS: a scripted coordinator and an operator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import grpc.aio
import pytest
import pytest_asyncio

from fedota_proto.credential import PROTOCOL
from fedota_proto.errors import (
    AuthenticationError,
    FedotaError,
    UnreachableError,
    UsageError,
    VersionError,
)
from fedota_proto.grpc_errors import from_rpc_error
from fedota_proto.tls import WEBSERVER_NAME, ServerIdentity, client_channel
from fedota_proto.v1 import fl_records_pb2 as records_pb
from fedota_proto.v1 import fl_status_pb2 as pb
from fedota_proto.v1 import fl_status_pb2_grpc as rpc
from fedota_server.authority import Authority, PlatformHome, ProblemKeys
from fedota_server.event_file import EventFile
from fedota_server.status_host import StatusServicer, status_server

PROBLEM = "abcdef123456"
WAIT_S = 20.0


@dataclass
class Host:
    """A running status host and the keys of both its callers."""

    address: str
    store: EventFile
    servicer: StatusServicer
    keys: ProblemKeys
    platform: Authority
    scaled: list[int]

    @asynccontextmanager
    async def stub(self, identity: ServerIdentity) -> AsyncIterator[rpc.FlStatusAsyncStub]:
        channel = client_channel(self.address, WEBSERVER_NAME, self.keys.ca_pem, identity)
        async with channel:
            yield rpc.FlStatusStub(channel)

    def coordinator(self) -> ScriptedCoordinator:
        return ScriptedCoordinator(self)

    async def control(self, command: pb.Command) -> pb.CommandReply:
        async with self.stub(self.keys.identity("operator")) as stub:
            try:
                return await stub.Control(pb.ControlRequest(command=command), timeout=WAIT_S)
            except grpc.aio.AioRpcError as error:
                raise from_rpc_error(error) from error


class ScriptedCoordinator:
    """Says over Report what a test tells it to say."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._queue: asyncio.Queue[pb.StatusReport] = asyncio.Queue()

    async def __aenter__(self) -> ScriptedCoordinator:
        self._stub = self._host.stub(self._host.keys.identity("coordinator"))
        self._call = (await self._stub.__aenter__()).Report()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._call.cancel()
        await self._stub.__aexit__(None, None, None)

    async def begin(self, last_seq: int = 0, protocol: int = PROTOCOL, pid: str = PROBLEM) -> int:
        version = records_pb.Version(protocol=protocol, release="0")
        await self.say(
            pb.StatusReport(
                start=pb.ReportStart(version=version, problem_id=pid, last_seq=last_seq)
            )
        )
        return (await self.hear()).acknowledged.seq

    async def say(self, report: pb.StatusReport) -> None:
        await self._call.write(report)

    async def event(self, seq: int, state: str = "running") -> None:
        await self.say(pb.StatusReport(event=pb.Event(seq=seq, state=pb.StateChanged(state=state))))

    async def hear(self) -> pb.StatusCommand:
        try:
            async with asyncio.timeout(WAIT_S):
                message = await self._call.read()
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error) from error
        assert isinstance(message, pb.StatusCommand)
        return message

    async def ended(self) -> bool:
        async with asyncio.timeout(WAIT_S):
            return await self._call.read() is grpc.aio.EOF

    async def acknowledged(self, seq: int) -> None:
        while (await self.hear()).acknowledged.seq < seq:
            pass


@pytest_asyncio.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    home = PlatformHome(tmp_path / "home")
    home.init()
    platform = home.authority()
    keys = ProblemKeys.create(tmp_path / "keys", PROBLEM, platform)
    scaled: list[int] = []

    async def set_selectors(count: int) -> str:
        scaled.append(count)
        return f"{count} selectors run"

    store = EventFile(tmp_path / "events.jsonl")
    servicer = StatusServicer(PROBLEM, store, set_selectors, answer_wait_s=2.0)
    server, port = status_server(
        servicer, PROBLEM, home.webserver_identity(), keys.ca_pem, "127.0.0.1:0"
    )
    await server.start()
    yield Host(f"127.0.0.1:{port}", store, servicer, keys, platform, scaled)
    await server.stop(0)
    store.close()


async def test_events_are_stored_once_and_acknowledged(host: Host) -> None:
    async with host.coordinator() as coordinator:
        assert await coordinator.begin() == 0
        for seq in (1, 2, 2, 1, 3):
            await coordinator.event(seq)
        await coordinator.acknowledged(3)
    async with host.coordinator() as coordinator:
        assert await coordinator.begin(last_seq=3) == 3
        await coordinator.event(3, "failed")
        await coordinator.event(4)
        await coordinator.acknowledged(4)
    stored = host.store.stored_after(0)
    assert [event.seq for event in stored] == [1, 2, 3, 4]
    assert all(event.state.state == "running" for event in stored)


async def test_a_command_is_carried_to_the_coordinator_and_answered(host: Host) -> None:
    async with host.coordinator() as coordinator:
        await coordinator.begin()
        asked = asyncio.create_task(host.control(pb.Command(command_id="c1", revoke=7)))
        command = (await coordinator.hear()).command
        assert (command.command_id, command.revoke) == ("c1", 7)
        reply = pb.CommandReply(command_id="c1", done=True, message="revoked")
        await coordinator.say(pb.StatusReport(reply=reply))
        assert await asked == reply
        assert await host.control(pb.Command(command_id="c1", revoke=7)) == reply


async def test_a_command_waits_for_a_coordinator_that_starts_again(host: Host) -> None:
    async with host.coordinator() as coordinator:
        await coordinator.begin()
        asked = asyncio.create_task(host.control(pb.Command(command_id="c1", pause=True)))
        assert (await coordinator.hear()).command.command_id == "c1"
    async with host.coordinator() as coordinator:
        await coordinator.begin()
        assert (await coordinator.hear()).command.command_id == "c1"
        reply = pb.CommandReply(command_id="c1", done=True)
        await coordinator.say(pb.StatusReport(reply=reply))
        assert (await asked).done


async def test_a_command_that_nobody_answers_says_so_and_is_withdrawn(host: Host) -> None:
    with pytest.raises(UnreachableError, match="not connected"):
        await host.control(pb.Command(command_id="c1", stop=True))
    async with host.coordinator() as coordinator:
        await coordinator.begin()
        asked = asyncio.create_task(host.control(pb.Command(command_id="c2", pause=True)))
        assert (await coordinator.hear()).command.command_id == "c2"
        asked.cancel()


async def test_selectors_are_set_here(host: Host) -> None:
    reply = await host.control(pb.Command(command_id="c1", selectors=3))
    assert (reply.done, reply.message, host.scaled) == (True, "3 selectors run", [3])


async def test_an_empty_command_is_refused(host: Host) -> None:
    with pytest.raises(UsageError):
        await host.control(pb.Command(command_id="c1"))


async def test_a_watcher_gets_the_past_then_what_comes(host: Host) -> None:
    async with (
        host.coordinator() as coordinator,
        host.stub(host.keys.identity("operator")) as stub,
    ):
        await coordinator.begin()
        for seq in (1, 2):
            await coordinator.event(seq)
        await coordinator.acknowledged(2)
        watch = stub.Watch(pb.WatchRequest(after_seq=1), timeout=WAIT_S)
        first = await watch.read()
        assert isinstance(first, pb.WatchMessage)
        assert first.event.seq == 2
        await coordinator.say(pb.StatusReport(clock=pb.StatusClock(state="paused")))
        second = await watch.read()
        assert isinstance(second, pb.WatchMessage)
        assert second.clock.state == "paused"
        await coordinator.event(3)
        third = await watch.read()
        assert isinstance(third, pb.WatchMessage)
        assert third.event.seq == 3


async def test_the_newest_connection_of_the_coordinator_counts(host: Host) -> None:
    async with host.coordinator() as old, host.coordinator() as new:
        await old.begin()
        await new.begin()
        assert await old.ended()
        await new.event(1)
        await new.acknowledged(1)
        assert host.servicer.attached


@pytest.mark.parametrize(
    ("start", "error"),
    [({"protocol": PROTOCOL + 1}, VersionError), ({"pid": "zzz"}, AuthenticationError)],
)
async def test_a_foreign_coordinator_is_refused(
    host: Host, start: dict[str, object], error: type[FedotaError]
) -> None:
    async with host.coordinator() as coordinator:
        with pytest.raises(error):
            await coordinator.begin(**start)  # type: ignore[arg-type]


async def test_each_method_is_for_its_role(host: Host, tmp_path: Path) -> None:
    async with host.stub(host.keys.identity("coordinator")) as stub:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.Control(pb.ControlRequest(command=pb.Command(command_id="c", stop=True)))
        assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
    other = ProblemKeys.create(tmp_path / "other", "ffffff123456", host.platform)
    async with host.stub(other.identity("operator")) as stub:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.Watch(pb.WatchRequest()).read()
        assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
    async with host.stub(host.keys.identity("operator")) as stub:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.Report().read()
        assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
