"""Every kind of data through the jobs and the worker, with real Keras: in memory and beyond it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.example_run import EXAMPLES
from support.keras_lab import KerasLab
from support.programs import environment
from support.warm_worker import WarmWorker, task_records

from fedota_proto.model_file import read_weights

RULES = """
[problem]
title = "A problem"
model = "model.keras"
[rounds]
rounds = 3
goal_count = 3
selection_timeout_s = 10
reporting_deadline_s = 10
[training]
local_epochs = 1
batch_size = 8
[strategy]
name = "FedAvg"
"""
MIXED = (
    RULES
    + """
[data]
minimum_examples = 10
[[data.columns]]
name = "id"
type = "text"
pattern = "P[0-9]+"
unique = true
used = false
[[data.columns]]
name = "note"
type = "text"
longest = 100
optional = true
[[data.columns]]
name = "a"
type = "number"
minimum = -5
maximum = 5
[[data.columns]]
name = "b"
type = "boolean"
[[data.columns]]
name = "kind"
type = "category"
allowed = ["x", "y", "z"]
target = true
[[data.columns]]
name = "size"
type = "number"
minimum = 0
maximum = 2
target = true
"""
)
ARRAYS = (
    RULES
    + """
[data]
kind = "arrays"
minimum_examples = 10
[[data.arrays]]
name = "series"
dtype = "float32"
shape = [5, 2]
minimum = -10
maximum = 10
[[data.arrays]]
name = "mask"
dtype = "bool"
shape = [4]
[[data.arrays]]
name = "level"
dtype = "float64"
minimum = -100
maximum = 100
target = true
"""
)


class Place:
    """A problem's folder, inspected, and one holder's data."""

    def __init__(self, folder: Path, lab: KerasLab, data: Path) -> None:
        self.folder, self.data = folder, data
        self.model = folder / "model.keras"
        assert lab.job("inspect", "--model", self.model, "--out", folder) == {}
        self.load = {
            "mode": "keras",
            "model_path": str(self.model),
            "manifest_path": str(folder / "manifest.json"),
            "problem_toml": (folder / "problem.toml").read_text(),
            "data_dir": str(data),
        }


@pytest.fixture(scope="module")
def lab() -> Iterator[KerasLab]:
    with KerasLab(environment()) as lab:
        yield lab


def example(name: str, holder: str, folder: Path, lab: KerasLab) -> Place:
    for file in ("problem.toml", "model.keras"):
        shutil.copy(EXAMPLES / name / file, folder)
    script = EXAMPLES / name / "make_data.py"
    subprocess.run([sys.executable, str(script), str(folder / "data")], check=True, timeout=60)
    return Place(folder, lab, folder / "data" / holder)


def mixed(folder: Path, lab: KerasLab) -> Place:
    (folder / "problem.toml").write_text(MIXED)
    lab.make("mixed", folder / "model.keras")
    data = folder / "data"
    data.mkdir()
    random = np.random.default_rng(1)
    rows = [
        f"P{n},{('a good day', 'bad', '')[n % 3]},{random.normal():.3f},{n % 2},"
        f"{'xyz'[n % 3]},{random.uniform(0, 2):.2f}\n"
        for n in range(60)
    ]
    (data / "a.csv").write_text("id,note,a,b,kind,size\n" + "".join(rows))
    return Place(folder, lab, data)


def arrays(folder: Path, lab: KerasLab) -> Place:
    (folder / "problem.toml").write_text(ARRAYS)
    lab.make("two_arrays", folder / "model.keras")
    data = folder / "data"
    data.mkdir()
    random = np.random.default_rng(1)
    np.savez_compressed(
        data / "a.npz",
        series=random.normal(size=(60, 5, 2)).astype(np.float32),
        mask=random.integers(0, 2, (60, 4)).astype(bool),
        level=random.normal(size=60),
    )
    return Place(folder, lab, data)


@pytest.fixture(scope="module", params=["images", "text", "mixed table", "arrays"])
def place(
    request: pytest.FixtureRequest, lab: KerasLab, tmp_path_factory: pytest.TempPathFactory
) -> Place:
    folder = tmp_path_factory.mktemp("kind")
    if request.param == "images":
        return example("digits", "office-north", folder, lab)
    if request.param == "text":
        return example("definitions", "publisher-north", folder, lab)
    return mixed(folder, lab) if request.param == "mixed table" else arrays(folder, lab)


def test_a_dry_run_makes_updates_from_fake_data(place: Place, lab: KerasLab) -> None:
    out = place.folder / "updates"
    manifest = place.folder / "manifest.json"
    arguments = ("--problem", place.folder, "--manifest", manifest, "--out", out)
    assert lab.job("dry_run", *arguments) == {}
    assert len(list(out.glob("update-*.safetensors"))) == 3


def test_a_model_is_scored_and_trained_on_a_holders_data(place: Place, lab: KerasLab) -> None:
    out = place.folder / "out.json"
    common = ("--problem", place.folder, "--data", place.data, "--out", out)
    assert lab.job("score", *common) == {}
    before = json.loads(out.read_text())
    assert scored_on_upload(place, lab) == before
    assert lab.job("train", *common, "--epochs", "6", "--test", place.data) == {}
    after = json.loads(out.read_text())["together"]
    assert after["metrics"]["loss"] < before["metrics"]["loss"]
    assert 0 < after["examples"] < before["examples"]


def scored_on_upload(place: Place, lab: KerasLab) -> Any:
    """Score on the same examples as a setter uploads them: a table, arrays, or a zip."""
    (upload,) = list(place.data.glob("*.csv")) + list(place.data.glob("*.npz")) or [
        Path(shutil.make_archive(str(place.folder / "upload"), "zip", place.data))
    ]
    out = place.folder / "upload.json"
    common = ("--problem", place.folder, "--data", upload, "--out", out)
    assert lab.job("score", *common) == {}
    assert not list(place.folder.glob("zip.*"))
    return json.loads(out.read_text())


def update_of(place: Place, **settings: str) -> tuple[dict[str, Any], Any]:
    """Train once in a real worker; returns what was loaded and the update."""
    with WarmWorker(environment(**settings)) as worker:
        loaded = worker.load(**place.load)
        assert loaded.kind == "loaded", loaded
        records = task_records(read_weights(place.model))
        frame = worker.task("train", records, server_round=1)
        assert frame.kind == "result", frame
        evaluated = worker.task("evaluate", records, server_round=1)
        assert evaluated.kind == "result", evaluated
        both = (frame.records(), evaluated.records().metrics)
        return loaded.fields, both


def test_what_is_read_from_disk_trains_to_the_same_update_to_the_bit(place: Place) -> None:
    loaded, (update, evaluated) = update_of(place)
    assert loaded["train_examples"] > loaded["holdout_examples"] > 0

    again, (from_disk, evaluated_from_disk) = update_of(place, FEDOTA_WORKER_EXAMPLES_MB="0")

    assert again == loaded
    assert evaluated_from_disk == evaluated
    assert from_disk.metrics == update.metrics
    mine, theirs = update.arrays["arrays"], from_disk.arrays["arrays"]
    assert {n: bytes(a.data) for n, a in mine.items()} == {
        n: bytes(a.data) for n, a in theirs.items()
    }
    assert not list(place.folder.glob("tmp*"))


def test_one_file_is_as_good_as_its_folder(lab: KerasLab, tmp_path: Path) -> None:
    place = mixed(tmp_path, lab)
    with WarmWorker(environment()) as worker:
        loaded = worker.load(**place.load)
        assert loaded.kind == "loaded"
    with WarmWorker(environment()) as worker:
        alone = worker.load(**place.load | {"data_dir": str(place.data / "a.csv")})
    assert alone.fields == loaded.fields


def test_pictures_that_vanish_while_they_are_used_are_told(lab: KerasLab, tmp_path: Path) -> None:
    place = example("digits", "office-east", tmp_path, lab)
    with WarmWorker(environment(FEDOTA_WORKER_EXAMPLES_MB="0")) as worker:
        assert worker.load(**place.load).kind == "loaded"
        shutil.rmtree(place.data / "9")
        frame = worker.task("train", task_records(read_weights(place.model)), server_round=1)
    assert frame.kind == "failed"
    assert frame.fields["code"] == "data"
    assert "An example cannot be used: 9/" in frame.fields["reason"]
