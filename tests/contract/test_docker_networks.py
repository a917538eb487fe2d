"""The addresses of problems' networks, on a real engine."""

from __future__ import annotations

import ipaddress
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest
import pytest_asyncio
from docker.types import IPAMConfig, IPAMPool
from support.engine import PLATFORM, SOCKET, docker_place

from fedota_proto.errors import ServerStartError
from fedota_server.spawners.address_pool import AddressPool, Prefix
from fedota_server.spawners.base import Role, ServerSpec
from fedota_server.spawners.docker import DockerSpawner
from fedota_server.spawners.docker_look import look_at_engine
from fedota_server.spawners.docker_networks import ProblemNetworks, make_bridge
from fedota_server.spawners.docker_place import DockerPlace
from fedota_server.spawners.engine import Engine
from fedota_server.spawners.platform_place import PlatformPlace

# Of platforms of their own, so that other tests' networks are no neighbours.
NAME = f"{PLATFORM}-pool"
THREE_PROBLEMS = AddressPool(ipaddress.IPv4Network("10.214.0.0/22"))


@pytest.fixture
def client(engine: Engine) -> Iterator[docker.APIClient]:
    with docker.APIClient(base_url=SOCKET) as made:
        yield made
        for name in (NAME, f"{NAME}-other"):
            label: Any = {"label": f"io.fedota.platform={name}"}
            for network in made.networks(filters=label):
                made.remove_network(network["Id"])


@pytest.fixture
def place(tmp_path: Path) -> Callable[[], DockerPlace]:
    """Places of problems, all of one platform."""

    def one() -> DockerPlace:
        return replace(docker_place(tmp_path, "none", THREE_PROBLEMS), platform=NAME)

    return one


def make(engine: Engine, place: DockerPlace) -> ProblemNetworks:
    """Make a problem's networks, as its servers' starts do."""
    networks = ProblemNetworks(place)
    for role in (Role.COORDINATOR, Role.SELECTOR):
        networks.make(engine, role)
    return networks


def left_of(client: docker.APIClient, place: DockerPlace) -> set[str]:
    label: Any = {"label": f"io.fedota.problem={place.problem_id}"}
    return {one["Name"] for one in client.networks(filters=label)}


def test_a_range_holds_so_many_problems_and_the_next_leaves_nothing(
    engine: Engine, client: docker.APIClient, place: Callable[[], DockerPlace]
) -> None:
    made = [make(engine, place()) for _ in range(3)]
    ours = engine.subnets({"io.fedota.platform": NAME})
    assert len(ours) == 9
    assert all(THREE_PROBLEMS.holds(one) for one in ours)
    assert THREE_PROBLEMS.problems_left(ours) == 0

    fourth = place()
    with pytest.raises(ServerStartError, match=r"FEDOTA_NETWORK_POOL, 10\.214\.0\.0/22, has no"):
        make(engine, fourth)
    # The coordinator's are there, until its problem is given up.
    assert f"{fourth.prefix}-doors" not in left_of(client, fourth)
    ProblemNetworks(fourth).remove(engine)
    assert left_of(client, fourth) == set()

    made[0].remove(engine)
    make(engine, fourth)
    assert len(left_of(client, fourth)) == 3


def test_what_cannot_be_finished_is_taken_back(
    engine: Engine, client: docker.APIClient, place: Callable[[], DockerPlace]
) -> None:
    """A start that gets its first network and not its second leaves none."""
    ours = {"io.fedota.platform": NAME}
    free = list(THREE_PROBLEMS.candidates(Prefix.WIDE, []))
    for number, subnet in enumerate(free[1:]):
        engine.make_network(f"{NAME}-{number}", ours, internal=True, options={}, subnet=subnet)
    problem = place()
    with pytest.raises(ServerStartError, match=f"for the network {problem.prefix}-status"):
        ProblemNetworks(problem).make(engine, Role.COORDINATOR)
    assert left_of(client, problem) == set()


def test_addresses_that_are_somebody_elses_are_passed_over(
    engine: Engine, client: docker.APIClient, place: Callable[[], DockerPlace]
) -> None:
    """Of another platform, whose networks this one cannot list."""
    theirs = {"io.fedota.platform": f"{NAME}-other"}
    engine.make_network(f"{NAME}-other", theirs, internal=True, options={}, subnet="10.214.0.0/24")
    problem = place()
    networks = make(engine, problem)
    make(engine, problem)  # which are there
    ours = set(engine.subnets({"io.fedota.platform": NAME}))
    assert ours == {"10.214.1.0/25", "10.214.1.128/25", "10.214.3.248/29"}
    networks.remove(engine)
    assert left_of(client, problem) == set()


def test_a_range_that_is_all_somebody_elses_is_told(
    engine: Engine, client: docker.APIClient, place: Callable[[], DockerPlace]
) -> None:
    theirs = {"io.fedota.platform": f"{NAME}-other"}
    name = f"{NAME}-other-{uuid.uuid4().hex[:8]}"
    client.create_network(
        name, labels=theirs, ipam=IPAMConfig(pool_configs=[IPAMPool(subnet="10.214.0.0/16")])
    )
    problem = place()
    with pytest.raises(ServerStartError) as told:
        make(engine, problem)
    assert "all that are left overlap with other networks" in told.value.public_message
    assert "set a larger range that nothing else uses" in told.value.public_message
    assert left_of(client, problem) == set()

    platform = PlatformPlace(SOCKET, NAME, {}, {}, "10001:10001", "127.0.0.1", THREE_PROBLEMS)
    faults = look_at_engine(lambda: engine, platform)[1]
    (network,) = [fault for fault in faults if "FEDOTA_NETWORK_POOL" in fault.what]
    assert network.grave
    assert network.remedy.startswith("Archive problems that nobody needs")


def test_the_doctor_tells_of_a_range_that_is_nearly_full(
    engine: Engine, client: docker.APIClient, place: Callable[[], DockerPlace]
) -> None:
    make(engine, place())
    platform = PlatformPlace(SOCKET, NAME, {}, {}, "10001:10001", "127.0.0.1", THREE_PROBLEMS)
    faults = look_at_engine(lambda: engine, platform)[1]
    (network,) = [fault for fault in faults if "FEDOTA_NETWORK_POOL" in fault.what]
    assert network.what.endswith("has addresses for 2 more running problems")
    assert not network.grave
    assert len(engine.networks({"io.fedota.platform": NAME})) == 3


def test_without_a_range_the_engine_chooses(engine: Engine, client: docker.APIClient) -> None:
    make_bridge(engine, NAME, {"io.fedota.platform": NAME}, None, prefix=Prefix.WIDE)
    (subnet,) = engine.subnets({"io.fedota.platform": NAME})
    assert ipaddress.IPv4Network(subnet).prefixlen < Prefix.WIDE


@pytest_asyncio.fixture
async def problem(
    engine: Engine, scripted_image: str, tmp_path: Path
) -> AsyncIterator[tuple[DockerSpawner, DockerPlace]]:
    place = docker_place(tmp_path / "logs", scripted_image)
    made = DockerSpawner(lambda: engine, place, environ={})
    yield made, place
    await made.close(grace_s=0)


async def test_a_servers_networks_are_of_the_range(
    engine: Engine, problem: tuple[DockerSpawner, DockerPlace]
) -> None:
    spawner, place = problem
    told = {"FEDOTA_TEST_BEHAVIOUR": "serves"}
    await spawner.start(ServerSpec("coordinator", Role.COORDINATOR, told, 20.0))
    await spawner.start(ServerSpec("selector-1", Role.SELECTOR, told, 20.0))
    found = [ipaddress.IPv4Network(one).prefixlen for one in engine.subnets(place.labels)]
    assert sorted(found) == [Prefix.WIDE, Prefix.WIDE, Prefix.NARROW]
