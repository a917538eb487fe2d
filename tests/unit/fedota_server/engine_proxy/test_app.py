"""The proxy against a scripted engine: whose objects, which bodies, which words."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from fedota_server.engine_proxy.app import EngineProxy
from fedota_server.engine_proxy.parts import Limits
from fedota_server.engine_proxy.rules import EngineRules
from fedota_server.engine_proxy.swarm_rules import SwarmRules

OURS = {"io.fedota.platform": "fedota"}


async def _streamed(body: bytes) -> AsyncIterator[bytes]:
    yield body


class ScriptedEngine:
    """Knows two containers, ours and another's, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[httpx.Request] = []
        self.away = False

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if self.away:
            raise httpx.ConnectError("no socket")
        self.asked.append(request)
        match request.url.path:
            case "/containers/ours/json":
                return httpx.Response(200, json={"Config": {"Labels": OURS}})
            case "/containers/theirs/json":
                return httpx.Response(200, json={"Config": {"Labels": None}})
            case "/containers/broken/json":
                return httpx.Response(500, text="no")
            case "/networks/theirs":
                return httpx.Response(200, json={"Labels": {"io.fedota.platform": "other"}})
            case path if "gone" in path:
                return httpx.Response(404, content=_streamed(b'{"message": "no such object"}'))
            case _:
                headers = {"api-version": "1.41"}
                return httpx.Response(200, content=_streamed(b"done"), headers=headers)

    @property
    def paths(self) -> list[str]:
        return [f"{one.method} {one.url.path}" for one in self.asked]


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine()


@pytest_asyncio.fixture
async def client(engine: ScriptedEngine) -> AsyncIterator[httpx.AsyncClient]:
    limits = Limits("fedota", frozenset(), "/srv/fedota", (20_000, 20_999), lambda path: path)
    app = EngineProxy(EngineRules(limits), "fedota", httpx.MockTransport(engine)).app()
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://proxy") as client,
    ):
        yield client


async def test_what_is_ours_is_reached(client: httpx.AsyncClient, engine: ScriptedEngine) -> None:
    answer = await client.post("/v1.41/containers/ours/stop?t=5")
    assert (answer.status_code, answer.text) == (200, "done")
    assert answer.headers["api-version"] == "1.41"
    assert engine.paths == ["GET /containers/ours/json", "POST /v1.41/containers/ours/stop"]
    assert engine.asked[-1].url.query == b"t=5"


@pytest.mark.parametrize("name", ["theirs", "broken"])
async def test_what_is_not_ours_is_not_touched(
    client: httpx.AsyncClient, engine: ScriptedEngine, name: str
) -> None:
    answer = await client.delete(f"/v1.41/containers/{name}")
    assert answer.status_code == 403
    assert "refuses" in answer.json()["message"]
    assert engine.paths == [f"GET /containers/{name}/json"]


async def test_what_is_gone_is_the_engines_to_say(client: httpx.AsyncClient) -> None:
    assert (await client.delete("/v1.41/containers/gone")).status_code == 404


async def test_our_container_is_not_connected_to_a_foreign_network(
    client: httpx.AsyncClient, engine: ScriptedEngine
) -> None:
    answer = await client.post("/v1.41/networks/theirs/connect", json={"Container": "ours"})
    assert answer.status_code == 403
    assert not any(path.startswith("POST") for path in engine.paths)


async def test_a_body_goes_on_as_it_was_judged(
    client: httpx.AsyncClient, engine: ScriptedEngine
) -> None:
    doubled = (
        '{"Name": "fedota-x", "Labels": {"io.fedota.platform": "fedota"}, '
        '"Driver": "host", "Driver": "bridge"}'
    )
    assert (await client.post("/v1.41/networks/create", content=doubled)).status_code == 200
    assert json.loads(engine.asked[-1].content) == {
        "Name": "fedota-x",
        "Labels": OURS,
        "Driver": "bridge",
    }
    assert engine.asked[-1].content.count(b"Driver") == 1


@pytest.mark.parametrize("content", ["no json", "x" * ((1 << 20) + 1)])
async def test_other_bodies_are_refused(
    client: httpx.AsyncClient, engine: ScriptedEngine, content: str
) -> None:
    assert (await client.post("/v1.41/networks/create", content=content)).status_code == 403
    assert engine.asked == []


async def test_the_connection_is_not_handed_over(
    client: httpx.AsyncClient, engine: ScriptedEngine
) -> None:
    headers = {"connection": "Upgrade", "upgrade": "tcp"}
    assert (await client.post("/v1.41/containers/ours/wait", headers=headers)).status_code == 403
    assert engine.asked == []


async def test_an_engine_that_is_away_is_told(
    client: httpx.AsyncClient, engine: ScriptedEngine
) -> None:
    engine.away = True
    answer = await client.get("/_ping")
    assert answer.status_code == 502
    assert "does not answer" in answer.json()["message"]


async def test_an_image_is_known_by_its_identity_and_its_digest() -> None:
    def engine(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/images/fedota/selector:latest/json":
            return httpx.Response(200, json={"Id": "sha256:1", "RepoDigests": ["r/s@sha256:2"]})
        if request.method == "GET":
            return httpx.Response(200, json={"Labels": OURS, "Spec": {"Labels": OURS}})
        return httpx.Response(201, content=_streamed(b"made"))

    images = frozenset({"fedota/selector:latest"})
    rules = SwarmRules(Limits("fedota", images, "/srv/fedota", (20_000, 20_999), lambda path: path))
    app = EngineProxy(rules, "fedota", httpx.MockTransport(engine)).app()
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://proxy") as client,
    ):
        for image, status in (("sha256:1", 201), ("r/s@sha256:2", 201), ("sha256:3", 403)):
            body = {
                "Name": "fedota-s",
                "Labels": OURS,
                "TaskTemplate": {
                    "ContainerSpec": {
                        "Image": image,
                        "User": "1:1",
                        "ReadOnly": True,
                        "CapabilityDrop": ["ALL"],
                    },
                    "Resources": {"Limits": {"MemoryBytes": 1 << 30, "Pids": 9}},
                    "Networks": [{"Target": "fedota-net"}],
                },
            }
            answer = await client.post("/v1.41/services/create", json=body)
            assert answer.status_code == status, answer.text


@pytest.mark.parametrize("kind", ["services", "secrets", "configs"])
async def test_the_labels_of_a_swarms_objects_are_inside(kind: str) -> None:
    def engine(request: httpx.Request) -> httpx.Response:
        spec = {"Labels": OURS if request.url.path.endswith("ours") else {}}
        if request.method == "GET":
            return httpx.Response(200, json={"Labels": OURS, "Spec": spec})
        return httpx.Response(200, content=_streamed(b"gone"))

    rules = SwarmRules(Limits("fedota", frozenset(), "/srv", (1, 2), lambda path: path))
    app = EngineProxy(rules, "fedota", httpx.MockTransport(engine)).app()
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://proxy") as client,
    ):
        assert (await client.delete(f"/{kind}/ours")).status_code == 200
        assert (await client.delete(f"/{kind}/theirs")).status_code == 403
