"""The example as a setter and four hospitals run it: commands alone, real Keras, real data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.example_run import EXAMPLES, SERVER, WAIT_S, copy_of_example, fedota, run_example
from support.programs import Program, command, environment, run_module

EXAMPLE = EXAMPLES / "breast-cancer"
HOSPITALS = ("north", "east", "south", "west")
ROUNDS = 5


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the example with fewer rounds."""
    return copy_of_example("breast-cancer", tmp_path, rounds=ROUNDS)


@pytest.mark.timeout(180)
async def test_four_hospitals_from_init_to_export(folder: Path, tmp_path: Path) -> None:
    hospitals = {name: folder / "data" / f"hospital-{name}" for name in HOSPITALS}
    run = await run_example(folder, hospitals, tmp_path)
    assert run.status["completed_round"] == ROUNDS
    accuracies, losses = run.evaluations("accuracy"), run.evaluations("loss")
    assert losses[-1] < losses[0]
    assert accuracies[-1] > 0.75, accuracies

    models = [EXAMPLE / "model.keras"]
    for number in (1, ROUNDS):
        models.append(tmp_path / f"round-{number}.keras")
        await fedota(run.home, "export", folder, "--round", str(number), "--out", models[-1])
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
