"""The regression as a setter and four practices run it: a table, and a number to predict."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from support.example_run import EXAMPLES, check, copy_of_example, run_example, score

from fedota_client.data.reading import read_examples
from fedota_client.examples import joined
from fedota_proto.problem import read_problem

FOLDER = EXAMPLES / "diabetes"
PRACTICES = ("north", "east", "south", "west")
ROUNDS = 6


def test_all_files_together_are_the_442_original_rows() -> None:
    data_format = read_problem(FOLDER).data
    places = [FOLDER / "data" / f"practice-{name}" for name in PRACTICES]
    parts = [read_examples(p, data_format) for p in [*places, FOLDER / "data" / "test.csv"]]
    inputs, targets = (np.asarray(field.values) for field in joined(parts).fields)
    original = load_diabetes(scaled=False)
    theirs = original.data.copy()
    theirs[:, 1] -= 1  # a category becomes its index

    ours = np.concatenate([inputs, targets], axis=1)
    both = np.concatenate([theirs, original.target[:, np.newaxis]], axis=1)
    assert sorted(map(tuple, ours.tolist())) == sorted(map(tuple, both.astype("f4").tolist()))


async def test_every_practice_keeps_the_format(tmp_path: Path) -> None:
    for name in PRACTICES:
        done = await check(
            *("--data", FOLDER / "data" / f"practice-{name}"),
            *("--format", FOLDER / "problem.toml", "--report", tmp_path / f"{name}.html"),
        )
        assert done.code == 0, done
        assert "The data keeps the format." in done.out
        assert (tmp_path / f"{name}.html").read_text().count("<svg") == 11


@pytest.mark.timeout(180)
async def test_four_practices_train_one_model_that_predicts_the_progression(
    tmp_path: Path,
) -> None:
    folder = copy_of_example("diabetes", tmp_path, rounds=ROUNDS)
    practices = {name: folder / "data" / f"practice-{name}" for name in PRACTICES}
    run = await run_example(folder, practices, tmp_path)

    errors = run.evaluations("mae")
    assert errors[-1] < errors[0]
    trained = await run.export(tmp_path / "trained.keras")
    test = folder / "data" / "test.csv"
    untrained, federated = score(folder, test, folder / "model.keras", trained)
    # Always to say the mean of the progression is wrong by 66 on average.
    assert untrained["mae"] > 66
    assert federated["mae"] < 55, federated
