"""What an app's folder says is read, and what is wrong in it is told in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedota_proto.errors import FolderError, UsageError
from fedota_server.coordinator.app_folder import read_app_folder

PROJECT = """
[tool.flwr.app.components]
serverapp = "pkg.server:app"

[tool.flwr.app.config]
rounds = 3
lr = 0.5
note = "x"
[tool.flwr.app.config.model]
deep = true
"""


def app(folder: Path, text: str) -> Path:
    (folder / "pyproject.toml").write_text(text)
    return folder


def test_reference_configuration_and_aggregation(tmp_path: Path) -> None:
    read = read_app_folder(app(tmp_path, PROJECT))
    assert read.reference == "pkg.server:app"
    assert read.run_config == {"rounds": 3, "lr": 0.5, "note": "x", "model.deep": True}
    assert not read.mean
    mean = app(tmp_path, PROJECT + '\n[tool.fedota]\naggregation = "mean"\n')
    assert read_app_folder(mean).mean


def test_overrides_go_before_the_file(tmp_path: Path) -> None:
    read = read_app_folder(app(tmp_path, PROJECT), "rounds=7 note='a b' model.deep=false")
    assert read.run_config == {"rounds": 7, "lr": 0.5, "note": "a b", "model.deep": False}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "names no ServerApp"),
        ("[tool.flwr.app.components]\nserverapp = 'nocolon'\n", "names no ServerApp"),
        ("not toml", "not valid TOML"),
        (PROJECT + "\n[tool.fedota]\naggregation = 'median'\n", "'median'"),
        (PROJECT.replace("lr = 0.5", "lr = [1]"), "lr is a list"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(FolderError, match=told) as caught:
        read_app_folder(app(tmp_path, text))
    assert "pyproject.toml" in caught.value.public_message


def test_a_folder_without_the_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="is no Flower app"):
        read_app_folder(tmp_path)


def test_an_override_that_the_app_does_not_know_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'roundz'; it has: lr, model\.deep, note, rounds"):
        read_app_folder(app(tmp_path, PROJECT), "roundz=3")
