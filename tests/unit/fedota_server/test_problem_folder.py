"""A problem's folder: named once, taken in whole or not at all, unchanged once training began."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from fedota_proto.errors import FolderError, ModelFileError, ProblemFileError
from fedota_proto.manifest import Manifest, ManifestArray
from fedota_server.authority import new_platform_authority
from fedota_server.problem_folder import ProblemFolder

TOML = """
[problem]
title = "Two columns"
model = "m.keras"
[strategy]
name = "FedAvg"
[rounds]
rounds = 5
goal_count = 3
reporting_deadline_s = 60
[data]
[[data.columns]]
name = "x"
type = "number"
[[data.columns]]
name = "y"
type = "boolean"
target = true
"""
MANIFEST = Manifest(arrays=(ManifestArray("layers/dense/vars/0", "float32", (2, 1)),), loss="mse")


@pytest.fixture
def folder(tmp_path: Path) -> ProblemFolder:
    (tmp_path / "problem.toml").write_text(TOML)
    (tmp_path / "m.keras").write_bytes(b"a model")
    return ProblemFolder(tmp_path)


def take_in(folder: ProblemFolder) -> Manifest:
    with folder.intake() as place:
        (place / "manifest.json").write_text(MANIFEST.to_json())
        (place / "initial.safetensors").write_bytes(b"arrays")
        return folder.take_in(place, folder.model_sha256())


def complete_round(folder: ProblemFolder, server_round: int) -> None:
    checkpoints = folder.coordinator_folder / "checkpoints"
    checkpoints.mkdir(parents=True, exist_ok=True)
    (checkpoints / f"g0001-r{server_round:06d}.arrays.safetensors").write_bytes(b"")


def edit(folder: ProblemFolder, old: str, new: str) -> None:
    path = folder.folder / "problem.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_problem_is_named_once(folder: ProblemFolder) -> None:
    assert folder.existing_identity() is None
    first = folder.identity()
    assert re.fullmatch(r"[0-9a-f]{12}", first.problem_id)
    assert ProblemFolder(folder.folder).identity() == first


def test_a_folder_without_problem_toml_is_none(tmp_path: Path) -> None:
    with pytest.raises(ProblemFileError, match="fedota problem new"):
        ProblemFolder(tmp_path).problem()


def test_keys_are_made_once_and_for_this_problem(folder: ProblemFolder) -> None:
    assert folder.existing_keys() is None
    platform = new_platform_authority()
    keys = folder.keys(platform)
    public = keys.public_key("invite")
    assert folder.keys(platform).public_key("invite") == public
    found = folder.existing_keys()
    assert found is not None
    assert found.problem_id == folder.identity().problem_id


def test_a_model_is_taken_in_whole(folder: ProblemFolder) -> None:
    assert folder.manifest() is None
    assert take_in(folder) == MANIFEST
    assert folder.manifest() == MANIFEST
    assert folder.initial_path.read_bytes() == b"arrays"
    assert not list(folder.state.glob("intake-*"))


def test_an_interrupted_intake_does_not_count(folder: ProblemFolder) -> None:
    with folder.intake() as place:
        (place / "manifest.json").write_text(MANIFEST.to_json())
        with pytest.raises(FolderError):
            folder.take_in(place, folder.model_sha256())
    assert folder.manifest() is None
    assert not folder.manifest_path.exists()


def test_a_damaged_manifest_is_refused(folder: ProblemFolder) -> None:
    with folder.intake() as place:
        (place / "manifest.json").write_text("{}")
        (place / "initial.safetensors").write_bytes(b"arrays")
        with pytest.raises(ModelFileError):
            folder.take_in(place, folder.model_sha256())
    assert folder.manifest() is None


def test_another_model_must_be_taken_in_again(folder: ProblemFolder) -> None:
    take_in(folder)
    (folder.folder / "m.keras").write_bytes(b"another model")
    assert folder.manifest() is None


def test_before_the_first_round_everything_may_change(folder: ProblemFolder) -> None:
    folder.note_beginning()
    complete_round(folder, 0)
    edit(folder, "rounds = 5", "rounds = 9")
    (folder.folder / "m.keras").write_bytes(b"another model")
    assert not folder.training_began
    folder.refuse_if_changed()
    folder.note_beginning()
    complete_round(folder, 1)
    assert folder.training_began
    folder.refuse_if_changed()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"FedAvg"', '"FedMedian"', "[strategy] of problem.toml changed"),
        ("rounds = 5", "rounds = 6", "[rounds] of problem.toml changed"),
        ('name = "x"', 'name = "z"', "[data] of problem.toml changed"),
        ("[data]", "[training]\nlocal_epochs = 2\n[data]", "[training] of problem.toml changed"),
    ],
)
def test_a_change_after_the_first_round_is_told(
    folder: ProblemFolder, old: str, new: str, said: str
) -> None:
    folder.note_beginning()
    complete_round(folder, 1)
    edit(folder, old, new)
    with pytest.raises(FolderError) as caught:
        folder.refuse_if_changed()
    assert said in caught.value.public_message


def test_a_changed_model_is_told_with_what_else_changed(folder: ProblemFolder) -> None:
    folder.note_beginning()
    complete_round(folder, 1)
    folder.note_beginning()
    (folder.folder / "m.keras").write_bytes(b"another model")
    edit(folder, "rounds = 5", "rounds = 6")
    with pytest.raises(FolderError) as caught:
        folder.refuse_if_changed()
    assert "the model m.keras and [rounds] of problem.toml changed" in caught.value.public_message


def test_titles_and_clocks_may_change(folder: ProblemFolder) -> None:
    folder.note_beginning()
    complete_round(folder, 1)
    edit(folder, "reporting_deadline_s = 60", "reporting_deadline_s = 90\nsettle_s = 0.5")
    edit(folder, "Two columns", "Both columns")
    folder.refuse_if_changed()


def test_ports_are_chosen_once_and_grow(folder: ProblemFolder) -> None:
    two = folder.ports(2)
    assert folder.ports(1) == two
    three = folder.ports(3)
    assert three.selectors[:2] == two.selectors
    assert (three.status, three.coordinator) == (two.status, two.coordinator)
    assert len({three.status, three.coordinator, *three.selectors}) == 5
    assert folder.ports(3, "learning.example.org").host == "learning.example.org"
    assert folder.ports(3).host == "learning.example.org"


@pytest.mark.parametrize(
    "text", ["{", "{}", '{"host":"h","status":0,"coordinator":1,"selectors":[]}', "[]"]
)
def test_damaged_ports_are_told(folder: ProblemFolder, text: str) -> None:
    folder.state.mkdir()
    folder.ports_path.write_text(text)
    with pytest.raises(FolderError, match=r"ports\.json is damaged"):
        folder.ports(2)


def test_a_damaged_identity_is_told(folder: ProblemFolder) -> None:
    folder.state.mkdir()
    (folder.state / "problem.json").write_text(json.dumps({"id": 1}))
    with pytest.raises(FolderError, match=r"problem\.json is damaged"):
        folder.identity()


def test_one_serve_at_a_time(folder: ProblemFolder) -> None:
    with (
        folder.locked(),
        pytest.raises(FolderError, match="served already"),
        ProblemFolder(folder.folder).locked(),
    ):
        pass
    with folder.locked():
        pass
