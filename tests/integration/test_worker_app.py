"""The real worker with a Flower app of its own message types and mods, and without Keras."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support.programs import environment
from support.warm_worker import NODE_ID, WarmWorker, task_records

from fedota_proto.npy import npy_view
from fedota_proto.records import Records

PROJECT = """
[project]
name = "quiet-app"
version = "1.0.0"
[tool.flwr.app.components]
serverapp = "quiet_app:server"
clientapp = "quiet_app:app"
[tool.flwr.app.config]
step = 2.0
"""
APP = """
import os, sys
from flwr.app import ArrayRecord, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

def count(message, context, call_next):
    calls = context.state["calls"]["n"] + 1 if "calls" in context.state else 1
    context.state["calls"] = MetricRecord({"n": calls})
    reply = call_next(message, context)
    reply.content["metrics"]["calls"] = calls
    return reply

app = ClientApp(mods=[count])

@app.train()
def train(message, context):
    print("a line that is no frame")
    os.write(1, b"and another one" + bytes(1000))
    arrays = message.content["arrays"].to_numpy_ndarrays()
    moved = [array + context.run_config["step"] for array in arrays]
    metrics = MetricRecord({"num-examples": 1, "partition": context.node_config["partition-id"]})
    return Message(RecordDict({"arrays": ArrayRecord(moved), "metrics": metrics}), reply_to=message)

@app.query()
def query(message, context):
    loaded = sum(name in sys.modules for name in ("keras", "tensorflow"))
    said = len(sys.stdin.read())
    metrics = MetricRecord({"node": context.node_id, "keras": loaded, "stdin": said})
    return Message(RecordDict({"metrics": metrics}), reply_to=message)

@app.evaluate("never")
def never(message, context):
    raise ValueError("no such share")
"""


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WarmWorker]:
    folder = tmp_path_factory.mktemp("app")
    (folder / "pyproject.toml").write_text(PROJECT)
    (folder / "quiet_app.py").write_text(APP)
    with WarmWorker(environment()) as worker:
        loaded = worker.load(mode="app", app_dir=str(folder), node_config={"partition-id": 3})
        assert loaded.kind == "loaded", loaded
        yield worker


def test_an_app_trains_and_its_prints_disturb_nobody(worker: WarmWorker) -> None:
    records = task_records({"w": np.array([1.0, 2.0])})

    first, second = (worker.task("train", records).records() for _ in range(2))

    (array,) = second.arrays["arrays"].values()
    assert npy_view(array).tolist() == [3.0, 4.0]
    assert first.metrics["metrics"] == {"num-examples": 1, "partition": 3, "calls": 1}
    assert second.metrics["metrics"]["calls"] == 2


def test_an_app_answers_its_own_types_without_keras_and_without_our_input(
    worker: WarmWorker,
) -> None:
    answered = worker.task("query", Records()).records().metrics["metrics"]

    assert {key: answered[key] for key in ("node", "keras", "stdin")} == {
        "node": NODE_ID,
        "keras": 0,
        "stdin": 0,
    }


def test_an_app_that_raises_fails_its_task_alone(worker: WarmWorker) -> None:
    failed = worker.task("evaluate.never", Records())

    assert (failed.kind, failed.fields["code"]) == ("failed", "app-raised")
    assert failed.fields["reason"] == "<class 'ValueError'>:<'no such share'>"
    assert worker.task("query", Records()).kind == "result"


def test_a_folder_that_is_no_app_is_refused(tmp_path: Path) -> None:
    with WarmWorker(environment()) as worker:
        answer = worker.load(mode="app", app_dir=str(tmp_path))

        assert (answer.kind, answer.fields["code"]) == ("error", "folder")
        assert "is no Flower app" in answer.fields["public_message"]
