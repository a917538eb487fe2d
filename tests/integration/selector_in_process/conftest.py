"""One selector, one scripted coordinator, and clients."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from fedota_selector.server import SelectorServer
from fedota_selector.settings import SelectorSettings
from fedota_server.authority import PlatformHome, ProblemKeys

from .clients import Client
from .scripted_coordinator import WAIT_S, ScriptedCoordinator

PROBLEM = "abc123"


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> ProblemKeys:
    folder = tmp_path_factory.mktemp("keys")
    home = PlatformHome(folder / "home")
    home.init()
    made = ProblemKeys.create(folder / "problem", PROBLEM, home.authority())
    made.selector(1)
    return made


@pytest.fixture
async def coordinator(keys: ProblemKeys) -> AsyncIterator[ScriptedCoordinator]:
    scripted = ScriptedCoordinator(keys)
    await scripted.start()
    yield scripted
    await scripted.stop()


class RunningSelector:
    """A selector on a free port, until it is stopped."""

    def __init__(self, settings: SelectorSettings) -> None:
        self.server = SelectorServer(settings)
        self.state = self.server.state
        self._stop = asyncio.Event()
        self._ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self.server.run(self._stop, self._ready.set_result))

    async def port(self) -> int:
        async with asyncio.timeout(WAIT_S):
            address = await self._ready
        return int(address.rpartition(":")[2])

    async def stop(self) -> None:
        self._stop.set()
        async with asyncio.timeout(WAIT_S):
            await self._task


StartSelector = Callable[..., Awaitable[tuple[RunningSelector, int]]]


@pytest.fixture
async def start_selector(
    keys: ProblemKeys, coordinator: ScriptedCoordinator, tmp_path: Path
) -> AsyncIterator[StartSelector]:
    running: list[RunningSelector] = []

    async def start(**changed: Any) -> tuple[RunningSelector, int]:
        fields: dict[str, Any] = {
            "index": 1,
            "problem_id": PROBLEM,
            "coordinator_address": f"127.0.0.1:{coordinator.port}",
            "keys": keys.selector(1),
            "cache_folder": tmp_path,
            "reattach_least_s": 0.05,
            "reattach_most_s": 0.2,
        }
        selector = RunningSelector(SelectorSettings(**{**fields, **changed}))
        running.append(selector)
        return selector, await selector.port()

    yield start
    for selector in running:
        await selector.stop()


@pytest.fixture
async def selector(start_selector: StartSelector) -> RunningSelector:
    running, _ = await start_selector()
    return running


MakeClient = Callable[[int], Client]


@pytest.fixture
async def client(keys: ProblemKeys, selector: RunningSelector) -> AsyncIterator[MakeClient]:
    made: list[Client] = []
    port = await selector.port()

    def make(node_id: int) -> Client:
        made.append(Client(keys, port, node_id))
        return made[-1]

    yield make
    for one in made:
        await one.close()
