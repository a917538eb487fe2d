"""What a platform of containers looks at and clears away, on a real engine."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest
from support.engine import PLATFORM, SOCKET

from fedota_server.problem_folder import ProblemFolder
from fedota_server.spawners.base import Role, ServerSpec
from fedota_server.spawners.docker_spawning import DockerSpawning
from fedota_server.spawners.engine import Engine
from fedota_server.spawners.platform_place import PlatformPlace

# Of a platform of its own: it looks at everything that bears the platform's label.
NAME = f"{PLATFORM}-sweep"
KEPT, LEFT = "aaaaaaaaaaaa", "bbbbbbbbbbbb"


@pytest.fixture
def place(engine: Engine, scripted_image: str) -> PlatformPlace:
    return PlatformPlace(
        engine=SOCKET,
        platform=NAME,
        images=dict.fromkeys(Role, scripted_image),
        limits={},
        user="10001:10001",
        publish_on="127.0.0.1",
    )


@pytest.fixture
def client() -> Iterator[docker.DockerClient]:
    with contextlib.closing(docker.DockerClient(base_url=SOCKET)) as made:
        yield made
        label: Any = {"label": f"io.fedota.platform={NAME}"}
        for container in made.containers.list(all=True, filters=label):
            container.remove(force=True)
        for network in made.networks.list(filters=label):
            network.remove()


@pytest.fixture
def spawning(place: PlatformPlace, client: docker.DockerClient) -> Iterator[DockerSpawning]:
    with contextlib.closing(DockerSpawning(place)) as made:
        yield made


@pytest.fixture
def names(client: docker.DockerClient) -> Callable[[], set[str]]:
    def look() -> set[str]:
        label: Any = {"label": f"io.fedota.platform={NAME}"}
        containers = client.containers.list(all=True, filters=label)
        networks = client.networks.list(filters=label)
        return {str(one.attrs["Name"]).lstrip("/") for one in (*containers, *networks)}

    return look


def server(name: str) -> ServerSpec:
    return ServerSpec(name, Role.SELECTOR, {"FEDOTA_TEST_BEHAVIOUR": "serves"}, 20.0)


async def test_what_nobody_keeps_is_removed_and_what_runs_is_not(
    spawning: DockerSpawning, names: Callable[[], set[str]], tmp_path: Path
) -> None:
    for problem in (KEPT, LEFT):
        spawner = spawning.spawner_of(ProblemFolder(tmp_path / problem))
        await spawner.start(server("selector-1"))
        await spawner.release()
    assert {f"{NAME}-{LEFT}-selector-1", f"{NAME}-{LEFT}-doors"} <= names()
    await spawning.sweep([KEPT])
    assert names() == {f"{NAME}-{KEPT}-{of}" for of in ("selector-1", "doors", "intra")}


async def test_jobs_of_an_earlier_webserver_are_removed_and_ones_own_go_on(
    spawning: DockerSpawning,
    place: PlatformPlace,
    client: docker.DockerClient,
    scripted_image: str,
    names: Callable[[], set[str]],
) -> None:
    for run, name in ((place.run, "mine"), ("earlier", "theirs")):
        labels = {
            "io.fedota.platform": NAME,
            "io.fedota.problem": LEFT,
            "io.fedota.job": "inspect",
            "io.fedota.run": run,
        }
        client.containers.create(scripted_image, name=f"{NAME}-{LEFT}-{name}", labels=labels)
    await spawning.sweep([])
    assert names() == {f"{NAME}-{LEFT}-mine"}


async def test_a_whole_engine_has_no_fault(
    spawning: DockerSpawning,
    client: docker.DockerClient,
    scripted_image: str,
    names: Callable[[], set[str]],
) -> None:
    (missing,) = spawning.look()[1]
    assert f"no container called {NAME}-webserver runs" in missing.what
    client.containers.run(
        scripted_image,
        name=f"{NAME}-webserver",
        labels={"io.fedota.platform": NAME},
        environment={"FEDOTA_TEST_BEHAVIOUR": "serves"},
        detach=True,
    )
    assert spawning.look() == (f"the Docker engine at {SOCKET}", [])
    assert names() == {f"{NAME}-webserver"}


async def test_an_image_that_is_missing_is_told_with_its_remedy(place: PlatformPlace) -> None:
    lacking = replace(place, images={Role.SELECTOR: "fedota/nowhere:latest"})
    with contextlib.closing(DockerSpawning(lacking)) as spawning:
        faults = spawning.look()[1]
    assert "fedota/nowhere:latest" in faults[0].what
    assert faults[0].remedy.startswith("Build the images with `make images`")
