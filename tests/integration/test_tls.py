"""Who may speak to whom, over real TLS on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from fedota_proto.tls import (
    RoleInterceptor,
    client_channel,
    peer_name,
    server_credentials,
    server_options,
)
from fedota_proto.v1 import fl_intra_pb2 as pb
from fedota_proto.v1 import fl_intra_pb2_grpc as rpc
from fedota_server.authority import PlatformHome, ProblemKeys


class EchoesThePeer(rpc.FlIntraServicer):
    """Answers every message with the name that the peer's certificate bears."""

    async def Attach(
        self, request_iterator: Any, context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[pb.CoordinatorMessage]:
        async for _ in request_iterator:
            yield pb.CoordinatorMessage(attached=pb.Attached(problem_id=peer_name(context)))


@pytest.fixture
def problems(tmp_path: Path) -> tuple[ProblemKeys, ProblemKeys]:
    home = PlatformHome(tmp_path / "home")
    home.init()
    ours, other = (
        ProblemKeys.create(tmp_path / name, name, home.authority()) for name in ("ours", "other")
    )
    ours.selector(1)
    other.selector(1)
    return ours, other


@pytest.fixture
async def port(problems: tuple[ProblemKeys, ProblemKeys]) -> AsyncIterator[int]:
    ours, _ = problems
    server = grpc.aio.server(
        options=server_options(),
        interceptors=[RoleInterceptor({"fedota.v1.FlIntra": r"selector-\d+\.ours\.fedota"})],
    )
    rpc.add_FlIntraServicer_to_server(EchoesThePeer(), server)
    credentials = server_credentials(ours.identity("coordinator"), ours.ca_pem, require_client=True)
    bound = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    yield bound
    await server.stop(None)


async def attach(channel: grpc.aio.Channel) -> str:
    async def one_message() -> AsyncIterator[pb.SelectorMessage]:
        yield pb.SelectorMessage()

    async with channel:
        stub = rpc.FlIntraStub(channel)
        async for message in stub.Attach(one_message(), timeout=10):
            return message.attached.problem_id
    return ""


async def test_the_problems_own_selector_may(
    port: int, problems: tuple[ProblemKeys, ProblemKeys]
) -> None:
    ours, _ = problems
    name = "coordinator.ours.fedota"
    channel = client_channel(f"127.0.0.1:{port}", name, ours.ca_pem, ours.identity("selector-1"))
    assert await attach(channel) == "selector-1.ours.fedota"


@pytest.mark.parametrize(
    ("whose", "role", "server_name", "status"),
    [
        (1, "selector-1", "coordinator.ours.fedota", grpc.StatusCode.PERMISSION_DENIED),
        (0, "operator", "coordinator.ours.fedota", grpc.StatusCode.PERMISSION_DENIED),
        (0, "selector-1", "coordinator.other.fedota", grpc.StatusCode.UNAVAILABLE),
        (0, None, "coordinator.ours.fedota", grpc.StatusCode.UNAVAILABLE),
    ],
)
async def test_nobody_else_may(
    port: int,
    problems: tuple[ProblemKeys, ProblemKeys],
    whose: int,
    role: str | None,
    server_name: str,
    status: grpc.StatusCode,
) -> None:
    keys = problems[whose]
    identity = keys.identity(role) if role else None
    channel = client_channel(f"127.0.0.1:{port}", server_name, keys.ca_pem, identity)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await attach(channel)
    assert refused.value.code() is status
