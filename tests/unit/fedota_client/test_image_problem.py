"""What the image of one problem tells its client."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fedota_client.command_line import app
from fedota_client.image_problem import read_image_problem
from fedota_proto.credential import SigningKey
from fedota_proto.errors import FolderError, InviteError
from fedota_proto.invite import Invite, sign_invite

KEY = SigningKey.generate()
FORMAT = """
[problem]
title = "Tumours"

[data]
kind = "table"
minimum_examples = 2

[[data.columns]]
name = "size"
type = "number"

[[data.columns]]
name = "answer"
type = "category"
allowed = ["no", "yes"]
target = true
"""


def invite(problem_id: str = "abcdef123456", webserver: str = "") -> Invite:
    return sign_invite(
        KEY,
        Invite(
            problem_id=problem_id,
            title="Lungs",
            node_id=7,
            name="clinic",
            expires_unix_s=time.time() + 60,
            ca_pem="ca",
            receipt_public_key=b"r" * 32,
            invite_public_key=KEY.public_bytes,
            selectors=(("old:1", "selector-1.abcdef123456.fedota"),),
            webserver=webserver,
        ),
    )


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    """The folder that the image's layer makes."""
    folder = tmp_path / "problem"
    folder.mkdir()
    about = {
        "problem_id": "abcdef123456",
        "title": "Tumours",
        "selectors": [
            ["old:1", "selector-1.abcdef123456.fedota"],
            ["new:2", "selector-2.abcdef123456.fedota"],
        ],
        "webserver": "web:3",
    }
    (folder / "problem.json").write_text(json.dumps(about))
    (folder / "format.toml").write_text(FORMAT)
    return folder


def test_its_addresses_come_after_the_invites_own(layer: Path) -> None:
    made_for = read_image_problem(layer)
    assert made_for is not None
    given = invite()
    completed = made_for.completed(given)
    assert [address for address, _ in completed.selectors] == ["old:1", "new:2"]
    assert completed.webserver == "web:3"
    assert made_for.completed(invite(webserver="own:9")).webserver == "own:9"
    assert completed.text == given.text


def test_an_invite_to_another_problem_is_refused(layer: Path) -> None:
    made_for = read_image_problem(layer)
    assert made_for is not None
    with pytest.raises(InviteError, match="is for the problem “Tumours”, the invite for “Lungs”"):
        made_for.completed(invite("123456abcdef"))


def test_outside_of_such_an_image_there_is_none(tmp_path: Path) -> None:
    assert read_image_problem(None) is None
    assert read_image_problem(tmp_path) is None


@pytest.mark.parametrize("text", ["", "[]", '{"problem_id": "abc"}', '{"selectors": 3}'])
def test_a_damaged_layer_is_told(layer: Path, text: str) -> None:
    (layer / "problem.json").write_text(text)
    with pytest.raises(FolderError, match="fetch the image again"):
        read_image_problem(layer)


def test_data_is_checked_without_invite_and_connection(
    layer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, home = tmp_path / "data", tmp_path / "home"
    data.mkdir()
    (data / "table.csv").write_text("size,answer\n1,yes\n2,no\n3,maybe\n")
    monkeypatch.setenv("FEDOTA_CLIENT_PROBLEM", str(layer))
    monkeypatch.setenv("FEDOTA_CLIENT_FOLDER", str(home))
    monkeypatch.setenv("FEDOTA_CLIENT_DATA", str(data))
    done = CliRunner().invoke(app, ["check"])
    assert done.exit_code == 1
    assert "Tumours" in done.output
    assert "maybe" in done.output
    assert not home.exists()


def test_a_foreign_invite_leaves_the_clients_folder_as_it_was(
    layer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, home = tmp_path / "data", tmp_path / "home"
    data.mkdir()
    (data / "table.csv").write_text("size,answer\n1,yes\n")
    monkeypatch.setenv("FEDOTA_CLIENT_PROBLEM", str(layer))
    monkeypatch.setenv("FEDOTA_CLIENT_FOLDER", str(home))
    done = CliRunner().invoke(
        app, ["join", "-", "--data", str(data)], input=invite("123456abcdef").text
    )
    assert done.exit_code == 1
    assert "is for the problem “Tumours”" in done.output
    assert not home.exists()
