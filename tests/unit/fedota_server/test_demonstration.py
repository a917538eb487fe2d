"""The demo's parts: an example found and copied, scores compared, the curve drawn."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from rich.console import Console

from fedota_proto.errors import FolderError, WorkerError
from fedota_proto.v1 import fl_records_pb2 as records_pb
from fedota_proto.v1 import fl_status_pb2 as pb
from fedota_server.demonstration import (
    Example,
    accuracy_by_round,
    accuracy_in,
    compare,
    example_folder,
    score_table,
)
from fedota_server.jobs import JobLimits, JobRunner
from fedota_server.learning_curve import save_learning_curve
from fedota_server.spawners.base import JobResult, JobSpec, LineListener, ServerSpec, Spawner
from fedota_server.status_view import RoundSeen


class WritingSpawner(Spawner):
    """Writes what a job would, without running it."""

    def __init__(self, written: Mapping[str, object]) -> None:
        self._written = written
        self.jobs: list[JobSpec] = []

    async def start(self, spec: ServerSpec) -> str:
        raise NotImplementedError

    async def poll(self, name: str, wait_s: float = 0.0) -> int | None:
        raise NotImplementedError

    async def stop(self, name: str, grace_s: float = 10.0) -> int:
        raise NotImplementedError

    async def logs(self, name: str, lines: int = 200) -> str:
        raise NotImplementedError

    async def close(self, grace_s: float = 10.0) -> None:
        raise NotImplementedError

    async def run_job(self, spec: JobSpec, on_line: LineListener | None = None) -> JobResult:
        self.jobs.append(spec)
        self._write(spec)
        return JobResult(0, "")

    def _write(self, spec: JobSpec) -> None:
        out = Path(spec.arguments[spec.arguments.index("--out") + 1])
        if spec.name in self._written:
            out.write_text(json.dumps(self._written[spec.name]))


@pytest.fixture
def example(tmp_path: Path) -> Example:
    folder = tmp_path / "example"
    for name in ("south", "north"):
        (folder / "data" / name).mkdir(parents=True)
        (folder / "data" / name / "rows.csv").write_text("a,b\n1,2\n")
    (folder / "data" / "test.csv").write_text("a,b\n1,2\n")
    (folder / "problem.toml").write_text("")
    return Example.find(folder)


def metrics(accuracy: float) -> dict[str, float]:
    return {"loss": 0.5, "accuracy": accuracy}


def test_an_example_names_its_holders(example: Example) -> None:
    assert sorted(example.holders) == ["north", "south"]


@pytest.mark.parametrize("missing", ["data/test.csv", "problem.toml"])
def test_an_example_that_lacks_something_is_none(example: Example, missing: str) -> None:
    (example.folder / missing).unlink()
    with pytest.raises(FolderError, match="is no example"):
        Example.find(example.folder)


def test_a_copy_leaves_an_earlier_run_behind(example: Example, tmp_path: Path) -> None:
    (example.folder / ".fedota").mkdir()
    copy = example.copy_to(tmp_path / "copy")
    assert copy.holders["north"] == tmp_path / "copy" / "data" / "north"
    assert not (copy.folder / ".fedota").exists()


def test_the_example_of_this_checkout_is_found() -> None:
    assert len(Example.find(example_folder()).holders) == 4


async def test_models_are_compared(example: Example, tmp_path: Path) -> None:
    written = {
        "job-score": {"examples": 9, "metrics": metrics(0.96)},
        "job-train": {
            "together": {"examples": 20, "epochs": 3, "metrics": metrics(0.97)},
            "each": {
                "/x/north": {"examples": 15, "metrics": metrics(0.8)},
                "/x/south": {"examples": 5, "metrics": metrics(0.6)},
            },
        },
    }
    spawner = WritingSpawner(written)
    jobs = JobRunner(spawner, JobLimits(1.0, 1))
    scores = await compare(example, tmp_path / "m.keras", jobs, tmp_path, trained_on=16)
    assert [(score.name, score.examples, score.accuracy) for score in scores] == [
        ("federated, no data moved", 16, 0.96),
        ("all data together", 20, 0.97),
        ("north alone", 15, 0.8),
        ("south alone", 5, 0.6),
    ]
    assert spawner.jobs[1].arguments.count("--data") == 2
    console = Console(width=100)
    with console.capture() as capture:
        console.print(score_table(scores))
    assert "0.9600" in capture.get()


async def test_a_job_that_wrote_nothing_is_told(example: Example, tmp_path: Path) -> None:
    jobs = JobRunner(WritingSpawner({}), JobLimits(1.0, 1))
    with pytest.raises(WorkerError, match="wrote no result"):
        await compare(example, tmp_path / "m.keras", jobs, tmp_path, trained_on=16)


def test_accuracy_is_found_whatever_its_kind() -> None:
    assert accuracy_in({"loss": 1.0, "binary_accuracy": 0.9}) == 0.9
    with pytest.raises(WorkerError, match="no accuracy"):
        accuracy_in({"loss": 1.0})


def test_the_curve_has_the_evaluated_rounds_that_still_count() -> None:
    def seen(server_round: int, accuracy: float | None, *, superseded: bool = False) -> RoundSeen:
        key = records_pb.RoundKey(generation=0, server_round=server_round, attempt=1)
        evaluated = None
        if accuracy is not None:
            values = [pb.NamedValue(name="accuracy", value=accuracy)]
            evaluated = pb.Evaluated(round=key, metrics=values)
        ended = pb.RoundEnded(round=key, completed=True)
        return RoundSeen((0, server_round, 1), ended, evaluated, superseded)

    rounds = [seen(1, 0.5), seen(2, None), seen(3, 0.25, superseded=True), seen(4, 0.75)]
    assert accuracy_by_round(rounds) == ([1, 4], [0.5, 0.75])


def test_the_curve_is_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "build" / "curve.png"
    curves = {"accuracy": [0.5, 0.75]}
    save_learning_curve(path, title="T", rounds=[1, 2], curves=curves, levels={"all": 0.8})
    assert path.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(FolderError, match="cannot be written"):
        save_learning_curve(
            path / "x.png", title="T", rounds=[1], curves={"accuracy": [0.5]}, levels={}
        )
