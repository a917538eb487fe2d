"""What a real engine refuses: the problem is given up in its words, and nothing half-made stays.

The supervisor is the real one, over the real spawner; only the database is made up.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import docker
import pytest
import pytest_asyncio
from docker import errors as docker_errors
from support.engine import PLATFORM, SOCKET
from support.waiting import until

from fedota_proto.errors import ServerStartError
from fedota_server.backoff import Backoff
from fedota_server.problem_folder import ProblemFolder
from fedota_server.spawners.address_pool import AddressPool
from fedota_server.spawners.base import Role, ServerSpec
from fedota_server.spawners.docker_spawning import DockerSpawning
from fedota_server.spawners.engine import Engine
from fedota_server.spawners.platform_place import PlatformPlace
from fedota_server.webserver import reconcile
from fedota_server.webserver.reconcile import Observed
from fedota_server.webserver.server_rows import Wish
from fedota_server.webserver.supervisor import Supervisor

# Of a platform of its own: what is left of it is counted.
NAME = f"{PLATFORM}-refused"
PROBLEM = "cccccccccccc"
PREFIX = f"{NAME}-{PROBLEM}"
POOL = AddressPool(ipaddress.IPv4Network("10.215.0.0/22"))
GIVEN_UP_S = 60.0


@pytest.fixture
def client(engine: Engine) -> Iterator[docker.DockerClient]:
    with contextlib.closing(docker.DockerClient(base_url=SOCKET)) as made:
        yield made
        for label in (f"io.fedota.platform={NAME}", f"io.fedota.test={NAME}"):
            asked: Any = {"label": label}
            for container in made.containers.list(all=True, filters=asked):
                container.remove(force=True)
            for network in made.networks.list(filters=asked):
                network.remove()


@pytest.fixture
def place(engine: Engine, scripted_image: str) -> PlatformPlace:
    return PlatformPlace(
        engine=SOCKET,
        platform=NAME,
        images=dict.fromkeys(Role, scripted_image),
        limits={},
        user="10001:10001",
        publish_on="127.0.0.1",
        pool=POOL,
    )


@pytest.fixture
def _webserver(client: docker.DockerClient, scripted_image: str) -> None:
    """Run what coordinators' networks are connected to."""
    client.containers.run(
        scripted_image,
        name=f"{NAME}-webserver",
        labels={"io.fedota.platform": NAME},
        environment={"FEDOTA_TEST_BEHAVIOUR": "serves"},
        detach=True,
    )


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have starts that fail tried again at once."""
    monkeypatch.setattr(
        reconcile, "Backoff", lambda lasting_s: Backoff(least_s=0.01, lasting_s=lasting_s)
    )


@dataclass
class OneProblem:
    """The database of one problem that is wanted until it is given up."""

    wanted: bool = True
    reason: str = ""
    seen: dict[str, Observed] = field(default_factory=dict)

    def wishes(self) -> list[Wish]:
        known = frozenset(self.seen) if self.wanted else frozenset()
        return [Wish(PROBLEM, self.wanted, 1, False, False, known)] if self.wanted else []

    def starts(self, problem_id: str) -> dict[str, int]:
        return {}

    def write(self, problem_id: str, servers: Mapping[str, Observed]) -> None:
        self.seen |= servers

    def give_up(self, problem_id: str, reason: str) -> None:
        self.reason, self.wanted = reason, False


class Specs:
    """Two servers, of which the selector publishes a port."""

    def __init__(self, port: int) -> None:
        self._port = port

    def names(self, selectors: int) -> list[str]:
        return ["coordinator", "selector-1"]

    def spec(self, folder: ProblemFolder, name: str, *, starting: bool) -> ServerSpec:
        role = Role.COORDINATOR if name == "coordinator" else Role.SELECTOR
        told = {"FEDOTA_TEST_BEHAVIOUR": "serves"}
        if role is Role.SELECTOR:
            told["FEDOTA_SELECTOR_LISTEN"] = f"0.0.0.0:{self._port}"
        return ServerSpec(name, role, told, 20.0)


class Silent:
    """A status service without commands, and nothing live."""

    async def deliver(self) -> None:
        pass

    def clock(self, problem_id: str) -> None:
        return None


@dataclass
class Refused:
    """A problem under a supervisor.

    Parameters
    ----------
    rows
        Its database.
    client
        Of the real engine.
    """

    rows: OneProblem
    client: docker.DockerClient

    def left(self) -> set[str]:
        """Name what there is of the problem in the engine."""
        asked: Any = {"label": f"io.fedota.platform={NAME}"}
        containers = self.client.api.containers(all=True, filters=asked)
        networks = self.client.api.networks(filters=asked)
        found = {one["Names"][0].lstrip("/") for one in containers}
        return found - {f"{NAME}-webserver"} | {one["Name"] for one in networks}

    async def is_given_up(self, *said: str) -> None:
        """Wait for the reason, which says all of this, and until nothing is left."""
        await until(lambda: self.rows.reason, "a problem that is given up", timeout_s=GIVEN_UP_S)
        for part in said:
            assert part in self.rows.reason
        await until(lambda: not self.left(), "an engine without it", timeout_s=GIVEN_UP_S)


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


Supervised = Callable[..., contextlib.AbstractAsyncContextManager[Refused]]


@pytest.fixture
def supervised(
    client: docker.DockerClient, place: PlatformPlace, tmp_path: Path, port: int, _webserver: None
) -> Supervised:
    """Have the problem kept for as long as the block lasts."""

    @asynccontextmanager
    async def begin(
        changed: PlatformPlace = place, reach: Callable[[str], Engine] = Engine
    ) -> AsyncIterator[Refused]:
        rows, silent = OneProblem(), Silent()
        spawning = DockerSpawning(changed, reach)
        supervisor = Supervisor(
            cast(Any, rows),
            cast(Any, Specs(port)),
            cast(Any, silent),
            cast(Any, silent),
            folder_of=lambda problem: ProblemFolder(tmp_path / problem),
            spawning=spawning,
            keep_servers=False,
        )
        running = asyncio.create_task(supervisor.run())
        try:
            yield Refused(rows, client)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            spawning.close()

    return begin


def faults(place: PlatformPlace) -> list[tuple[str, str]]:
    """Ask the doctor's part; that the range is a small one is none of these tests' concern."""
    with contextlib.closing(DockerSpawning(place)) as spawning:
        return [(one.what, one.remedy) for one in spawning.look()[1] if one.grave]


async def test_nothing_is_refused(supervised: Supervised) -> None:
    async with supervised() as problem:
        phases = problem.rows.seen
        await until(
            lambda: [server.phase for server in phases.values()] == ["running"] * 2,
            "both servers",
            timeout_s=GIVEN_UP_S,
        )
        assert len(problem.left()) == 5


async def test_an_image_that_is_missing(supervised: Supervised, place: PlatformPlace) -> None:
    lacking = replace(place, images=dict.fromkeys(Role, "fedota/nowhere:latest"))
    async with supervised(lacking) as problem:
        await problem.is_given_up("fedota/nowhere:latest", "build the images with `make images`")
    assert faults(lacking) == [
        (
            "The Docker engine cannot find the image fedota/nowhere:latest",
            "Build the images with `make images`, or name others in the settings.",
        )
    ]


async def test_a_port_that_another_program_has(supervised: Supervised, port: int) -> None:
    with socket.create_server(("127.0.0.1", port)):
        async with supervised() as problem:
            await problem.is_given_up(str(port), "Another program of the host has the port")


class FullDiskEngine(Engine):
    """Has no space left for what a container writes."""

    def start(self, name: str) -> None:
        with self._said(f"start the container {name}"):
            raise docker_errors.APIError(
                "500", explanation="write /var/lib/docker/overlay2/x: no space left on device"
            )


async def test_a_full_disk(supervised: Supervised) -> None:
    async with supervised(reach=FullDiskEngine) as problem:
        await problem.is_given_up("no space left on device", "free some space (`docker system df`")


async def test_a_name_that_is_somebody_elses_containers(
    supervised: Supervised, client: docker.DockerClient, scripted_image: str
) -> None:
    theirs = client.containers.run(
        scripted_image,
        name=f"{PREFIX}-coordinator",
        labels={"io.fedota.test": NAME},
        environment={"FEDOTA_TEST_BEHAVIOUR": "serves"},
        detach=True,
    )
    async with supervised() as problem:
        await problem.is_given_up(
            f"There is a container {PREFIX}-coordinator that is not this platform's",
            "rename or remove it",
        )
    theirs.reload()
    assert theirs.status == "running"


async def test_a_name_that_is_somebody_elses_network(
    supervised: Supervised, client: docker.DockerClient
) -> None:
    theirs = client.networks.create(
        f"{PREFIX}-status", internal=True, labels={"io.fedota.test": NAME}
    )
    async with supervised() as problem:
        await problem.is_given_up(
            f"There is a network {PREFIX}-status that is not this platform's", "rename or remove it"
        )
    theirs.reload()
    assert theirs.name == f"{PREFIX}-status"


async def test_addresses_that_are_somebody_elses(
    supervised: Supervised, client: docker.DockerClient, place: PlatformPlace, engine: Engine
) -> None:
    theirs = f"{NAME}-theirs"
    engine.make_network(
        theirs, {"io.fedota.test": NAME}, internal=True, options={}, subnet="10.215.0.0/22"
    )
    async with supervised() as problem:
        await problem.is_given_up(
            "FEDOTA_NETWORK_POOL, 10.215.0.0/22, has no addresses left",
            "all that are left overlap with other networks",
            "set a larger range that nothing else uses",
        )
    ((what, remedy),) = faults(place)
    assert "has no addresses left" in what
    assert "set a larger range" in remedy
    assert client.networks.list(names=[theirs])


async def test_a_container_of_the_webservers_name_that_is_somebody_elses(
    client: docker.DockerClient, place: PlatformPlace, scripted_image: str
) -> None:
    client.containers.run(
        scripted_image,
        name=f"{NAME}-webserver",
        labels={"io.fedota.test": NAME},
        environment={"FEDOTA_TEST_BEHAVIOUR": "serves"},
        detach=True,
    )
    ((what, remedy),) = faults(place)
    assert f"the container {NAME}-webserver is not this platform's" in what
    assert "FEDOTA_PLATFORM" in remedy


async def test_no_engine(supervised: Supervised, place: PlatformPlace, tmp_path: Path) -> None:
    """Nobody gives up at once: an engine may be back."""
    away = replace(place, engine=f"unix://{tmp_path}/docker.sock")
    async with supervised(away) as problem:
        await until(
            lambda: (
                all(
                    "No Docker engine answers" in problem.rows.seen[name].detail
                    for name in ("coordinator", "selector-1")
                    if name in problem.rows.seen
                )
                and len(problem.rows.seen) == 2
            ),
            "servers that wait for the engine",
        )
        assert not problem.rows.reason
    ((what, remedy),) = faults(away)
    assert what.startswith("No Docker engine answers at unix:///")
    assert "point FEDOTA_DOCKER_HOST at its socket" in remedy


@pytest_asyncio.fixture
async def old_engine(tmp_path: Path) -> AsyncIterator[str]:
    """An engine of the year 2019, as far as anybody asks it."""
    document = json.dumps({"ApiVersion": "1.40", "MinAPIVersion": "1.12"}).encode()
    path = tmp_path / "old.sock"
    ended = threading.Event()
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    listening.listen()
    listening.settimeout(0.1)

    def serve() -> None:
        while not ended.is_set():
            try:
                asked, _ = listening.accept()
            except TimeoutError:
                continue
            with asked:
                asked.settimeout(5.0)
                if asked.recv(4096):
                    asked.sendall(
                        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                        b"Connection: close\r\nContent-Length: %d\r\n\r\n%s"
                        % (len(document), document)
                    )

    with contextlib.closing(listening):
        serving = asyncio.create_task(asyncio.to_thread(serve))
        yield f"unix://{path}"
        ended.set()
        await serving


async def test_an_engine_of_too_old_an_interface(
    supervised: Supervised, place: PlatformPlace, old_engine: str
) -> None:
    with pytest.raises(ServerStartError, match=r"version 1\.40 .* needs 1\.41: install Docker 20"):
        await asyncio.to_thread(Engine, old_engine)
    old = replace(place, engine=old_engine)
    async with supervised(old) as problem:
        await problem.is_given_up("version 1.40 of its interface", "install Docker 20.10 or newer")
    ((what, remedy),) = await asyncio.to_thread(faults, old)
    assert "speaks version 1.40" in what
    assert "Install Docker 20.10 or newer" in remedy
