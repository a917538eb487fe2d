"""The coordinator's settings have bounds, and no variable of it is unknown to the others."""

from __future__ import annotations

import pytest

from fedota_proto.errors import UsageError
from fedota_proto.settings_check import KNOWN_VARIABLES, load_settings, variables_of
from fedota_server.coordinator.main import main
from fedota_server.coordinator.settings import CoordinatorSettings


def test_every_variable_is_known_to_all_processes() -> None:
    ours = {name for name in KNOWN_VARIABLES if name.startswith("FEDOTA_COORDINATOR_")}
    # The webserver's own: which image coordinators are containers of.
    assert variables_of(CoordinatorSettings) == ours - {"FEDOTA_COORDINATOR_IMAGE"}


def test_every_field_says_what_it_is() -> None:
    assert all(field.description for field in CoordinatorSettings.model_fields.values())


def test_bounds_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEDOTA_COORDINATOR_FOLDER", "f")
    monkeypatch.setenv("FEDOTA_COORDINATOR_KEYS", "k")
    monkeypatch.setenv("FEDOTA_COORDINATOR_NODES", "0")
    monkeypatch.setenv("FEDOTA_COORDINATOR_LISTEN", "nowhere")
    with pytest.raises(UsageError) as caught:
        load_settings(CoordinatorSettings)
    assert "FEDOTA_COORDINATOR_NODES" in caught.value.public_message
    assert "FEDOTA_COORDINATOR_LISTEN" in caught.value.public_message


def test_a_wrong_command_line_exits_with_2() -> None:
    with pytest.raises(SystemExit) as caught:
        main(["serve"])
    assert caught.value.code == 2
