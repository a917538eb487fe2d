"""The example as a setter and four hospitals run it: commands alone, real Keras, real data."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import pytest
from support.programs import Program, command, environment, run_module

EXAMPLE = Path(__file__).parents[2] / "examples" / "breast-cancer"
HOSPITALS = ("north", "east", "south", "west")
ROUNDS = 5
SERVER = "fedota_server.cli"
WAIT_S = 100.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the example with fewer rounds."""
    place = tmp_path / "breast-cancer"
    shutil.copytree(EXAMPLE, place, ignore=shutil.ignore_patterns(".fedota"))
    text = (place / "problem.toml").read_text()
    short = text.replace("rounds = 15", f"rounds = {ROUNDS}")
    assert short != text
    (place / "problem.toml").write_text(short)
    return place


async def fedota(home: Path, *arguments: str | Path) -> str:
    """Run a command that must go well."""
    done = await command(SERVER, "--home", home, *arguments, timeout_s=WAIT_S)
    assert done.code == 0, done
    return done.out


@pytest.mark.timeout(180)
async def test_four_hospitals_from_init_to_export(folder: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    await fedota(home, "init")
    for name in HOSPITALS:
        await fedota(home, "invite", folder, name, "--out", tmp_path / f"{name}.invite")
    env = environment(FEDOTA_HOME=str(home))
    programs = [await Program.start("serve", SERVER, ["serve", str(folder)], env, tmp_path)]
    try:
        await programs[0].says("is served", timeout_s=WAIT_S)
        for name in HOSPITALS:
            arguments = [
                *("join", str(tmp_path / f"{name}.invite"), "--yes"),
                *("--data", str(folder / "data" / f"hospital-{name}")),
                *("--home", str(tmp_path / name)),
            ]
            programs.append(
                await Program.start(name, "fedota_client", arguments, environment(), tmp_path)
            )
        await programs[0].says("the problem is completed", timeout_s=WAIT_S)
        codes = await asyncio.gather(*(program.ended() for program in programs[1:]))
        assert codes == [0, 0, 0, 0], [program.output for program in programs]
        status = json.loads(await fedota(home, "status", folder, "--json"))
    finally:
        for program in programs:
            await program.kill()
    assert (status["state"], status["completed_round"]) == ("completed", ROUNDS)
    rounds = status["rounds"]
    assert [one["reported"] for one in rounds] == [4] * ROUNDS
    accuracies = [one["evaluation"]["accuracy"] for one in rounds]
    losses = [one["evaluation"]["loss"] for one in rounds]
    assert losses[-1] < losses[0]
    assert accuracies[-1] > 0.75, accuracies

    models = [EXAMPLE / "model.keras"]
    for number in (1, ROUNDS):
        models.append(tmp_path / f"round-{number}.keras")
        await fedota(home, "export", folder, "--round", str(number), "--out", models[-1])
    test = EXAMPLE / "data" / "test.csv"
    scores = json.loads(run_module("support.plain_keras", test, "diagnosis", "M", *models))
    untrained, first, last = (scores[path.name] for path in models)
    # What Keras alone says of the exported models goes the way that the hospitals' own held-out
    # rows said.
    assert last["loss"] < first["loss"] < untrained["loss"]
    assert last["accuracy"] > 0.8, scores
    assert (last["accuracy"] > untrained["accuracy"]) == (accuracies[-1] > accuracies[0]), scores


async def test_the_holders_are_told_what_leaves_before_anything_does(
    folder: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    await fedota(home, "init")
    await fedota(home, "invite", folder, "north", "--out", tmp_path / "north.invite")
    env = environment(FEDOTA_HOME=str(home))
    serve = await Program.start(
        "serve", SERVER, ["serve", str(folder), "--selectors", "1"], env, tmp_path
    )
    try:
        await serve.says("is served", timeout_s=WAIT_S)
        done = await command(
            "fedota_client",
            *("join", tmp_path / "north.invite", "--home", tmp_path / "north"),
            *("--data", folder / "data" / "hospital-north"),
        )
    finally:
        await serve.kill()
    done.is_one_sentence(2, "--yes")
    for told in ("layers/dense/vars/0", "127.0.0.1", "its selector", f"{ROUNDS} rounds"):
        assert told in done.out, done.out
