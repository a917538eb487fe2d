"""What leaves a real worker under noise and with metrics kept back."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support.keras_lab import KerasLab
from support.programs import environment
from support.warm_worker import WarmWorker, task_records

from fedota_proto.manifest import Manifest
from fedota_proto.model_file import read_weights
from fedota_proto.npy import npy_view

COLUMN = '[[data.columns]]\nname = "{name}"\ntype = "number"\n'
PROBLEM = """
[problem]
title = "A problem"
model = "model.keras"
[rounds]
rounds = 3
goal_count = 3
reporting_deadline_s = 10
[training]
batch_size = 16
[strategy]
name = "FedAvg"
[data]
minimum_examples = 10
{numbers}
[[data.columns]]
name = "kind"
type = "category"
allowed = ["x", "y", "z"]
target = true
""".format(numbers="".join(COLUMN.format(name=name) for name in "abc"))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A problem whose model has batch statistics, and 240 examples."""
    folder = tmp_path_factory.mktemp("private")
    with KerasLab(environment()) as lab:
        model = lab.make("restless", folder / "model.keras")
        assert lab.job("inspect", "--model", model, "--out", folder) == {}
    random = np.random.default_rng(3)
    rows = ["a,b,c,kind"]
    for number in range(240):
        a, b, c = random.normal(size=3)
        rows.append(f"{a:.4f},{b:.4f},{c:.4f},{'xyz'[number % 3]}")
    (folder / "tables").mkdir()
    (folder / "tables" / "a.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture(scope="module")
def worker(place: Path) -> Iterator[WarmWorker]:
    with WarmWorker(environment()) as worker:
        loaded = worker.load(
            mode="keras",
            model_path=str(place / "model.keras"),
            manifest_path=str(place / "manifest.json"),
            problem_toml=PROBLEM,
            data_dir=str(place / "tables"),
            share_metrics="coarse",
            noise={
                "clipping_norm": 0.01,
                "noise_multiplier": 2.0,
                "delta": 1e-5,
                "epsilon_max": 0.0,
                "ledger": str(place / "privacy.jsonl"),
            },
        )
        assert loaded.kind == "loaded", loaded
        yield worker


def test_the_change_that_leaves_is_noise_of_the_declared_size(
    worker: WarmWorker, place: Path
) -> None:
    initial = read_weights(place / "model.keras")
    frame = worker.task("train", task_records(initial))
    sent = {name: npy_view(one) for name, one in frame.records().arrays["arrays"].items()}
    manifest = Manifest.from_json((place / "manifest.json").read_text())
    changes = [sent[name] - initial[name] for name in manifest.trainable_names]
    norm = math.sqrt(sum(float(np.square(change).sum()) for change in changes))
    size = sum(change.size for change in changes)
    # At most the clipped change beside noise of 2 · 0.01 an element.
    assert abs(norm - 0.02 * math.sqrt(size)) < 0.01 + 3 * 0.02
    for spec in manifest.arrays:
        if not spec.trainable:
            np.testing.assert_array_equal(sent[spec.name], initial[spec.name])


def test_the_cost_is_told_aside_and_adds_up(worker: WarmWorker, place: Path) -> None:
    records = task_records(read_weights(place / "model.keras"))
    first = worker.task("train", records).fields["privacy"]
    second = worker.task("train", records).fields["privacy"]
    assert second["updates"] == first["updates"] + 1
    assert second["epsilon_total"] > first["epsilon_total"] > 0
    lines = (place / "privacy.jsonl").read_text().splitlines()
    assert len(lines) == second["updates"]
    assert json.loads(lines[0]) == {"noise_multiplier": 2.0}
    assert "privacy" not in worker.task("evaluate", records).fields


def test_a_repeated_round_is_another_release(worker: WarmWorker, place: Path) -> None:
    records = task_records(read_weights(place / "model.keras"))
    first = worker.task("train", records, attempt=1)
    again = worker.task("train", records, attempt=2)
    assert first.fields["update_sha256"] != again.fields["update_sha256"]


def test_weight_and_metrics_are_coarse(worker: WarmWorker, place: Path) -> None:
    records = task_records(read_weights(place / "model.keras"))
    for message_type in ("train", "evaluate"):
        metrics = dict(worker.task(message_type, records).records().metrics["metrics"])
        weight = metrics.pop("num-examples")
        assert isinstance(weight, int)
        assert weight < 100 or weight % 10 == 0
        assert set(metrics) == {"loss", "accuracy"}
        assert all(
            isinstance(value, float) and round(value, 2) == value for value in metrics.values()
        )
