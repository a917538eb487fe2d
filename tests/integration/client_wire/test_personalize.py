"""`fedota-client personalize` as a process, with real Keras: three files or none."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.keras_lab import KerasLab
from support.programs import environment

from fedota_proto.model_file import read_weights

from .conftest import EXAMPLE
from .doubles import Problem, until
from .test_processes import PROCESS_S, client, ended, started


def left_over(tmp_path: Path) -> list[str]:
    """Whatever is beside the results and in the client's folder, and should not be."""
    beside = [path.name for path in tmp_path.glob(".mine*")]
    return beside + [path.name for path in (tmp_path / "home").glob("personal.*")]


async def test_three_files_and_a_comparison_on_the_holders_own_examples(
    personalize: list[str], shared: Path, tmp_path: Path
) -> None:
    how = await client(*personalize, "--epochs", "8", "--ditto", "0.01", "--json")
    assert (how.code, how.stderr) == (0, "")
    result: dict[str, Any] = json.loads(how.stdout)
    out = tmp_path / "mine"
    assert sorted(path.name for path in out.iterdir()) == [
        "personal.keras",
        "report.html",
        "shared.keras",
    ]
    assert (out / "shared.keras").read_bytes() == (shared / "shared.keras").read_bytes()
    assert set(result["models"]) == {"shared", "personal", "local"}
    for measured in result["models"].values():
        assert set(measured["targets"]) == {"progression"}
        assert set(measured["targets"]["progression"]) == {"mean absolute error"}
        loss = measured["loss"]
        assert loss["low"] <= loss["value"] <= loss["high"]
    losses = result["choice_losses"]
    assert result["chosen"] == "local" or losses[result["chosen"]] == min(
        losses["shared"], losses["personal"]
    )
    # Early stopping keeps the shared model's weights where no epoch bettered them.
    mine, theirs = read_weights(out / "personal.keras"), read_weights(out / "shared.keras")
    same = all(np.array_equal(mine[name], theirs[name]) for name in theirs)
    assert result["chosen"] == "shared" or not same
    assert left_over(tmp_path) == []


async def test_the_report_says_it_in_words_and_loads_nothing(
    personalize: list[str], tmp_path: Path
) -> None:
    how = await client(*personalize, "--epochs", "2", "--layers", "last")
    assert how.code == 0, how
    assert "suits your data best" in how.stdout
    assert "tuning the personal model, epoch 1 of 2" in how.stdout
    page = (tmp_path / "mine" / "report.html").read_text()
    assert "suits your data best" in page
    assert "The last layer was tuned on" in page
    assert page.count("<svg") == 4
    assert "prefers-color-scheme: dark" in page
    assert "default-src 'none'" in page
    addresses = set(re.findall(r"https?://[^\"' <]+", page))
    assert addresses == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"<(script|link|img|iframe)\b|\bsrc=|url\(", page)


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (["--round", "9"], 2, "Round 9 is not completed yet; the newest is 4."),
        (["--layers", "nowhere"], 2, "The model has no layer nowhere that can be trained"),
    ],
)
async def test_what_cannot_be_done_is_one_sentence_and_no_file(
    personalize: list[str], tmp_path: Path, more: list[str], code: int, said: str
) -> None:
    how = await client(*personalize, *more)
    assert how.code == code
    assert said in how.stderr
    assert len(how.stderr.splitlines()) == 1
    assert not (tmp_path / "mine").exists()
    assert left_over(tmp_path) == []


async def test_a_folder_with_something_else_in_it_is_left_alone(
    personalize: list[str], tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.docx").touch()
    how = await client(*personalize)
    assert how.code == 2
    assert "holds thesis.docx" in how.stderr


async def test_earlier_results_stay_when_the_data_are_refused(
    personalize: list[str], tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "report.html").write_text("earlier")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.csv").write_text("nonsense\n1\n")
    personalize[personalize.index("--data") + 1] = str(tmp_path / "bad")
    how = await client(*personalize)
    assert how.code == 1
    assert "a.csv" in how.stderr
    assert (tmp_path / "mine" / "report.html").read_text() == "earlier"
    assert left_over(tmp_path) == []


async def test_a_problem_without_a_completed_round(
    problem: Problem, personalize: list[str]
) -> None:
    problem.selectors[0].description.completed_round = 0
    how = await client(*personalize)
    assert how.code == 2
    assert "No round is completed yet" in how.stderr


async def test_a_policy_forbids_it_too(personalize: list[str], tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text('strategies = ["Krum"]\n')
    how = await client(*personalize, "--policy", str(tmp_path / "policy.toml"))
    assert how.code == 3
    assert "allows Krum alone" in how.stderr
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_a_signal_leaves_nothing_half_written(
    personalize: list[str], tmp_path: Path, sent: signal.Signals, code: int
) -> None:
    process = await started(
        sys.executable,
        "-m",
        "fedota_client",
        *personalize,
        "--epochs",
        "100000",
        "--patience",
        "99999",
    )
    await until(lambda: any(tmp_path.glob(".mine*")))
    await asyncio.sleep(0)
    process.send_signal(sent)
    how = await asyncio.wait_for(ended(process), PROCESS_S)
    assert how.code == code, how
    assert not (tmp_path / "mine").exists()
    assert left_over(tmp_path) == []


async def test_a_model_says_of_new_files_what_plain_keras_says(tmp_path: Path) -> None:
    header, *rows = (EXAMPLE / "data" / "test.csv").read_text().splitlines()
    # Without its last column, the target.
    new = [line.rpartition(",")[0] for line in (header, *rows[:5])]
    (tmp_path / "new.csv").write_text("\n".join(new) + "\n")
    how = await client(
        *("predict", str(EXAMPLE / "model.keras"), "--data", str(tmp_path / "new.csv")),
        *("--format", str(EXAMPLE / "problem.toml"), "--out", str(tmp_path / "said.csv"), "--json"),
    )
    assert (how.code, how.stderr) == (0, "")
    assert json.loads(how.stdout) == {"rows": 5, "out": str(tmp_path / "said.csv")}
    said = (tmp_path / "said.csv").read_text().splitlines()
    assert said[0] == "file,row,prediction progression"
    predicted = [float(line.split(",")[2]) for line in said[1:]]
    with KerasLab(environment()) as lab:
        numbers = [[float(cell) for cell in line.split(",")] for line in new[1:]]
        for row in numbers:
            row[1] -= 1  # the sex, an allowed value, is told by its index
        plain = lab.predict(EXAMPLE / "model.keras", numbers)
    np.testing.assert_allclose(predicted, plain, rtol=1e-5)


async def test_new_files_that_do_not_keep_the_format_bring_no_predictions(tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("age\n12\n")
    how = await client(
        *("predict", str(EXAMPLE / "model.keras"), "--data", str(tmp_path / "new.csv")),
        *("--format", str(EXAMPLE / "problem.toml"), "--out", str(tmp_path / "said.csv")),
    )
    assert how.code == 1
    assert "new.csv" in how.stderr
    assert os.listdir(tmp_path) == ["new.csv"]
