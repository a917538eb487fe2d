"""What only containers can do, on a real engine."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest
import pytest_asyncio
from support.engine import PLATFORM, SOCKET, docker_place
from support.journey.site_process import free_port

from fedota_proto.errors import ServerStartError
from fedota_server.spawners.base import JobSpec, Role, ServerSpec
from fedota_server.spawners.docker import DockerSpawner
from fedota_server.spawners.docker_place import DockerPlace
from fedota_server.spawners.engine import Engine

SECRET = "what nobody else may read"


@pytest.fixture
def place(engine: Engine, scripted_image: str, tmp_path: Path) -> DockerPlace:
    return docker_place(tmp_path / "logs", scripted_image)


@pytest_asyncio.fixture
async def make(engine: Engine, place: DockerPlace) -> AsyncIterator[Callable[[], DockerSpawner]]:
    """Spawners of one place, as one webserver after the other has them."""
    made: list[DockerSpawner] = []

    def one() -> DockerSpawner:
        made.append(DockerSpawner(lambda: engine, place, environ={}))
        return made[-1]

    yield one
    for spawner in made:
        await spawner.release()
    await DockerSpawner(lambda: engine, place).close(grace_s=0)


@pytest.fixture
def look(place: DockerPlace) -> Callable[[str], Any]:
    """Look at a container of the place as the engine sees it."""

    def at(name: str) -> Any:
        with docker.APIClient(base_url=SOCKET) as client:
            return client.inspect_container(f"{place.prefix}-{name}")

    return at


def server(behaviour: str = "serves", name: str = "selector-1", **changes: Any) -> ServerSpec:
    role = Role.COORDINATOR if name == "coordinator" else Role.SELECTOR
    spec = ServerSpec(name, role, {"FEDOTA_TEST_BEHAVIOUR": behaviour}, 20.0)
    return replace(spec, **changes)


def left_of(place: DockerPlace) -> tuple[list[str], list[str]]:
    with docker.APIClient(base_url=SOCKET) as client:
        asked: dict[str, str | list[str] | bool] = {
            "label": f"io.fedota.problem={place.problem_id}"
        }
        containers = client.containers(all=True, filters=asked)
        networks = client.networks(filters=asked)
    return [one["Names"][0] for one in containers], [one["Name"] for one in networks]


async def test_a_container_can_do_no_more_than_it_must(
    make: Callable[[], DockerSpawner], look: Callable[[str], Any]
) -> None:
    await make().start(server())
    found = look("selector-1")
    host = found["HostConfig"]
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert host["RestartPolicy"]["Name"] in ("", "no")
    assert not host["Privileged"]
    assert not host["Binds"]
    assert (host["Memory"], host["MemorySwap"]) == (2 << 30, 2 << 30)
    assert host["PidsLimit"] == 512
    assert host["NanoCpus"] == 2_000_000_000
    assert host["LogConfig"]["Config"]["max-file"] == "2"
    assert found["Config"]["User"] == "10001:10001"
    assert found["Config"]["Labels"]["io.fedota.platform"] == PLATFORM


async def test_a_server_is_shown_its_own_files_and_no_others(
    make: Callable[[], DockerSpawner], look: Callable[[str], Any], tmp_path: Path
) -> None:
    reads, writes = tmp_path / "key.pem", tmp_path / "kept"
    reads.write_text(SECRET)
    writes.mkdir()
    await make().start(server(reads=(reads,), writes=(writes,)))
    mounts = {one["Source"]: one["RW"] for one in look("selector-1")["Mounts"]}
    assert mounts == {str(reads): False, str(writes): True}
    assert SECRET not in json.dumps(look("selector-1"))


async def test_a_selector_publishes_its_port_and_a_coordinator_none(
    make: Callable[[], DockerSpawner], look: Callable[[str], Any]
) -> None:
    port = free_port()
    told = {"FEDOTA_TEST_BEHAVIOUR": "serves", "FEDOTA_SELECTOR_LISTEN": f"0.0.0.0:{port}"}
    spawner = make()
    await spawner.start(server(settings=told))
    await spawner.start(server(name="coordinator", settings=told))
    published = look("selector-1")["NetworkSettings"]["Ports"]
    assert published == {f"{port}/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(port)}]}
    assert look("coordinator")["NetworkSettings"]["Ports"] == {}
    with pytest.raises(ServerStartError, match="Another program of the host has the port"):
        await spawner.start(server(name="selector-2", settings=told))
    assert await spawner.poll("selector-2") == 0


async def test_each_problem_has_networks_of_its_own_and_the_coordinator_no_way_out(
    make: Callable[[], DockerSpawner], look: Callable[[str], Any], place: DockerPlace
) -> None:
    spawner = make()
    await spawner.start(server())
    await spawner.start(server(name="coordinator"))
    prefix = place.prefix
    assert set(look("selector-1")["NetworkSettings"]["Networks"]) == {
        f"{prefix}-doors",
        f"{prefix}-intra",
    }
    assert set(look("coordinator")["NetworkSettings"]["Networks"]) == {
        f"{prefix}-intra",
        f"{prefix}-status",
    }
    with docker.APIClient(base_url=SOCKET) as client:
        for name in ("intra", "status"):
            network = client.inspect_network(f"{prefix}-{name}")
            assert network["Internal"] is True
            assert network["Options"]["com.docker.network.bridge.inhibit_ipv4"] == "true"
        doors = client.inspect_network(f"{prefix}-doors")
    assert doors["Internal"] is False
    assert doors["Options"]["com.docker.network.bridge.enable_ip_masquerade"] == "false"


REACH = """
import json, socket, sys
def reaches(host, port):
    try:
        socket.create_connection((host, port), timeout=1.5).close()
    except OSError as error:
        return type(error).__name__
    return True
print(json.dumps({place: reaches(*place.rsplit(":", 1)) for place in sys.argv[1:]}))
"""


async def test_a_coordinator_reaches_no_port_of_the_host(
    make: Callable[[], DockerSpawner], look: Callable[[str], Any]
) -> None:
    with socket.create_server(("0.0.0.0", 0)) as listening:  # noqa: S104 - and nobody may reach it
        port = listening.getsockname()[1]
        await make().start(server(name="coordinator"))
        found = look("coordinator")
        gateways = [
            one["Gateway"] or one["IPAddress"].rsplit(".", 1)[0] + ".1"
            for one in found["NetworkSettings"]["Networks"].values()
        ]
        with contextlib.closing(docker.DockerClient(base_url=SOCKET)) as client:
            container = client.containers.get(found["Id"])
            places = [f"{gateway}:{port}" for gateway in gateways]
            code, said = await asyncio.to_thread(
                container.exec_run, ["python", "-c", REACH, *places]
            )
        assert code == 0, said
        assert isinstance(said, bytes)
        reached = json.loads(said)
    assert len(reached) == 2
    assert True not in reached.values()


async def test_the_next_webserver_adopts_what_runs(
    make: Callable[[], DockerSpawner], look: Callable[[str], Any]
) -> None:
    first = make()
    await first.start(server("chatty"))
    before = look("selector-1")["Id"]
    await first.release()
    with pytest.raises(ServerStartError):
        await first.start(server(name="selector-2"))
    second = make()
    assert await second.poll("selector-1") is None
    assert await second.adopt(server("chatty")) == "127.0.0.1:7"
    assert look("selector-1")["Id"] == before
    with pytest.raises(ServerStartError, match="runs already"):
        await second.start(server("chatty"))
    assert await second.stop("selector-1") == 0
    log = await second.logs("selector-1", lines=5000)
    assert log.endswith("stopped gracefully\n")


async def test_what_was_told_something_else_is_stopped_not_adopted(
    make: Callable[[], DockerSpawner],
) -> None:
    await make().start(server())
    second = make()
    assert await second.adopt(server("chatty")) is None
    assert await second.poll("selector-1") == 0


async def test_a_job_has_no_network_and_leaves_nothing(
    make: Callable[[], DockerSpawner], place: DockerPlace, tmp_path: Path
) -> None:
    result = await make().run_job(
        JobSpec("say", Role.CLIENT, ("say", "hello"), 20.0, 256 << 20, reads=(tmp_path,))
    )
    assert result.ok
    assert left_of(place) == ([], [])


async def test_close_leaves_neither_container_nor_network(
    make: Callable[[], DockerSpawner], place: DockerPlace
) -> None:
    spawner = make()
    await spawner.start(server())
    await spawner.start(server(name="coordinator"))
    assert len(left_of(place)[1]) == 3
    await spawner.close()
    assert left_of(place) == ([], [])
    assert "stopped gracefully" in await spawner.logs("selector-1")


async def test_a_start_that_fails_half_way_leaves_no_container(
    make: Callable[[], DockerSpawner], place: DockerPlace, tmp_path: Path
) -> None:
    spawner = make()
    with pytest.raises(ServerStartError, match="does not"):
        await spawner.start(server(reads=(tmp_path / "not there",)))
    assert left_of(place)[0] == []


async def test_an_image_that_is_missing_is_told_with_the_command_that_builds_it(
    engine: Engine, place: DockerPlace
) -> None:
    missing = replace(place, images=dict.fromkeys(Role, "fedota/nowhere:latest"))
    spawner = DockerSpawner(lambda: engine, missing)
    with pytest.raises(ServerStartError, match="make images"):
        await spawner.start(server())
    await spawner.close()
    assert left_of(place) == ([], [])


async def test_somebody_elses_container_of_that_name_is_left_alone(
    make: Callable[[], DockerSpawner], place: DockerPlace, scripted_image: str
) -> None:
    spawner = make()
    name = f"{place.prefix}-selector-1"
    with contextlib.closing(docker.DockerClient(base_url=SOCKET)) as client:
        theirs = client.containers.create(scripted_image, name=name)
        try:
            with pytest.raises(ServerStartError, match="not this platform's"):
                await spawner.start(server())
            assert client.containers.get(name).id == theirs.id
        finally:
            theirs.remove(force=True)


async def test_an_engine_that_is_not_there_is_told(place: DockerPlace, tmp_path: Path) -> None:
    spawner = DockerSpawner(lambda: Engine(f"unix://{tmp_path}/docker.sock"), place)
    with pytest.raises(ServerStartError, match="No Docker engine answers"):
        await spawner.start(server())
    await spawner.close()
