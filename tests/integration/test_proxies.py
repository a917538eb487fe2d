"""Clients in hospitals' networks: what goes through a proxy, and what goes past it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.connect_proxy import ConnectProxy
from support.world import MakeWorld, World

from fedota_client.connection import hello_request
from fedota_client.reach.proxy import Proxies, grpc_environment
from fedota_proto.tls import client_channel, selector_name
from fedota_proto.v1.fl_round_pb2_grpc import FlRoundStub

from .client_wire.doubles import PROBLEM_ID, ScriptedSelector, make_keys


async def test_a_whole_training_goes_through_a_proxy_with_a_password(
    make_world: MakeWorld,
) -> None:
    world: World = await make_world(selectors=2)
    async with ConnectProxy(user="ann", password="p@ss:word") as proxy:
        await world.serve()
        url = proxy.url_for("ann", "p%40ss%3Aword")
        ann = world.enrol("ann", selectors=(1,))
        # In upper case, as most administrators write it.
        bob = world.enrol("bob", selectors=(2,))
        clients = [
            await world.join(ann, https_proxy=url, no_proxy=""),
            await world.join(bob, HTTPS_PROXY=url, NO_PROXY="elsewhere.example"),
        ]
        assert [await client.ended() for client in clients] == [0, 0]
    first, second = (world.ports.selector_address(number) for number in (1, 2))
    assert {first, second} <= set(proxy.passed)
    assert [set(world.counted(row)) for row in world.rounds()] == [{"ann", "bob"}] * 2


async def test_no_proxy_takes_an_address_out(make_world: MakeWorld) -> None:
    world: World = await make_world(selectors=1)
    async with ConnectProxy() as proxy:
        await world.serve(1)
        members = [world.enrol(name, selectors=(1,)) for name in ("ann", "bob")]
        exempt = "localhost, 127.0.0.0/8"
        clients = [
            await world.join(member, https_proxy=proxy.url, NO_PROXY=exempt) for member in members
        ]
        assert [await client.ended() for client in clients] == [0, 0]
    assert proxy.asked == []


async def test_a_join_that_reaches_nobody_points_at_connect_check(
    make_world: MakeWorld,
) -> None:
    world: World = await make_world(selectors=1)
    client = await world.join(world.enrol("ann", selectors=(1,)), "--connect-timeout", "0.5")
    assert await client.ended() == 1
    assert client.output.count("fedota-client connect-check") == 1


async def test_a_join_refuses_a_proxy_that_cannot_be_used(make_world: MakeWorld) -> None:
    world: World = await make_world(selectors=1)
    member = world.enrol("ann", selectors=(1,))
    client = await world.join(member, https_proxy="https://ann:secret@proxy.clinic:3128")
    assert await client.ended() == 2
    assert "https:// proxies are not supported" in client.output
    assert "secret" not in client.output


@pytest.mark.parametrize(
    ("variables", "host"),
    [
        *(({"no_proxy": entry}, "localhost") for entry in ("localhost", ".localhost", "host", "*")),
        *(({"no_proxy": entry}, "localhost") for entry in (" LOCALHOST , foo", "*.localhost", "")),
        *(({"no_proxy": entry}, "127.0.0.1") for entry in ("127.0.0.0/8", "127.", "10.0.0.0/8")),
        ({"no_grpc_proxy": "", "no_proxy": "localhost"}, "localhost"),
        ({"https_proxy": ""}, "localhost"),
        ({"grpc_proxy": ""}, "localhost"),
        ({"http_proxy": "http://127.0.0.1:9"}, "localhost"),
    ],
)
async def test_grpc_goes_the_way_that_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], host: str
) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    keys, selector = make_keys(tmp_path), ScriptedSelector(1)
    await selector.start(keys)
    address = f"{host}:{selector.address.rpartition(':')[2]}"
    async with ConnectProxy() as proxy:
        given = {"https_proxy": proxy.url, **variables}
        for name, value in {**given, **grpc_environment(given)}.items():
            monkeypatch.setenv(name, value)
        told = Proxies(given).for_address(address)
        name, ca_pem = selector_name(PROBLEM_ID, 1), keys.ca_pem
        own_pool = (("grpc.use_local_subchannel_pool", 1),)
        async with client_channel(address, name, ca_pem, options=own_pool) as channel:
            await FlRoundStub(channel).Hello(hello_request("test"), timeout=10)
        assert proxy.asked == ([address] if told else [])
    await selector.stop()
