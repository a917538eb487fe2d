"""The middle of a dry run: files in, one round's aggregation, files out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flwr.supercore.task_identity import TaskIdentity
from safetensors.numpy import load_file, save_file
from support.problems import SEVEN_REPORTS_TOML

from fedota_proto.errors import InternalError, StrategyError
from fedota_proto.manifest import Manifest, ManifestArray
from fedota_server.coordinator import aggregate_job
from fedota_server.coordinator.aggregate_job import FixedCohort, main

MANIFEST = Manifest(
    arrays=(
        ManifestArray("layers/b/vars/0", "float32", (2, 2)),
        ManifestArray("layers/a/vars/0", "float32", ()),
        ManifestArray("layers/a/vars/1", "float64", (3,), trainable=False),
    ),
    loss="mse",
    metrics=("loss", "accuracy"),
)
STRATEGIES = {
    "FedAvg": 'name = "FedAvg"',
    "FedProx": 'name = "FedProx"\nproximal_mu = 0.1',
    "FedAvgM": 'name = "FedAvgM"\nserver_momentum = 0.5',
    "FedAdam": 'name = "FedAdam"',
    "FedAdagrad": 'name = "FedAdagrad"',
    "FedYogi": 'name = "FedYogi"',
    "QFedAvg": 'name = "QFedAvg"\nclient_learning_rate = 0.1',
    "FedMedian": 'name = "FedMedian"',
    "FedTrimmedAvg": 'name = "FedTrimmedAvg"',
    "Krum": 'name = "Krum"\nnum_malicious_nodes = 1',
    "MultiKrum": 'name = "MultiKrum"\nnum_malicious_nodes = 1',
    "Bulyan": 'name = "Bulyan"\nnum_malicious_nodes = 1',
}


class Rehearsal:
    """A problem's folder with the files of seven updates."""

    def __init__(self, folder: Path, strategy: str = "FedAvg") -> None:
        self.folder, self.updates, self.out = folder, folder / "updates", folder / "out"
        self.updates.mkdir()
        (folder / "model.keras").write_bytes(b"not opened")
        (folder / "problem.toml").write_text(
            SEVEN_REPORTS_TOML.format(strategy=STRATEGIES[strategy])
        )
        (folder / "manifest.json").write_text(MANIFEST.to_json())
        save_file(self.model(0), folder / "initial.safetensors")
        for number in range(1, 8):
            self.write(number, self.model(number), {"num-examples": 10 * number, "loss": 0.5})

    def model(self, seed: int) -> dict[str, Any]:
        rng = np.random.default_rng(seed)
        return {
            a.name: np.asarray(rng.normal(size=a.shape), dtype=a.dtype) for a in MANIFEST.arrays
        }

    def write(self, number: int, arrays: dict[str, Any], metrics: dict[str, Any]) -> None:
        save_file(arrays, self.updates / f"update-{number}.safetensors")
        (self.updates / f"update-{number}.json").write_text(json.dumps(metrics))

    def run(self, *more: str) -> int:
        return main(
            [
                *("--problem", str(self.folder)),
                *("--manifest", str(self.folder / "manifest.json")),
                *("--updates", str(self.updates)),
                *("--out", str(self.out)),
                *more,
            ]
        )

    def aggregated(self) -> dict[str, Any]:
        return load_file(self.out / "aggregated.safetensors")

    def result(self) -> Any:
        return json.loads((self.out / "result.json").read_text())


@pytest.fixture(autouse=True)
def _task_identity() -> Iterator[None]:
    before = (TaskIdentity._task_id, TaskIdentity._run_id, TaskIdentity._node_id)
    yield
    TaskIdentity._task_id, TaskIdentity._run_id, TaskIdentity._node_id = before


@pytest.fixture
def rehearsal(tmp_path: Path) -> Rehearsal:
    return Rehearsal(tmp_path)


def said(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()[-1:]
    assert "Traceback" not in captured.err
    return line


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_makes_the_next_model(tmp_path: Path, strategy: str) -> None:
    rehearsal = Rehearsal(tmp_path, strategy)

    assert rehearsal.run() == 0

    found = rehearsal.aggregated()
    assert {n: (a.dtype.name, a.shape) for n, a in found.items()} == {
        a.name: (a.dtype, a.shape) for a in MANIFEST.arrays
    }
    assert all(np.isfinite(a).all() for a in found.values())
    assert any(np.any(found[name] != array) for name, array in rehearsal.model(0).items())
    result = rehearsal.result()
    assert (result["strategy"], result["reports"], result["weight"]) == (strategy, 7, 280.0)


def test_the_mean_is_weighted_by_examples(rehearsal: Rehearsal) -> None:
    assert rehearsal.run() == 0

    for array in MANIFEST.arrays:
        mean = sum(rehearsal.model(n)[array.name].astype(float) * n for n in range(1, 8)) / 28
        np.testing.assert_allclose(rehearsal.aggregated()[array.name], mean, rtol=1e-6, atol=1e-6)


def test_updates_count_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    """Krum takes the first of several that are equally near."""
    rehearsal = Rehearsal(tmp_path, "Krum")
    same = rehearsal.model(1)
    for number in (2, 9, 10, 11):
        rehearsal.write(number, same, {"num-examples": 1, "accuracy": number / 100})

    names = [name for name, _ in aggregate_job.read_updates(rehearsal.updates)]

    assert names == [f"update-{n}" for n in (1, 2, 3, 4, 5, 6, 7, 9, 10, 11)]


def test_metrics_are_averaged_over_those_who_sent_them(rehearsal: Rehearsal) -> None:
    metrics = {"num-examples": 30, "loss": 2.0, "accuracy": 0.9}
    rehearsal.write(3, rehearsal.model(3), metrics)

    assert rehearsal.run() == 0

    found = rehearsal.result()["metrics"]
    assert found == pytest.approx({"loss": (0.5 * 250 + 2.0 * 30) / 280, "accuracy": 0.9})


def test_other_initial_arrays_can_be_named(tmp_path: Path) -> None:
    rehearsal = Rehearsal(tmp_path, "FedAdam")
    rehearsal.run()
    from_beside = rehearsal.aggregated()
    (tmp_path / "initial.safetensors").rename(tmp_path / "elsewhere")

    assert rehearsal.run("--initial", str(tmp_path / "elsewhere")) == 0
    assert rehearsal.aggregated().keys() == from_beside.keys()
    for name, array in rehearsal.aggregated().items():
        np.testing.assert_array_equal(array, from_beside[name])
    assert rehearsal.run() == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"layers/b/vars/0": np.full((2, 2), np.nan, np.float32)}, "finite numbers"),
        ({"layers/b/vars/0": np.zeros((1, 2), np.float32)}, "shape"),
        ({"layers/b/vars/0": np.zeros((2, 2), np.float64)}, "float32"),
        ({"layers/c/vars/0": np.zeros(2, np.float32)}, "not in the model"),
    ],
)
def test_a_refused_update_is_named(
    rehearsal: Rehearsal, change: dict[str, Any], code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rehearsal.write(4, {**rehearsal.model(4), **change}, {"num-examples": 1})

    assert rehearsal.run() == 1

    line = said(capsys)
    assert line.startswith("update-4: ")
    assert code in line
    assert not rehearsal.out.exists()


@pytest.mark.parametrize(
    ("metrics", "what"),
    [
        ({"loss": 1.0}, "lacks its weight"),
        ({"num-examples": 0}, "above 0"),
        ({"num-examples": 2e9}, "at most 1e+09"),
        ({"num-examples": 1, "auc": 0.5}, "'auc'"),
    ],
)
def test_refused_metrics_are_named(
    rehearsal: Rehearsal,
    metrics: dict[str, Any],
    what: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rehearsal.write(2, rehearsal.model(2), metrics)

    assert rehearsal.run() == 1
    assert what in said(capsys)


def test_qfedavg_needs_the_loss(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rehearsal = Rehearsal(tmp_path, "QFedAvg")
    rehearsal.write(2, rehearsal.model(2), {"num-examples": 1})

    assert rehearsal.run() == 1
    assert "lacks the metric 'loss'" in said(capsys)


def test_a_strategy_with_too_few_updates_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rehearsal = Rehearsal(tmp_path, "Bulyan")
    (rehearsal.updates / "update-7.safetensors").unlink()

    assert rehearsal.run() == 1
    assert "Bulyan returned no model" in said(capsys)


@pytest.mark.parametrize(
    "name", ["problem.toml", "manifest.json", "initial.safetensors", "updates/update-3.json"]
)
@pytest.mark.parametrize("damage", ["gone", "damaged"])
def test_a_missing_or_damaged_file_is_one_sentence(
    rehearsal: Rehearsal, name: str, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = rehearsal.folder / name
    path.unlink() if damage == "gone" else path.write_text("\x00damaged")

    assert rehearsal.run() == 1
    assert said(capsys)


def test_no_updates_at_all_names_the_step_before(
    rehearsal: Rehearsal, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in rehearsal.updates.iterdir():
        path.unlink()

    assert rehearsal.run() == 1
    assert "dry-run" in said(capsys)


def test_a_result_that_cannot_be_written_is_said(
    rehearsal: Rehearsal, capsys: pytest.CaptureFixture[str]
) -> None:
    rehearsal.out.write_text("a file in the way")

    assert rehearsal.run() == 1
    assert "cannot be written" in said(capsys)


def test_a_wrong_command_line_exits_with_2() -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--problem", "x"])

    assert caught.value.code == 2


def test_a_cohort_sends_nothing() -> None:
    cohort = FixedCohort([1, 2])

    assert list(cohort.get_node_ids()) == [1, 2]
    with pytest.raises(InternalError):
        cohort.send_and_receive([])
    with pytest.raises(InternalError):
        cohort.push_messages([])
    with pytest.raises(InternalError):
        cohort.pull_messages([])


def test_a_failing_strategy_is_one_sentence(
    rehearsal: Rehearsal, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*args: Any) -> Any:
        raise StrategyError("FedAvg is out of order.")

    monkeypatch.setattr(aggregate_job, "build_strategy", failing)

    assert rehearsal.run() == 1
    assert said(capsys) == "FedAvg is out of order."
