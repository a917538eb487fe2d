"""`fedota serve` keeps its servers running, scales selectors, and names ports that are taken."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from fedota_proto.errors import ServerStartError
from fedota_proto.v1 import fl_status_pb2 as pb
from fedota_server.authority import PlatformHome
from fedota_server.problem_folder import ProblemFolder
from fedota_server.serving import ProblemServers, ServePlan
from fedota_server.spawners.base import JobResult, JobSpec, LineListener, ServerSpec, Spawner
from fedota_server.status_client import operator

WAIT_S = 20.0


class MortalSpawner(Spawner):
    """Servers that exist in memory alone and die when a test says so."""

    def __init__(self) -> None:
        self.started: list[ServerSpec] = []
        self.refuse_starts = 0
        self._ends: dict[str, asyncio.Future[int]] = {}
        self._changed = asyncio.Condition()

    async def start(self, spec: ServerSpec) -> str:
        if self.refuse_starts:
            self.refuse_starts -= 1
            raise ServerStartError(f"{spec.name} has no memory")
        async with self._changed:
            self.started.append(spec)
            self._ends[spec.name] = asyncio.get_running_loop().create_future()
            self._changed.notify_all()
        return "127.0.0.1:7"

    async def poll(self, name: str, wait_s: float = 0.0) -> int | None:
        end = self._ends[name]
        await asyncio.wait((end,), timeout=wait_s)
        return end.result() if end.done() else None

    async def stop(self, name: str, grace_s: float = 10.0) -> int:
        self.die(name, 0)
        return self._ends[name].result()

    async def logs(self, name: str, lines: int = 200) -> str:
        return f"2026-01-02 03:04:05,678 ERROR fedota.x: {name} ran out of luck\n"

    async def run_job(self, spec: JobSpec, on_line: LineListener | None = None) -> JobResult:
        raise NotImplementedError

    async def close(self, grace_s: float = 10.0) -> None:
        for name in self._ends:
            self.die(name, 0)

    def die(self, name: str, exit_code: int) -> None:
        if not self._ends[name].done():
            self._ends[name].set_result(exit_code)

    @property
    def running(self) -> list[str]:
        return sorted(name for name, end in self._ends.items() if not end.done())

    def count(self, name: str) -> int:
        return sum(1 for spec in self.started if spec.name == name)

    async def until(self, reached: Callable[[], bool]) -> None:
        async with asyncio.timeout(WAIT_S), self._changed:
            await self._changed.wait_for(reached)


@pytest_asyncio.fixture
async def folder(tmp_path: Path) -> ProblemFolder:
    return ProblemFolder(tmp_path / "problem")


@pytest_asyncio.fixture
async def plan(tmp_path: Path, folder: ProblemFolder) -> ServePlan:
    home = PlatformHome(tmp_path / "home")
    home.init()
    return ServePlan(
        folder=folder,
        keys=folder.keys(home.authority()),
        webserver=home.webserver_identity(),
        selectors=2,
        coordinator_settings={"FEDOTA_COORDINATOR_PROBLEM_DIR": "x"},
    )


@pytest_asyncio.fixture
async def spawner() -> MortalSpawner:
    return MortalSpawner()


@pytest_asyncio.fixture
async def said() -> list[str]:
    return []


@pytest_asyncio.fixture
async def servers(
    plan: ServePlan, spawner: MortalSpawner, said: list[str]
) -> AsyncIterator[ProblemServers]:
    made = ProblemServers(plan, spawner, said.append)
    async with made.serving():
        yield made


async def test_each_server_gets_its_own_settings(
    servers: ProblemServers, spawner: MortalSpawner, folder: ProblemFolder
) -> None:
    assert spawner.running == ["coordinator", "selector-1", "selector-2"]
    ports = folder.ports(2)
    settings = {spec.name: spec.settings for spec in spawner.started}
    assert settings["coordinator"]["FEDOTA_COORDINATOR_LISTEN"] == ports.coordinator_address
    assert settings["coordinator"]["FEDOTA_COORDINATOR_STATUS_ADDRESS"] == ports.status_address
    assert settings["coordinator"]["FEDOTA_COORDINATOR_PROBLEM_DIR"] == "x"
    second = settings["selector-2"]
    assert second["FEDOTA_SELECTOR_INDEX"] == "2"
    assert second["FEDOTA_SELECTOR_LISTEN"] == f"127.0.0.1:{ports.selectors[1]}"
    assert second["FEDOTA_SELECTOR_PUBLIC_ADDRESS"] == ports.selector_address(2)
    keys = second["FEDOTA_SELECTOR_KEYS"]
    assert sorted(os.listdir(keys)) == ["ca.pem", "cert.pem", "key.pem"]
    for name, own in settings.items():
        assert {key.split("_")[1].lower() for key in own} == {name.split("-")[0]}


async def test_a_server_that_ends_is_started_again_and_said(
    servers: ProblemServers, spawner: MortalSpawner, said: list[str]
) -> None:
    spawner.die("coordinator", -9)
    await spawner.until(lambda: spawner.count("coordinator") == 2)
    spawner.die("selector-1", 1)
    await spawner.until(lambda: spawner.count("selector-1") == 2)
    assert spawner.count("selector-2") == 1
    # Who was killed had no last words.
    lines = [line for line in said if "started again" in line]
    assert lines == [
        "coordinator ended with exit code -9 and is started again",
        "selector-1 ended with exit code 1 and is started again; "
        "its last words: selector-1 ran out of luck",
    ]


async def test_a_start_that_fails_later_is_said_and_tried_again(
    servers: ProblemServers, spawner: MortalSpawner, said: list[str]
) -> None:
    spawner.refuse_starts = 1
    spawner.die("selector-2", 1)
    await spawner.until(lambda: spawner.count("selector-2") == 2)
    assert "selector-2 has no memory" in said


async def test_the_operator_scales_selectors(
    servers: ProblemServers, spawner: MortalSpawner, folder: ProblemFolder
) -> None:
    async with operator(folder) as client:
        assert await client.give(pb.Command(selectors=3)) == "3 selectors run now."
        assert spawner.running == ["coordinator", "selector-1", "selector-2", "selector-3"]
        assert await client.give(pb.Command(selectors=1)) == "1 selector run now."
        assert spawner.running == ["coordinator", "selector-1"]
        assert servers.selectors == ["selector-1"]
        spawner.refuse_starts = 1
        with pytest.raises(ServerStartError, match="no memory"):
            await client.give(pb.Command(selectors=2))
    assert spawner.running == ["coordinator", "selector-1"]


async def test_nothing_is_left_when_it_ends(
    plan: ServePlan, spawner: MortalSpawner, said: list[str]
) -> None:
    async with ProblemServers(plan, spawner, said.append).serving():
        assert len(spawner.running) == 3
    assert spawner.running == []


async def test_a_first_start_that_fails_ends_it_with_its_own_sentence(
    plan: ServePlan, spawner: MortalSpawner, said: list[str]
) -> None:
    spawner.refuse_starts = 1
    with pytest.raises(ServerStartError, match="coordinator has no memory"):
        async with ProblemServers(plan, spawner, said.append).serving():
            pytest.fail("it served")
    assert spawner.running == []


async def test_an_error_within_comes_out_as_it_is(
    plan: ServePlan, spawner: MortalSpawner, said: list[str]
) -> None:
    with pytest.raises(LookupError):
        async with ProblemServers(plan, spawner, said.append).serving():
            raise LookupError
    assert spawner.running == []


async def test_a_port_that_is_taken_is_named(
    plan: ServePlan, spawner: MortalSpawner, said: list[str], folder: ProblemFolder
) -> None:
    port = folder.ports(2).selectors[1]
    said_of_port = rf"Port {port}, kept for selector-2"
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(ServerStartError, match=said_of_port),
    ):
        async with ProblemServers(plan, spawner, said.append).serving():
            pytest.fail("it served")
    assert spawner.started == []
