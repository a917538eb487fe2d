"""Fixtures of the tests with real processes; a failing test shows what they said."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from support.programs import run_module
from support.web_world import MakeWebWorld, WebWorld
from support.world import MakeWorld, World, problem_toml

_WORLDS = pytest.StashKey[list[World]]()


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small Keras model and what the inspect job makes of it."""
    folder = tmp_path_factory.mktemp("model")
    (folder / "inspected").mkdir()
    run_module("support.model_maker", folder)
    return folder


@pytest.fixture
async def make_world(
    request: pytest.FixtureRequest, tmp_path: Path, model_folder: Path
) -> AsyncIterator[MakeWorld]:
    """Makes a problem whose servers the test starts; ended with the test."""
    worlds = request.node.stash.setdefault(_WORLDS, [])
    async with AsyncExitStack() as stack:

        async def make(*, selectors: int = 2, **rules: object) -> World:
            place = tmp_path / f"world-{len(worlds)}"
            place.mkdir()
            text = problem_toml(**rules)  # type: ignore[arg-type]
            world = await stack.enter_async_context(
                World(place, model_folder, text, selectors=selectors)
            )
            worlds.append(world)
            return world

        yield make


@pytest.fixture
async def make_web_world(
    request: pytest.FixtureRequest, tmp_path: Path, model_folder: Path
) -> AsyncIterator[MakeWebWorld]:
    """Makes a platform with one published problem; ended with the test."""
    worlds = request.node.stash.setdefault(_WORLDS, [])
    async with AsyncExitStack() as stack:

        async def make(*, selectors: int = 1, database_url: str = "", **rules: object) -> WebWorld:
            place = tmp_path / f"world-{len(worlds)}"
            place.mkdir()
            text = problem_toml(**rules)  # type: ignore[arg-type]
            world = WebWorld(place, model_folder, text, selectors, database_url)
            worlds.append(world)
            return await stack.enter_async_context(world)

        yield make


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the ends of all logs to the report of a test that failed."""
    report = yield
    if report.failed:
        for world in item.stash.get(_WORLDS, []):
            for name, tail in world.tails().items():
                report.sections.append((f"log of {name}", tail))
    return report
