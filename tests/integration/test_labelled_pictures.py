"""Pictures whose targets stand in a file of labels, through the jobs, with real Keras."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.keras_lab import KerasLab
from support.programs import environment

RULES = """
[problem]
title = "Shades"
model = "model.keras"
[rounds]
rounds = 3
goal_count = 3
reporting_deadline_s = 10
[training]
local_epochs = 1
batch_size = 8
[strategy]
name = "FedAvg"
[data]
kind = "images"
height = 4
width = 5
channels = 1
"""
SHADE = '[[data.targets]]\nname = "shade"\ntype = "category"\nallowed = ["dark", "bright"]\n'
LIGHT = '[[data.targets]]\nname = "light"\ntype = "number"\nminimum = 0\nmaximum = 1\n'
PICTURES = 80


@pytest.fixture(scope="module")
def lab() -> Iterator[KerasLab]:
    with KerasLab(environment()) as lab:
        yield lab


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Grey pictures in two folders, labelled by how bright they are."""
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(3)
    rows = ["file,light,shade\n"]
    for number in range(PICTURES):
        pixels = random.integers(0, 256) + random.integers(-20, 20, (4, 5))
        pixels = np.clip(pixels, 0, 255).astype(np.uint8)
        name = f"camera {number % 2}/{number}.png"
        (folder / name).parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(folder / name)
        light = float(pixels.mean()) / 255
        rows.append(f"{name},{light:.4f},{'bright' if light > 0.5 else 'dark'}\n")
    (folder / "labels.csv").write_text("".join(rows))
    return folder


def problem(folder: Path, lab: KerasLab, targets: str, model: str) -> Path:
    (folder / "problem.toml").write_text(RULES + targets)
    lab.make(model, folder / "model.keras")
    assert lab.job("inspect", "--model", folder / "model.keras", "--out", folder) == {}
    return folder


def test_a_class_and_a_number_are_learnt_from_the_labels(
    lab: KerasLab, data: Path, tmp_path: Path
) -> None:
    folder = problem(tmp_path, lab, SHADE + LIGHT, "shades")
    updates = tmp_path / "updates"
    manifest = folder / "manifest.json"
    dry = ("--problem", folder, "--manifest", manifest, "--out", updates)
    assert lab.job("dry_run", *dry) == {}
    assert len(list(updates.glob("update-*.safetensors"))) == 3

    out = tmp_path / "out.json"
    assert lab.job("score", "--problem", folder, "--data", data, "--out", out) == {}
    before = json.loads(out.read_text())
    assert before["examples"] == PICTURES
    assert {"loss", "shade_loss", "light_loss"} <= set(before["metrics"])

    packed = Path(shutil.make_archive(str(tmp_path / "test"), "zip", data))
    assert lab.job("score", "--problem", folder, "--data", packed, "--out", out) == {}
    assert json.loads(out.read_text()) == before

    train = ("--problem", folder, "--data", data, "--out", out, "--epochs", "30", "--test", data)
    assert lab.job("train", *train) == {}
    after = json.loads(out.read_text())["together"]["metrics"]
    assert after["light_loss"] < before["metrics"]["light_loss"] / 2
    assert after["shade_loss"] < before["metrics"]["shade_loss"]

    new = tmp_path / "new"
    shutil.copytree(data / "camera 1", new)
    said = tmp_path / "said.csv"
    model = folder / "model.keras"
    predict = ("--problem", folder / "problem.toml", "--model", model, "--data", new, "--out", said)
    assert lab.job("predict", *predict) == {}
    rows = list(csv.DictReader(said.read_text().splitlines()))
    shade = ["prediction shade", "output shade dark", "output shade bright"]
    assert list(rows[0]) == ["file", "row", *shade, "prediction light"]
    assert len(rows) == PICTURES // 2
    for row in rows:
        assert float(row[shade[1]]) + float(row[shade[2]]) == pytest.approx(1)
        assert row["prediction shade"] in ("dark", "bright")


def test_a_model_of_ones_own_is_compared_by_each_of_several_targets(
    lab: KerasLab, data: Path, tmp_path: Path
) -> None:
    folder = problem(tmp_path, lab, SHADE + LIGHT, "shades")
    model, mine = folder / "model.keras", tmp_path / "mine"
    mine.mkdir()
    models = ("--shared", model, "--initial", model, "--epochs", "5", "--rate", "1")
    toml = folder / "problem.toml"
    assert lab.job("personalize", "--problem", toml, "--data", data, "--out", mine, *models) == {}
    page = (mine / "report.html").read_text()
    assert "<th>loss</th><th>shade: accuracy</th><th>light: mean absolute error</th>" in page
    shade, light = page.index("<h2>shade</h2>"), page.index("<h2>light</h2>")
    assert shade < page.index("Which classes are confused") < light
    assert "<th>dark</th><th>bright</th>" in page[shade:light]
    assert light < page.index("Where predictions are off") < page.index("light: true")
    assert page.count("<svg") == 5  # loss, accuracy, error, scatter, epochs
    assert "its accuracy for shade is" in page


def test_a_model_of_ones_own_predicts_a_number_and_reports_how_far_off_it_is(
    lab: KerasLab, data: Path, tmp_path: Path
) -> None:
    folder = problem(tmp_path, lab, LIGHT, "light")
    model, mine = folder / "model.keras", tmp_path / "mine"
    mine.mkdir()
    models = ("--shared", model, "--initial", model, "--epochs", "3")
    toml = folder / "problem.toml"
    assert lab.job("personalize", "--problem", toml, "--data", data, "--out", mine, *models) == {}
    page = (mine / "report.html").read_text()
    assert "mean absolute error" in page
    assert "light" in page


def test_a_wrong_label_stops_the_training_with_a_sentence(
    lab: KerasLab, data: Path, tmp_path: Path
) -> None:
    folder = problem(tmp_path, lab, LIGHT, "light")
    wrong = tmp_path / "wrong"
    shutil.copytree(data, wrong)
    with (wrong / "labels.csv").open("a") as file:
        file.write("camera 0/none.png,0.5,dark\n")
    said = lab.job("score", "--problem", folder, "--data", wrong, "--out", tmp_path / "out.json")
    assert "labels.csv, row 82, column 'file': found 'camera 0/none.png'" in said["error"][1]
