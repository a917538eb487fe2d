"""Unmodified Flower apps through `fedota run-app`: their own strategy, messages and mods."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from support.programs import TESTS, Finished, Program, command, environment

APPS = TESTS / "support" / "flower_apps"
SERVER = "fedota_server.cli"
WAIT_S = 55.0


async def run_app(
    tmp_path: Path, name: str, *more: str, nodes: int
) -> tuple[Finished, dict[str, Any]]:
    """Run an app to its end and read what its server wrote."""
    result = tmp_path / "result.json"
    done = await command(
        SERVER,
        "--home",
        tmp_path / "home",
        "run-app",
        APPS / name,
        "--nodes",
        str(nodes),
        "--selectors",
        "2",
        "--run-config",
        f'result-file="{result}"',
        *more,
        env=environment(FEDOTA_CLIENT_HOME=str(tmp_path / "client")),
        timeout_s=WAIT_S,
    )
    return done, json.loads(result.read_text()) if result.exists() else {}


async def test_its_own_strategy_its_own_messages_and_a_mod(tmp_path: Path) -> None:
    done, found = await run_app(tmp_path, "own_strategy", nodes=3)
    assert done.code == 0, done
    assert (found["nodes"], found["again"]) == (3, 3)
    assert found["rows"] == [100, 200]
    assert len(found["errors"]) == 1
    assert "no rows here" in found["errors"][0]
    # Every node got the content that was addressed to it, whichever partition it has.
    assert sum(found["products"]) in {100.0, 110.0, 130.0, 140.0}
    assert found["w"] == [6.0] * 4, "twice the largest number, 3"
    assert found["evaluations"] == {"1": [12.0] * 3, "2": [24.0] * 3}
    # The mod counted in the node's own state: query, warm-up, train, evaluate, train.
    assert found["calls"] == [3, 3, 3, 5, 5, 5]


async def test_an_app_of_the_old_kind(tmp_path: Path) -> None:
    done, found = await run_app(tmp_path, "old_style", nodes=2)
    assert done.code == 0, done
    mean = (1 * 1 + 2 * 2) / 3
    assert [row[0] for row in found] == pytest.approx([0.0, mean, 2 * mean])


async def test_an_app_that_declares_a_mean_is_folded(tmp_path: Path) -> None:
    done, found = await run_app(tmp_path, "folded", nodes=3)
    assert done.code == 0, done
    mean = (1 + 4 + 9) / 6
    assert found["w"] == pytest.approx([2 * mean] * 4)
    assert found["replies"] == [1, 1], "one folded reply stands for all"
    assert found["weights"] == [6.0, 6.0]
    assert found["losses"] == pytest.approx([mean, mean])
    assert found["evaluations"] == 2


async def test_an_app_that_declares_a_mean_has_its_updates_checked(tmp_path: Path) -> None:
    done, found = await run_app(tmp_path, "folded", "--run-config", "lies=true", nodes=3)
    assert done.code == 0, done
    mean = (4 + 9) / 5
    assert found["w"] == pytest.approx([2 * mean] * 4)
    assert found["weights"] == [5.0, 5.0]


async def join(tmp_path: Path, invite: Path, number: int) -> Program:
    """Start a node as one does who has the app's folder."""
    name = f"node-{number}"
    return await Program.start(
        name,
        "fedota_client",
        [
            *("join", str(invite), "--app", str(APPS / "folded"), "--yes"),
            *("--home", str(tmp_path / name)),
            *("--node-config", f"partition-id={number - 1} num-partitions=2"),
        ],
        environment(),
        tmp_path,
    )


async def test_nodes_that_others_start_with_invites(tmp_path: Path) -> None:
    invites, result = tmp_path / "invites", tmp_path / "result.json"
    server = await Program.start(
        "run-app",
        SERVER,
        [
            *("--home", str(tmp_path / "home"), "run-app", str(APPS / "folded")),
            *("--nodes", "2", "--selectors", "1", "--invites", str(invites)),
            *("--run-config", f'result-file="{result}"', "--run-config", "nodes=2"),
        ],
        environment(),
        tmp_path,
    )
    clients: list[Program] = []
    try:
        await server.says("2 invites are in")
        for number in (1, 2):
            clients += [await join(tmp_path, invites / f"node-{number}.invite", number)]
        assert await server.ended(WAIT_S) == 0, server.output
        codes = await asyncio.gather(*(client.ended() for client in clients))
        assert codes == [0, 0], [client.output for client in clients]
    finally:
        for program in (server, *clients):
            await program.kill()
    assert json.loads(result.read_text())["w"] == pytest.approx([2 * 5 / 3] * 4)


async def test_a_folder_that_is_no_app(tmp_path: Path) -> None:
    done = await command(SERVER, "--home", tmp_path / "home", "run-app", tmp_path)
    done.is_one_sentence(1, "is no Flower app", "pyproject.toml")
