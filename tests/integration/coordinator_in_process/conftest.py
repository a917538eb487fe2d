"""One coordinator in the test's own process, scripted selectors, and a webserver."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fedota_proto.manifest import Manifest, ManifestArray
from fedota_proto.records import ArrayBytes, npy_view
from fedota_server.authority import PlatformHome, ProblemKeys
from fedota_server.coordinator.checkpoints import CheckpointStore
from fedota_server.coordinator.history import History, RoundRow
from fedota_server.coordinator.process import Coordinator
from fedota_server.coordinator.settings import CoordinatorSettings
from fedota_server.tensor_file import write_tensors

from .scripted_selector import ScriptedSelector
from .scripted_webserver import ScriptedWebserver

PROBLEM = "abc123abc123"
WAIT_S = 30.0
MANIFEST = Manifest(
    arrays=(
        ManifestArray("layers/b/vars/0", "float32", (2, 3)),
        ManifestArray("layers/a/vars/0", "float32", (3,)),
    ),
    loss="binary_crossentropy",
    metrics=("loss", "accuracy"),
)
INITIAL = {
    "layers/b/vars/0": np.linspace(-1.0, 1.0, 6, dtype=np.float32).reshape(2, 3),
    "layers/a/vars/0": np.array([0.5, -0.25, 3.0], np.float32),
}
TOML = """
[problem]
title = "Small"
description = ""
model = "model.keras"
[strategy]
{strategy}
[rounds]
{rounds}
[data]
kind = "table"
minimum_examples = 2
[[data.columns]]
name = "x"
type = "number"
[[data.columns]]
name = "y"
type = "category"
allowed = ["no", "yes"]
target = true
"""
ROUNDS = {
    "rounds": 2,
    "goal_count": 3,
    "minimum_reports": 2,
    "over_selection": 1.0,
    "selection_timeout_s": 20.0,
    "reporting_deadline_s": 20.0,
}


def toml_of(strategy: str = 'name = "FedAvg"', **rounds: float) -> str:
    """Write a problem."""
    lines = [f"{name} = {value}" for name, value in {**ROUNDS, **rounds}.items()]
    return TOML.format(strategy=strategy, rounds="\n".join(lines))


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> PlatformHome:
    made = PlatformHome(tmp_path_factory.mktemp("home"))
    made.init()
    return made


@pytest.fixture(scope="session")
def keys(home: PlatformHome, tmp_path_factory: pytest.TempPathFactory) -> ProblemKeys:
    made = ProblemKeys.create(tmp_path_factory.mktemp("keys"), PROBLEM, home.authority())
    for number in (1, 2, 3):
        made.selector(number)
    return made


class World:
    """A problem (or an app) in a folder, its coordinator, and what attaches to it."""

    def __init__(self, folder: Path, keys: ProblemKeys, home: PlatformHome) -> None:
        self.folder = folder
        self.keys = keys
        self.webserver = ScriptedWebserver(home)
        self.port = 0
        self.selectors: list[ScriptedSelector] = []
        self._settings: dict[str, Any] = {}
        self._stop: asyncio.Event | None = None
        self._running: asyncio.Task[bool] | None = None

    def publish(self, toml: str) -> None:
        """Write the problem's files."""
        (self.folder / "problem.toml").write_text(toml)
        (self.folder / "model.keras").write_bytes(b"not looked into here")
        state = self.folder / ".fedota"
        state.mkdir(exist_ok=True)
        (state / "problem.json").write_text(
            json.dumps({"problem_id": PROBLEM, "model_sha256": "ab" * 32})
        )
        (state / "manifest.json").write_text(MANIFEST.to_json())
        initial = {name: ArrayBytes.from_numpy(array) for name, array in INITIAL.items()}
        write_tensors(state / "initial.safetensors", initial)
        self._settings["problem_dir"] = self.folder

    def install_app(self, nodes: int, **settings: Any) -> None:
        """Have the folder's ``app`` run."""
        state = self.folder / ".fedota"
        state.mkdir(exist_ok=True)
        (state / "problem.json").write_text(json.dumps({"problem_id": PROBLEM}))
        self._settings.update(app_dir=self.folder / "app", nodes=nodes, **settings)

    async def start(self, **settings: Any) -> None:
        """Start the coordinator, on the port that it had before."""
        if not self.webserver.port:
            await self.webserver.start()
        given = {
            "folder": self.folder / ".fedota",
            "keys": self.keys.folder,
            "listen": f"127.0.0.1:{self.port}",
            "status_address": f"127.0.0.1:{self.webserver.port}",
            "selector_grace_s": 5.0,
            "client_grace_s": 5.0,
            **self._settings,
            **settings,
        }
        self._stop = asyncio.Event()
        ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        coordinator = Coordinator(
            CoordinatorSettings(**given),
            random.Random(1),  # noqa: S311 (breaks ties)
        )
        self._running = asyncio.create_task(coordinator.run(self._stop, ready.set_result))
        async with asyncio.timeout(WAIT_S):
            either: set[asyncio.Future[Any]] = {ready, self._running}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if self._running.done():
            self._running.result()
        self.port = int(ready.result().rpartition(":")[2])

    async def ended(self) -> bool:
        """Wait for the coordinator to end by itself."""
        assert self._running is not None
        async with asyncio.timeout(WAIT_S):
            return await self._running

    async def stop(self) -> None:
        """Stop the coordinator."""
        if self._running is not None and self._stop is not None:
            self._stop.set()
            async with asyncio.timeout(WAIT_S):
                await self._running
            self._running = None

    def selector(self, number: int, **more: Any) -> ScriptedSelector:
        """Make a selector; it does not attach yet."""
        made = ScriptedSelector(self.keys, number, self.port, **more)
        self.selectors.append(made)
        return made

    async def attached(self, number: int, *nodes: int, **more: Any) -> ScriptedSelector:
        """Make a selector that has attached, with these clients checked in."""
        made = self.selector(number, **more)
        await made.attach()
        await made.join(*nodes)
        return made

    async def close(self) -> None:
        """End everything."""
        for selector in self.selectors:
            await selector.detach()
        await self.stop()
        await self.webserver.stop()

    def model(self, server_round: int) -> dict[str, np.ndarray]:
        """Read a completed round's model."""
        store = CheckpointStore(self.folder / ".fedota" / "coordinator" / "checkpoints")
        return {name: npy_view(a) for name, a in store.load(server_round).arrays.items()}

    def rounds(self) -> list[RoundRow]:
        """Read the completed rounds of the history."""
        history = History(self.folder / ".fedota" / "coordinator" / "history.jsonl")
        rows = [row for row, superseded in history.rounds() if row.completed and not superseded]
        history.close()
        return rows


MakeWorld = Callable[..., Awaitable[World]]


@pytest.fixture
async def make_world(
    tmp_path: Path, keys: ProblemKeys, home: PlatformHome
) -> AsyncIterator[MakeWorld]:
    """Makes a published problem whose coordinator runs."""
    async with AsyncExitStack() as stack:

        async def make(toml: str = "", *, start: bool = True) -> World:
            world = World(tmp_path, keys, home)
            stack.push_async_callback(world.close)
            world.publish(toml or toml_of())
            if start:
                await world.start()
            return world

        yield make


@pytest.fixture
async def app_world(tmp_path: Path, keys: ProblemKeys, home: PlatformHome) -> AsyncIterator[World]:
    """A folder for an app; the test writes it and starts the coordinator."""
    world = World(tmp_path, keys, home)
    yield world
    await world.close()
