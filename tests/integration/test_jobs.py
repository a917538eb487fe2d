"""The jobs that need Keras, in one process with Keras in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from support.keras_lab import KerasLab
from support.programs import environment

from fedota_proto.manifest import Manifest, ManifestInput
from fedota_proto.model_file import read_weights

PROBLEM = """
[problem]
title = "A line"
model = "model.keras"
[strategy]
name = "FedProx"
proximal_mu = 0.5
[rounds]
rounds = 20
goal_count = 4
minimum_reports = 3
selection_timeout_s = 10
reporting_deadline_s = 10
[training]
local_epochs = 5
batch_size = 8
[data]
minimum_examples = 10
[[data.columns]]
name = "a"
type = "number"
minimum = -1
maximum = 1
[[data.columns]]
name = "b"
type = "number"
minimum = -1
maximum = 1
[[data.columns]]
name = "y"
type = "number"
minimum = -10
maximum = 10
target = true
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[KerasLab]:
    with KerasLab(environment()) as lab:
        yield lab


@pytest.fixture(scope="module")
def folder(lab: KerasLab, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A problem's folder, its model inspected, and two holders' tables of y = 3a - 2b + 1."""
    folder = tmp_path_factory.mktemp("problem")
    (folder / "problem.toml").write_text(PROBLEM)
    lab.make("line", folder / "model.keras")
    assert lab.job("inspect", "--model", folder / "model.keras", "--out", folder) == {}
    random = np.random.default_rng(0)
    for name in ("one", "two"):
        rows = [(a, b, 3 * a - 2 * b + 1) for a, b in random.uniform(-1, 1, size=(30, 2)).round(3)]
        table = "\n".join(["a,b,y", *(f"{a},{b},{y:.3f}" for a, b, y in rows)])
        (folder / f"{name}.csv").write_text(table + "\n")
    return folder


def made(lab: KerasLab, folder: Path, name: str) -> tuple[Path, dict[str, Any]]:
    model = lab.make(name, folder / f"{name}.keras")
    return model, lab.job("inspect", "--model", model, "--out", folder / name)


def test_inspect_writes_the_manifest_and_the_files_own_weights(folder: Path) -> None:
    manifest = Manifest.from_json((folder / "manifest.json").read_text())
    initial = load_file(folder / "initial.safetensors")
    stored = read_weights(folder / "model.keras")

    assert [(a.name, a.dtype, a.shape, a.trainable) for a in manifest.arrays] == [
        ("layers/dense/vars/0", "float32", (2, 1), True),
        ("layers/dense/vars/1", "float32", (1,), True),
    ]
    assert (manifest.loss, manifest.metrics) == ("mse", ("loss",))
    assert manifest.optimizer["name"] == "SGD"
    assert manifest.optimizer["learning_rate"] == pytest.approx(0.1)
    assert [one.shape for one in manifest.inputs] == [(2,)]
    assert json.loads((folder / "layers.json").read_text())["layers"] == [
        {"name": "dense", "type": "Dense", "shape": "(batch, 1)", "parameters": 3}
    ]
    assert initial.keys() == stored.keys()
    assert all(np.array_equal(initial[name], stored[name]) for name in stored)


@pytest.mark.parametrize("name", ["line", "restless", "named", "nested"])
def test_every_variable_has_the_name_under_which_keras_saves_it(
    lab: KerasLab, tmp_path: Path, name: str
) -> None:
    model = lab.make(name, tmp_path / "model.keras")

    walked = lab.ask(walk=str(model))

    assert walked["same"] == walked["stored"] != []


def test_inputs_are_named_and_frozen_layers_not_trainable(lab: KerasLab, tmp_path: Path) -> None:
    _, answer = made(lab, tmp_path, "named")
    assert answer == {}
    manifest = Manifest.from_json((tmp_path / "named" / "manifest.json").read_text())
    assert set(manifest.inputs) == {
        ManifestInput("age", "float32", (1,)),
        ManifestInput("place", "int32", ()),
    }

    _, answer = made(lab, tmp_path, "nested")
    assert answer == {}
    manifest = Manifest.from_json((tmp_path / "nested" / "manifest.json").read_text())
    still = {array.name: array.shape for array in manifest.arrays if not array.trainable}
    assert sorted(still.values()) == [(2,), (3, 2)]


def test_a_model_that_cannot_be_trained_is_refused_with_what_to_change(
    lab: KerasLab, tmp_path: Path
) -> None:
    _, frozen = made(lab, tmp_path, "frozen")
    assert frozen["error"][0] == "model-file"
    assert "has nothing to train" in frozen["error"][1]

    _, mismatched = made(lab, tmp_path, "mismatched")
    assert mismatched["error"][0] == "model-file"
    assert "Loss and metrics cannot be computed" in mismatched["error"][1]
    assert not (tmp_path / "mismatched").exists()


def test_a_dry_run_makes_as_many_updates_as_a_round_needs(
    lab: KerasLab, folder: Path, tmp_path: Path
) -> None:
    arguments = ("--problem", folder, "--manifest", folder / "manifest.json")
    assert lab.job("dry_run", *arguments, "--out", tmp_path / "first") == {}
    assert lab.job("dry_run", *arguments, "--out", tmp_path / "again") == {}

    names = {path.name for path in (tmp_path / "first").iterdir()}
    assert names == {f"update-{k}.{end}" for k in (1, 2, 3) for end in ("json", "safetensors")}
    updates = [load_file(tmp_path / "first" / f"update-{k}.safetensors") for k in (1, 2, 3)]
    initial = load_file(folder / "initial.safetensors")
    for k, update in enumerate(updates, 1):
        metrics = json.loads((tmp_path / "first" / f"update-{k}.json").read_text())
        assert metrics.keys() == {"num-examples", "loss"}
        assert 40 < metrics["num-examples"] < 64
        assert {n: (a.dtype, a.shape) for n, a in update.items()} == {
            n: (a.dtype, a.shape) for n, a in initial.items()
        }
        assert not np.array_equal(update["layers/dense/vars/0"], initial["layers/dense/vars/0"])
        file = f"update-{k}.safetensors"
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "again" / file).read_bytes()
    first, second = (update["layers/dense/vars/0"] for update in updates[:2])
    assert not np.array_equal(first, second)


def test_a_dry_run_tells_that_model_and_format_do_not_go_together(
    lab: KerasLab, folder: Path, tmp_path: Path
) -> None:
    text = PROBLEM.replace('name = "b"', 'name = "c"').replace("[[data.columns]]", "[[D]]", 1)
    text = text.replace("[[D]]", '[[data.columns]]\nname = "b"\ntype = "number"\n[[data.columns]]')
    (tmp_path / "problem.toml").write_text(text)
    (tmp_path / "model.keras").write_bytes((folder / "model.keras").read_bytes())

    answer = lab.job(
        "dry_run", "--problem", tmp_path, "--manifest", folder / "manifest.json", "--out", tmp_path
    )

    assert answer["error"][0] == "model-file"
    assert "takes 2 numbers, but [data] declares 3 columns" in answer["error"][1]


def test_score_takes_the_weights_of_a_file_and_the_rows_of_many(
    lab: KerasLab, folder: Path, tmp_path: Path
) -> None:
    right = {
        "layers/dense/vars/0": np.array([[3], [-2]], np.float32),
        "layers/dense/vars/1": np.array([1], np.float32),
        "strategy/m": np.zeros(3, np.float32),
    }
    save_file(right, tmp_path / "right.safetensors")
    data = ("--data", folder / "one.csv", "--data", folder / "two.csv")
    scores = []
    for arguments in (("--arrays", tmp_path / "right.safetensors", *data), data, ()):
        out = tmp_path / "score.json"
        assert lab.job("score", "--problem", folder, *arguments, "--out", out) == {}
        scores.append(json.loads(out.read_text()))

    assert [score["examples"] for score in scores] == [60, 60, 256]
    assert scores[0]["metrics"]["loss"] < 1e-6
    assert scores[1]["metrics"]["loss"] > 1

    del right["layers/dense/vars/1"]
    save_file(right, tmp_path / "less.safetensors")
    answer = lab.job(
        "score", "--problem", folder, "--arrays", tmp_path / "less.safetensors", "--out", tmp_path
    )
    assert answer["error"][0] == "folder"
    assert "lacks the array layers/dense/vars/1" in answer["error"][1]


def test_train_compares_all_data_together_with_each_holder_alone(
    lab: KerasLab, folder: Path, tmp_path: Path
) -> None:
    out, model = tmp_path / "train.json", tmp_path / "trained.keras"
    one, two = folder / "one.csv", folder / "two.csv"

    assert (
        lab.job(
            *("train", "--problem", folder, "--data", one, "--data", two, "--each"),
            *("--test", two, "--out", out, "--model-out", model),
        )
        == {}
    )

    results = json.loads(out.read_text())
    together, each = results["together"], results["each"]
    assert each.keys() == {str(one), str(two)}
    assert together["examples"] == sum(part["examples"] for part in each.values()) < 60
    assert together["epochs"] == each[str(one)]["epochs"] == 100
    assert together["metrics"]["loss"] < 1e-4
    weights = read_weights(model)
    np.testing.assert_allclose(weights["layers/dense/vars/0"], [[3], [-2]], atol=0.01)


def test_what_tensorflow_says_of_a_batch_does_not_leave_the_machine(lab: KerasLab) -> None:
    said = lab.ask(quote="Received a label value of 7. Label values: 1 0 7 2")

    assert said["reason"] == (
        "TensorFlow cannot compute this model on this data (InvalidArgumentError); the log on the "
        "holder's machine says why."
    )


def test_a_wrong_command_line_is_refused(lab: KerasLab, folder: Path) -> None:
    assert lab.job("inspect", "--model", folder / "model.keras") == {"exit": 2}
    arguments = ("--problem", folder, "--data", folder, "--out", folder / "x", "--epochs", "0")
    assert lab.job("train", *arguments) == {"exit": 2}
