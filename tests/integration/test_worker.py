"""The real worker with real Keras: what an update holds, and that it is always the same."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support.keras_lab import KerasLab
from support.programs import environment
from support.warm_worker import WarmWorker, task_records

from fedota_client.data.reading import read_examples
from fedota_client.examples import Examples
from fedota_client.holdout import holdout_mask
from fedota_client.worker_protocol import Frame
from fedota_proto.data_format import TableFormat
from fedota_proto.manifest import Manifest
from fedota_proto.model_file import read_weights
from fedota_proto.npy import npy_view
from fedota_proto.problem import parse_problem
from fedota_proto.records import Records

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
local_epochs = 2
batch_size = {batch_size}
seed = 5
[strategy]
{strategy}
[data]
minimum_examples = 10
"""
COLUMN = '[[data.columns]]\nname = "{name}"\ntype = "number"\n'
RESTLESS = (
    RULES.format(batch_size=8, strategy='name = "QFedAvg"\nclient_learning_rate = 0.01')
    + "".join(COLUMN.format(name=name) for name in "abc")
    + COLUMN.format(name="kind").replace("number", "category")
    + 'allowed = ["x", "y", "z"]\ntarget = true\n'
)
LINE = (
    RULES.format(batch_size=64, strategy='name = "FedProx"\nproximal_mu = 0.5')
    + "".join(COLUMN.format(name=name) for name in "ab")
    + COLUMN.format(name="y")
    + "target = true\n"
)


class Place:
    """A problem's folder with its model and manifest, and a holder's table."""

    def __init__(self, folder: Path, lab: KerasLab, model: str, problem_toml: str) -> None:
        self._folder = folder
        (folder / "problem.toml").write_text(problem_toml)
        self.problem = parse_problem(problem_toml)
        self.model = lab.make(model, folder / "model.keras")
        assert lab.job("inspect", "--model", self.model, "--out", folder) == {}
        self.manifest = Manifest.from_json((folder / "manifest.json").read_text())
        self.initial = read_weights(self.model)
        self.tables = folder / "tables"
        self.tables.mkdir()
        random = np.random.default_rng(1)
        assert isinstance(self.problem.data, TableFormat)
        columns = [column.name for column in self.problem.data.columns]
        kinds = self.problem.data.target.allowed
        self._rows = [",".join(columns)]
        for number in range(60):
            cells = [f"{value:.3f}" for value in random.normal(size=len(columns))]
            target = str(kinds[number % 3]) if kinds else cells[-1]
            self._rows.append(",".join([*cells[:-1], target]))
        (self.tables / "a.csv").write_text("\n".join(self._rows) + "\n")
        self.load = {
            "mode": "keras",
            "model_path": str(self.model),
            "manifest_path": str(folder / "manifest.json"),
            "problem_toml": problem_toml,
            "data_dir": str(self.tables),
        }

    def examples(self, *, held_out: bool) -> Examples:
        """The holder's examples on one side."""
        return read_examples(self.tables, self.problem.data).take(self._side(held_out))

    def scored(self, lab: KerasLab, *, held_out: bool) -> dict[str, float]:
        """Loss and metrics of the problem's model on one side, by the score job."""
        rows = [
            row for row, chosen in zip(self._rows[1:], self._side(held_out), strict=True) if chosen
        ]
        table, result = self._folder / "side.csv", self._folder / "side.json"
        table.write_text("\n".join([self._rows[0], *rows]) + "\n")
        assert lab.job("score", "--problem", self._folder, "--data", table, "--out", result) == {}
        metrics: dict[str, float] = json.loads(result.read_text())["metrics"]
        return metrics

    def _side(self, held_out: bool) -> np.ndarray:
        examples = read_examples(self.tables, self.problem.data)
        mask = holdout_mask(examples, self.problem.training.holdout_fraction)
        return mask if held_out else ~mask


@pytest.fixture(scope="module")
def lab() -> Iterator[KerasLab]:
    with KerasLab(environment()) as lab:
        yield lab


@pytest.fixture(scope="module")
def place(lab: KerasLab, tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("restless"), lab, "restless", RESTLESS)


@pytest.fixture(scope="module")
def worker(place: Place) -> Iterator[WarmWorker]:
    with WarmWorker(environment()) as worker:
        loaded = worker.load(**place.load)
        assert loaded.kind == "loaded", loaded
        assert loaded.fields["examples"] == 60
        assert loaded.fields["train_examples"] == len(place.examples(held_out=False))
        assert loaded.fields["holdout_examples"] == len(place.examples(held_out=True)) > 0
        yield worker


@pytest.fixture(scope="module")
def place_of_line(lab: KerasLab, tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("line"), lab, "line", LINE)


@pytest.fixture(scope="module")
def line(place_of_line: Place) -> Iterator[WarmWorker]:
    with WarmWorker(environment()) as worker:
        assert worker.load(**place_of_line.load).kind == "loaded"
        yield worker


def arrays_of(frame: Frame) -> dict[str, np.ndarray]:
    assert frame.kind == "result", frame
    return {name: npy_view(array) for name, array in frame.records().arrays["arrays"].items()}


def test_an_update_holds_all_arrays_in_the_manifests_order_and_the_declared_metrics(
    worker: WarmWorker, place: Place
) -> None:
    update = worker.task("train", task_records(place.initial)).records()

    assert update.order == ["arrays", "metrics"]
    assert tuple(update.arrays["arrays"]) == place.manifest.names
    for spec in place.manifest.arrays:
        array = update.arrays["arrays"][spec.name]
        assert (array.dtype, array.shape) == (spec.dtype, spec.shape)
    # F1 is a number for each class and therefore no metric of the manifest.
    assert place.manifest.metrics == ("loss", "accuracy")
    assert set(update.metrics["metrics"]) == {"num-examples", "loss", "accuracy"}
    assert update.metrics["metrics"]["num-examples"] == len(place.examples(held_out=False))


def test_statistics_of_batches_travel_and_those_of_normalization_stay(
    worker: WarmWorker, place: Place
) -> None:
    trained = arrays_of(worker.task("train", task_records(place.initial)))
    trainable = {spec.name: spec.trainable for spec in place.manifest.arrays}
    changed = {n for n in trained if not np.array_equal(trained[n], place.initial[n])}

    assert {name for name in trained if not trainable[name]} == {
        "layers/normalization/vars/0",
        "layers/normalization/vars/1",
        "layers/batch_normalization/vars/2",
        "layers/batch_normalization/vars/3",
    }
    assert changed == set(trained) - {"layers/normalization/vars/0", "layers/normalization/vars/1"}


def test_the_same_task_brings_the_same_bytes_whatever_was_done_between(
    worker: WarmWorker, place: Place
) -> None:
    records = task_records(place.initial)
    first = worker.task("train", records, server_round=4, attempt=1)
    other = worker.task("train", records, server_round=5)
    worker.task("train", task_records(place.initial, **{"proximal-mu": 2.0}), server_round=6)
    worker.task("evaluate", records, server_round=5)
    again = worker.task("train", records, server_round=4, attempt=2)

    assert again.fields["update_sha256"] == first.fields["update_sha256"]
    assert other.fields["update_sha256"] != first.fields["update_sha256"]


def test_evaluation_sees_the_held_out_examples_alone_and_training_the_others(
    worker: WarmWorker, place: Place, lab: KerasLab
) -> None:
    records = task_records(place.initial)

    evaluated = worker.task("evaluate", records).records()
    trained = worker.task("train", records).records()

    assert evaluated.arrays == {}
    assert evaluated.metrics["metrics"] == {
        "num-examples": len(place.examples(held_out=True)),
        **place.scored(lab, held_out=True),
    }
    # What QFedAvg weighs by is the loss of the model as it was received, before any training.
    received = place.scored(lab, held_out=False)
    assert trained.metrics["metrics"]["loss"] == pytest.approx(received["loss"], rel=1e-6)
    assert trained.metrics["metrics"]["accuracy"] != received["accuracy"]


def test_the_worker_goes_on_after_tasks_that_bring_nothing(
    worker: WarmWorker, place: Place
) -> None:
    name = place.manifest.names[0]
    wrong = task_records({**place.initial, name: np.zeros((1, 2), np.float32)})
    lacking = task_records({n: a for n, a in place.initial.items() if n != name})

    failures = [
        worker.task("train", wrong),
        worker.task("train", lacking),
        worker.task("evaluate", Records()),
        worker.task("query", task_records(place.initial)),
        worker.task("train", task_records(place.initial), cancel=True),
        worker.task(
            "train", task_records({n: np.full_like(a, np.nan) for n, a in place.initial.items()})
        ),
    ]

    assert [failure.kind for failure in failures] == ["failed"] * 6
    assert [failure.fields["code"] for failure in failures] == [
        "arrays",
        "arrays",
        "arrays",
        "message-type",
        "cancelled",
        "diverged",
    ]
    assert failures[0].fields["reason"] == (
        f"The received {name} is float32 (1, 2), the model's is float32 (3,)."
    )
    assert worker.task("train", task_records(place.initial)).kind == "result"


@pytest.mark.parametrize("mu", [0.0, 0.5])
def test_fedprox_pulls_towards_the_model_as_received(
    line: WarmWorker, place_of_line: Place, mu: float
) -> None:
    """Two steps of gradient descent on F(w) + μ/2 ‖w − w₀‖², done by hand."""
    examples = place_of_line.examples(held_out=False)
    x, y = (np.asarray(field.values, dtype=float) for field in examples.fields)
    rate = 0.1
    start = weights, bias = np.array([[2.0], [-1.0]]), np.array([0.5])
    for _ in range(2):
        slope = 2 * (x @ weights + bias - y) / len(y)
        weights = weights - rate * (x.T @ slope + mu * (weights - start[0]))
        bias = bias - rate * (slope.sum(axis=0) + mu * (bias - start[1]))
    names = ("layers/dense/vars/0", "layers/dense/vars/1")
    sent = {n: a.astype(np.float32) for n, a in zip(names, start, strict=True)}

    trained = arrays_of(line.task("train", task_records(sent, **{"proximal-mu": mu})))

    np.testing.assert_allclose(trained[names[0]], weights, rtol=1e-5)
    np.testing.assert_allclose(trained[names[1]], bias, rtol=1e-5)


def test_the_worker_ends_when_it_is_told_and_when_its_client_is_gone(tmp_path: Path) -> None:
    with WarmWorker(environment()) as told, WarmWorker(environment()) as left:
        told.send("stop")
        left.leave()

        assert told.process.wait(timeout=30) == 0
        assert left.process.wait(timeout=30) == 0


def test_data_and_model_are_refused_before_keras_is_imported(place: Place, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b,c,kind\n1,2,three,x\n")
    (tmp_path / "old.keras").write_bytes(b"\x89HDF\r\n\x1a\n")
    for change, code, said in (
        ({"data_dir": str(tmp_path)}, "data", "a.csv, row 2, column 'c': found 'three'"),
        ({"model_path": str(tmp_path / "old.keras")}, "model-file", "old.keras"),
        ({"manifest_path": str(tmp_path / "none.json")}, "folder", "none.json"),
        ({"problem_toml": "[problem]"}, "problem-file", "title"),
    ):
        imports = tmp_path / "imports"
        with (
            imports.open("wb") as stderr,
            WarmWorker(environment(PYTHONPROFILEIMPORTTIME="1"), stderr=stderr) as worker,
        ):
            answer = worker.load(**{**place.load, **change})

            assert answer.kind == "error"
            assert answer.fields["code"] == code
            assert said in answer.fields["public_message"]
            assert worker.process.wait(timeout=30) == 1
        assert re.search(r"\| +fedota_client.worker.main\n", imports.read_text())
        assert not re.search(r"\| +(keras|tensorflow)\n", imports.read_text())
