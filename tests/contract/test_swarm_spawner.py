"""What only services of a Swarm can do, on a real engine that manages one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest
import pytest_asyncio
from support.engine import PLATFORM, SOCKET
from support.journey.site_process import free_port
from support.swarm import swarm_place
from support.waiting import until

from fedota_proto.errors import ServerStartError
from fedota_server.spawners.base import Role, ServerSpec
from fedota_server.spawners.engine import Engine
from fedota_server.spawners.swarm import SwarmSpawner
from fedota_server.spawners.swarm_engine import SwarmEngine
from fedota_server.spawners.swarm_place import SwarmPlace

pytestmark = pytest.mark.swarm

SECRET = "what nobody else may read"
OURS = {"io.fedota.platform": PLATFORM}


@pytest.fixture
def place(swarm_manager: SwarmEngine, scripted_image: str, tmp_path: Path) -> SwarmPlace:
    return swarm_place(tmp_path / "logs", scripted_image)


@pytest_asyncio.fixture
async def make(
    swarm_manager: SwarmEngine, place: SwarmPlace
) -> AsyncIterator[Callable[[], SwarmSpawner]]:
    """Spawners of one place, as one webserver after the other has them."""
    made: list[SwarmSpawner] = []

    def one() -> SwarmSpawner:
        made.append(SwarmSpawner(lambda: swarm_manager, place, environ={}))
        return made[-1]

    yield one
    for spawner in made:
        await spawner.release()
    await SwarmSpawner(lambda: swarm_manager, place).close(grace_s=0)


def server(behaviour: str = "serves", name: str = "selector-1", **changes: Any) -> ServerSpec:
    role = Role.COORDINATOR if name == "coordinator" else Role.SELECTOR
    spec = ServerSpec(name, role, {"FEDOTA_TEST_BEHAVIOUR": behaviour}, 20.0)
    return replace(spec, **changes)


def left_of(place: SwarmPlace) -> dict[str, list[str]]:
    """List all that bears the problem's label, by kind."""
    asked: Any = {"label": f"io.fedota.problem={place.containers.problem_id}"}
    with docker.APIClient(base_url=SOCKET) as opened:
        client: Any = opened
        found = {
            "services": [one["Spec"]["Name"] for one in client.services(filters=asked)],
            "secrets": [one["Spec"]["Name"] for one in client.secrets(filters=asked)],
            "configs": [one["Spec"]["Name"] for one in client.configs(filters=asked)],
            "networks": [one["Name"] for one in client.networks(filters=asked)],
            "containers": [one["Id"] for one in client.containers(all=True, filters=asked)],
        }
    return {kind: names for kind, names in found.items() if names}


def container_of(place: SwarmPlace, name: str) -> Any:
    """Look at the container of a server's newest task, which is on this engine."""
    asked: Any = {"label": f"com.docker.swarm.service.name={place.service(name)}"}
    with docker.APIClient(base_url=SOCKET) as client:
        return client.inspect_container(client.containers(filters=asked)[0]["Id"])


async def test_a_service_is_locked_down_and_finds_its_keys(
    make: Callable[[], SwarmSpawner], place: SwarmPlace, tmp_path: Path
) -> None:
    key, problem = place.keys / "selector-1" / "key.pem", tmp_path / "problem.toml"
    key.parent.mkdir(parents=True)
    key.write_text(SECRET)
    problem.write_text("[problem]")
    cache = tmp_path / "cache"
    port = free_port()
    told = {
        "FEDOTA_TEST_BEHAVIOUR": "serves",
        "FEDOTA_SELECTOR_LISTEN": f"0.0.0.0:{port}",
        "FEDOTA_SELECTOR_CACHE_FOLDER": str(cache),
    }
    spec = server(settings=told, reads=(key.parent, problem), writes=(cache,))
    await make().start(spec)
    found = container_of(place, "selector-1")
    host = found["HostConfig"]
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert not host["Privileged"]
    assert (host["Memory"], host["PidsLimit"], host["NanoCpus"]) == (2 << 30, 512, 2_000_000_000)
    assert host["RestartPolicy"]["Name"] in ("", "no")
    assert found["Config"]["User"] == "10001:10001"
    assert SECRET not in json.dumps(found)
    assert str(cache) not in json.dumps(found)
    with closing(docker.DockerClient(base_url=SOCKET)) as client:
        run = client.containers.get(found["Id"]).exec_run
        script = f"cat {key} {problem}; echo x > /var/tmp/x && cat /var/tmp/x; stat -c %a {key}"
        code, said = await asyncio.to_thread(run, ["sh", "-c", script])
    assert (code, said) == (0, f"{SECRET}[problem]x\n400\n".encode())
    left = left_of(place)
    assert (len(left["secrets"]), len(left["configs"])) == (1, 1)
    published = found["NetworkSettings"]["Ports"][f"{port}/tcp"]
    assert {one["HostPort"] for one in published} == {str(port)}


async def test_the_coordinators_networks_are_internal(
    make: Callable[[], SwarmSpawner], place: SwarmPlace
) -> None:
    spawner = make()
    await asyncio.gather(spawner.start(server()), spawner.start(server(name="coordinator")))
    prefix = place.containers.prefix
    networks = container_of(place, "coordinator")["NetworkSettings"]["Networks"]
    assert set(networks) == {f"{prefix}-intra", f"{prefix}-status"}
    with docker.APIClient(base_url=SOCKET) as client:
        for name in ("intra", "status"):
            network = client.inspect_network(f"{prefix}-{name}")
            assert (network["Internal"], network["Attachable"]) == (True, True)
        found = container_of(place, "selector-1")["Id"]
    with closing(docker.DockerClient(base_url=SOCKET)) as docker_client:
        look_up = ["python", "-c", "import socket; print(socket.gethostbyname('coordinator'))"]
        code, said = docker_client.containers.get(found).exec_run(look_up)
    assert code == 0, said
    addresses = networks[f"{prefix}-intra"]["IPAddress"]
    assert isinstance(said, bytes)
    assert said.decode().strip() == addresses


async def test_the_next_webserver_adopts_what_runs(
    make: Callable[[], SwarmSpawner], place: SwarmPlace
) -> None:
    first = make()
    await first.start(server("chatty"))
    before = container_of(place, "selector-1")["Id"]
    await first.release()
    with pytest.raises(ServerStartError):
        await first.start(server(name="selector-2"))
    second = make()
    assert await second.poll("selector-1") is None
    assert await second.adopt(server("chatty")) == "127.0.0.1:7"
    assert container_of(place, "selector-1")["Id"] == before
    with pytest.raises(ServerStartError, match="runs already"):
        await second.start(server("chatty"))
    assert await second.adopt(server()) is None  # told something else: stopped
    assert await second.poll("selector-1") == 0
    assert (await second.logs("selector-1", lines=5000)).endswith("stopped gracefully\n")


async def test_swarm_starts_a_crashed_server_again_while_no_webserver_is_there(
    make: Callable[[], SwarmSpawner], place: SwarmPlace
) -> None:
    first = make()
    await first.start(server())
    before = container_of(place, "selector-1")["Id"]
    await first.release()
    with closing(docker.DockerClient(base_url=SOCKET)) as client:
        client.containers.get(before).kill("SIGKILL")
    second = make()
    service = place.service("selector-1")
    with docker.APIClient(base_url=SOCKET) as opened:
        untyped: Any = opened

        def moved() -> bool:
            tasks = untyped.tasks({"service": service, "desired-state": "running"})
            return any(
                task["Status"]["State"] == "running"
                and task["Status"]["ContainerStatus"]["ContainerID"] != before
                for task in tasks
            )

        await until(moved, "a task in the killed one's place", timeout_s=20)
    assert await second.adopt(server()) == "127.0.0.1:7"


async def test_a_node_that_nobody_is_keeps_the_server_from_starting_and_is_told(
    swarm_manager: SwarmEngine, place: SwarmPlace
) -> None:
    nowhere = replace(place, constraints=("node.labels.of==nobody",), place_most_s=2.0)
    spawner = SwarmSpawner(lambda: swarm_manager, nowhere, environ={})
    with pytest.raises(ServerStartError, match=r"no suitable node.*docker node ls"):
        await spawner.start(server())
    assert await spawner.poll("selector-1") == 1
    await spawner.close()
    assert left_of(place) == {}


async def test_a_folder_that_is_not_on_the_node_is_told_and_nothing_stays(
    make: Callable[[], SwarmSpawner], place: SwarmPlace, tmp_path: Path
) -> None:
    spawner = make()
    gone = tmp_path / "state"
    with pytest.raises(ServerStartError, match="bind source path does not exist"):
        await spawner.start(server(name="coordinator", writes=(gone,)))
    assert "services" not in left_of(place)


async def test_a_missing_image_leaves_nothing(
    swarm_manager: SwarmEngine, place: SwarmPlace
) -> None:
    images = dict.fromkeys(Role, "fedota/nowhere:latest")
    missing = replace(place, containers=replace(place.containers, images=images))
    spawner = SwarmSpawner(lambda: swarm_manager, missing, environ={})
    with pytest.raises(ServerStartError, match="make images"):
        await spawner.start(server())
    await spawner.close()
    assert left_of(place) == {}


async def test_somebody_elses_service_of_that_name_is_left_alone(
    make: Callable[[], SwarmSpawner], place: SwarmPlace, scripted_image: str
) -> None:
    spawner = make()
    with closing(docker.DockerClient(base_url=SOCKET)) as opened:
        client: Any = opened
        theirs = client.services.create(
            scripted_image, name=place.service("selector-1"), mode={"Replicated": {"Replicas": 0}}
        )
        try:
            with pytest.raises(ServerStartError, match="not this platform's"):
                await spawner.start(server())
            assert client.services.get(theirs.id).id == theirs.id
        finally:
            theirs.remove()


async def test_close_leaves_nothing(make: Callable[[], SwarmSpawner], place: SwarmPlace) -> None:
    key = place.keys / "key.pem"
    key.parent.mkdir()
    key.write_text(SECRET)
    spawner = make()
    await asyncio.gather(
        spawner.start(server(reads=(key,))),
        spawner.start(server(name="coordinator", reads=(key,))),
    )
    assert len(left_of(place)["networks"]) == 3
    await spawner.close()
    assert left_of(place) == {}
    assert "stopped gracefully" in await spawner.logs("selector-1")


async def test_an_engine_that_manages_no_swarm_is_told(engine: Engine, tmp_path: Path) -> None:
    place = swarm_place(tmp_path / "logs", "fedota/scripted:test")
    spawner = SwarmSpawner(lambda: SwarmEngine(f"unix://{tmp_path}/docker.sock"), place)
    with pytest.raises(ServerStartError, match="No Docker engine answers"):
        await spawner.start(server())
    await spawner.close()
