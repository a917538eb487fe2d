"""Unmodified Flower apps: what is read of their folder, and how their answers are passed on."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from flwr.app import Context, Error, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

from fedota_client.app_runner import AppRunner, import_client_app, read_project
from fedota_client.failures import TaskFailedError
from fedota_client.worker.tasks import Progress, Task
from fedota_proto.errors import FolderError
from fedota_proto.records import ArrayBytes, Records
from fedota_proto.run_config import flattened

PROJECT = """
[tool.flwr.app.components]
serverapp = "an_app.server:app"
clientapp = "an_app.client:app"
[tool.flwr.app.config]
rate = 0.5
name = "x"
[tool.flwr.app.config.data]
share = 2
"""
NO_PROGRESS = Progress(lambda: False, lambda fields: None)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """An app's folder; modules and path are as before when the test is over."""
    before, path = set(sys.modules), list(sys.path)
    importlib.invalidate_caches()
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "an_app").mkdir()
    yield tmp_path
    sys.path[:] = path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_the_project_file_names_the_app_and_its_configuration(folder: Path) -> None:
    assert read_project(folder) == (
        "an_app.client:app",
        {"rate": 0.5, "name": "x", "data.share": 2},
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "is no Flower app: its pyproject.toml cannot be read"),
        ("[tool", "is not valid TOML"),
        ("[tool.flwr.app.components]", "names no ClientApp: under [tool.flwr.app.components]"),
        ('[tool.flwr.app.components]\nclientapp = "an_app.client"', "names no ClientApp"),
        ("[tool]\nflwr = 3", "names no ClientApp"),
        (PROJECT + "days = [1, 2]", "[tool.flwr.app.config] data.days is a list; Flower takes"),
    ],
)
def test_a_folder_that_is_no_app_is_refused(tmp_path: Path, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / "pyproject.toml").write_text(text)

    with pytest.raises(FolderError) as caught:
        read_project(tmp_path)

    assert said in caught.value.public_message


def test_truth_values_stay_truth_values() -> None:
    assert flattened({"a": {"b": {"c": True}}, "d": "2"}) == {"a.b.c": True, "d": "2"}


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import no_such_module", "No module named 'no_such_module'. Install what the app depends"),
        ("1 / 0", "cannot be imported: <class 'ZeroDivisionError'>:<'division by zero'>"),
        ("apps = 1", "has no attribute 'app'"),
        ("app = 1", "is no ClientApp but a int."),
    ],
)
def test_an_app_that_cannot_be_imported_is_refused(folder: Path, code: str, said: str) -> None:
    (folder / "an_app" / "client.py").write_text(code)

    with pytest.raises(FolderError) as caught:
        import_client_app(folder, "an_app.client:app")

    assert said in caught.value.public_message


def test_an_app_is_found_in_its_folder_also_below_an_attribute(folder: Path) -> None:
    (folder / "an_app" / "client.py").write_text(
        "from flwr.clientapp import ClientApp\nclass apps:\n    mine = ClientApp()\n"
    )

    assert isinstance(import_client_app(folder, "an_app.client:apps.mine"), ClientApp)


def runner_of(app: ClientApp) -> AppRunner:
    context = Context(
        run_id=1, node_id=2, node_config={"partition-id": 3}, state=RecordDict(), run_config={}
    )
    return AppRunner(app, context)


def test_messages_of_every_type_reach_the_app_with_one_context() -> None:
    app = ClientApp()

    @app.query("count")
    def count(message: Message, context: Context) -> Message:
        if "counter" not in context.state:
            context.state["counter"] = MetricRecord({"calls": 0})
        counter = context.state.metric_records["counter"]
        counter["calls"] += 1  # type: ignore[operator]
        content = RecordDict(dict(message.content))
        content["metrics"] = MetricRecord(
            {"calls": counter["calls"], "partition": context.node_config["partition-id"]}  # type: ignore[dict-item]
        )
        return Message(content, reply_to=message)

    runner = runner_of(app)
    asked = Records(
        arrays={"weights": {"w": ArrayBytes.from_numpy(np.arange(3.0))}},
        config={"config": {"rate": 0.5, "names": ["a", "b"]}},
        order=["weights", "config"],
    )
    task = Task(9, "query.count", node_id=2, message_id="m", group_id="4")

    runner.run(task, asked, NO_PROGRESS)
    answered = runner.run(task, asked, NO_PROGRESS)

    assert answered.metrics["metrics"] == {"calls": 2, "partition": 3}
    assert answered.config == asked.config
    assert bytes(answered.arrays["weights"]["w"].data) == asked.arrays["weights"]["w"].data
    assert answered.order == ["weights", "config", "metrics"]


def failure_of(app: ClientApp, message_type: str = "train") -> tuple[str, str]:
    with pytest.raises(TaskFailedError) as caught:
        runner_of(app).run(Task(1, message_type, node_id=2), Records(), NO_PROGRESS)
    return caught.value.code, caught.value.reason


def test_what_an_app_raises_is_told_in_flowers_words() -> None:
    app = ClientApp()

    @app.train()
    def train(message: Message, context: Context) -> Message:
        raise ZeroDivisionError("nothing to divide by")

    said = "<class 'ZeroDivisionError'>:<'nothing to divide by'>"
    assert failure_of(app) == ("app-raised", said)
    assert failure_of(app, "evaluate")[0] == "app-raised"
    assert failure_of(app, "no type")[0] == "message-type"


def test_an_error_reply_keeps_flowers_code() -> None:
    app = ClientApp()

    @app.train()
    def train(message: Message, context: Context) -> Message:
        return Message(Error(code=6, reason="too few examples"), reply_to=message)

    assert failure_of(app) == ("flower-error-6", "too few examples")


def test_an_app_that_returns_no_message_is_told() -> None:
    app = ClientApp()

    @app.train()
    def train(message: Message, context: Context) -> Message:
        return None  # type: ignore[return-value]

    assert failure_of(app)[0] == "app-raised"
    assert "returned no Message" in failure_of(app)[1]
