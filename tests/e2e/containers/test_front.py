"""The proxy in front: one port for the page and, by server name and unread, for every selector."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from support.images import bridge_address, inspected, running
from support.programs import run_module
from support.proxy import TcpProxy
from support.up import unused_port
from support.waiting import until
from support.world import World, problem_toml

from fedota_proto.tls import selector_name

IMAGE = f"{os.environ.get('FEDOTA_IMAGES', 'fedota')}/front:latest"
DEADLINE_S = 60.0


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A problem for one round of two, with two selectors."""
    inspected(IMAGE)
    model, place = tmp_path / "model", tmp_path / "world"
    (model / "inspected").mkdir(parents=True)
    place.mkdir()
    await asyncio.to_thread(run_module, "support.model_maker", model)
    rules = f"selection_timeout_s = {DEADLINE_S:g}\nreporting_deadline_s = {DEADLINE_S:g}"
    async with World(place, model, problem_toml(rounds=1, more_rules=rules), selectors=2) as made:
        await made.serve(1, 2)
        yield made


async def wrong_at(port: int, name: str, ca_pem: bytes) -> str:
    """Say what hinders that the front leads to a server with this name's certificate."""
    trusting = ssl.create_default_context(cadata=ca_pem.decode())
    trusting.set_alpn_protocols(["h2"])
    try:
        _, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=trusting, server_hostname=name
        )
    except OSError as error:
        return repr(error)
    writer.transport.abort()
    return ""


@pytest.mark.timeout(240)
async def test_holders_who_reach_one_port_alone_train_through_it(
    world: World, tmp_path: Path
) -> None:
    routes, port, host = tmp_path / "routes", unused_port(), bridge_address()
    routes.mkdir(mode=0o755)
    options = [
        *("--publish", f"127.0.0.1:{port}:8443", "--volume", f"{routes}:/routes:ro"),
        *("--add-host", "host.docker.internal:host-gateway"),
        *("--env", "FEDOTA_HOST=fedota.example"),
        *("--env", "FEDOTA_FRONT_ROUTES=/routes/routes.map"),
    ]
    names = [selector_name(world.keys.problem_id, number) for number in (1, 2)]
    async with running(IMAGE, options) as front, AsyncExitStack() as stack:
        await front.until_healthy()
        doors = []
        for number in (1, 2):
            door = TcpProxy(world.ports.selector_address(number), host)
            stack.push_async_callback(door.close)
            await door.start()
            doors.append(door)
        lines = [
            f"{name} published:{door.address.rpartition(':')[2]};\n"
            for name, door in zip(names, doors, strict=True)
        ]
        (routes / "routes.map").write_text("".join(lines) + "evil.example 192.0.2.1:1;\n")
        ends_at = asyncio.get_running_loop().time() + DEADLINE_S
        for name in names:
            while wrong := await wrong_at(port, name, world.keys.ca_pem):
                assert asyncio.get_running_loop().time() < ends_at, f"{wrong}\n{front.logs()}"
                await asyncio.sleep(0.2)

        certificate = await asyncio.to_thread(ssl.get_server_certificate, ("127.0.0.1", port))
        page = x509.load_pem_x509_certificate(certificate.encode())
        (named,) = page.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        assert named.value == "fedota.example"

        before = [door.accepted for door in doors]
        at = f"127.0.0.1:{port}"
        first = await world.join(world.enrol("north", addresses=[(at, 1)]))
        second = await world.join(world.enrol("south", addresses=[(at, 2)]))
        assert await first.ended() == 0, first.output
        assert await second.ended() == 0, second.output
        await until(lambda: world.rounds(), "a completed round")
        assert all(door.accepted > was for door, was in zip(doors, before, strict=True))
    (row,) = world.rounds()
    assert set(world.counted(row)) == {"north", "south"}
