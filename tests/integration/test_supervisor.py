"""The supervisor over real servers: started, kept, taken over, given up, scaled, let rest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest_asyncio
from sqlmodel import col, select
from support.holder import Holder
from support.waiting import until
from support.web_world import PROBLEM, WebWorld
from support.world import problem_toml

from fedota_server.webserver.tables import (
    ClientRow,
    EvaluationRow,
    EventRow,
    RoundRow,
    UpdateRow,
)


class Worlds:
    """Makes platforms, each with one problem."""

    def __init__(self, place: Path, model: Path, stack: AsyncExitStack) -> None:
        self._place = place
        self._model = model
        self._stack = stack

    async def make(self, *, selectors: int = 1, database_url: str = "", **rules: Any) -> WebWorld:
        world = WebWorld(
            self._place,
            self._model,
            problem_toml(**rules),
            selectors,
            database_url,
        )
        return await self._stack.enter_async_context(world)

    async def holder(self, world: WebWorld, name: str) -> Holder:
        return await self._stack.enter_async_context(Holder(world.take_part(name)))


@pytest_asyncio.fixture
async def worlds(tmp_path: Path, model_folder: Path) -> AsyncIterator[Worlds]:
    async with AsyncExitStack() as stack:
        yield Worlds(tmp_path, model_folder, stack)


async def train(world: WebWorld, server_round: int, *holders: Holder) -> None:
    """Have a round trained by these, and completed."""
    await asyncio.gather(*(holder.train(server_round) for holder in holders))
    await world.round_completed(server_round)


def assert_nothing_missing_or_double(world: WebWorld) -> None:
    """Compare the database with the coordinator's own history."""
    history = {
        (row.generation, row.server_round, row.attempt): (row.completed, row.reported, row.weight)
        for row in [*world.rounds(), *world.rounds(completed=False)]
    }
    rows = world.rows(RoundRow)
    assert len(rows) == len(history)
    assert history == {
        (row.generation, row.server_round, row.attempt): (row.completed, row.reported, row.weight)
        for row in rows
    }
    with world.web.database.session() as session:
        seqs = session.exec(select(EventRow.seq).order_by(col(EventRow.id))).all()
    assert list(seqs) == list(range(1, len(seqs) + 1))


async def test_a_wish_to_start_has_the_problem_trained_to_its_end(
    worlds: Worlds, database_url: str
) -> None:
    world = await worlds.make(rounds=2, database_url=database_url)
    await world.start_webserver()
    world.web.problems.start(world.setter, PROBLEM)
    await world.status("waiting for data holders", "running")
    assert set(world.pids()) == {"coordinator", "selector-1"}
    north, south = await worlds.holder(world, "north"), await worlds.holder(world, "south")
    await train(world, 1, north, south)
    await world.comes(lambda: len(world.rows(EvaluationRow)) == 1, "an evaluation")
    await train(world, 2, north, south)
    await world.status("completed")
    await world.comes(lambda: world.problem.wanted == "stopped", "that the servers may rest")
    await world.state_of("coordinator", "stopped")
    await until(lambda: not world.pids(), "an end of all servers")
    assert_nothing_missing_or_double(world)
    counted = [row for row in world.rows(UpdateRow) if row.kind == "train"]
    assert len(counted) == 4
    assert all(row.outcome == "counted" and row.size_bytes > 0 for row in counted)
    clients = {row.name: row for row in world.rows(ClientRow)}
    assert all(row.bound_unix_s and row.last_change == "gone" for row in clients.values())
