"""A Swarm's settings: constraints as Swarm writes them, and what they choose."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from fedota_proto.errors import UsageError
from fedota_proto.settings_check import load_settings
from fedota_server.problem_folder import ProblemFolder
from fedota_server.spawners.docker import DockerSpawner
from fedota_server.spawners.spawning import IN_CONTAINERS
from fedota_server.spawners.swarm import SwarmSpawner
from fedota_server.spawners.swarm_spawning import SwarmSpawning
from fedota_server.webserver.settings import WebserverSettings
from fedota_server.webserver.spawning import make_spawning


@pytest.fixture(autouse=True)
def _not_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 10001)


def settings(home: Path, **given: Any) -> WebserverSettings:
    return WebserverSettings.model_validate({"home": home, "spawner": "swarm", **given})


def test_servers_are_services_and_jobs_containers(tmp_path: Path) -> None:
    made = make_spawning(settings(tmp_path, docker_host=f"unix://{tmp_path}/nobody.sock"))
    assert isinstance(made, SwarmSpawning)
    assert made.reach == IN_CONTAINERS
    folder = ProblemFolder(tmp_path / "abcdef123456")
    assert isinstance(made.spawner_of(folder), SwarmSpawner)
    assert isinstance(made.job_spawner(folder), DockerSpawner)
    _, faults = made.look()
    assert [fault.what.startswith("No Docker engine answers") for fault in faults] == [True]
    made.close()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "node.labels.zone==a",
        "node.role!=manager node.platform.arch==x86_64 engine.labels.os==debian",
    ],
)
def test_constraints_are_swarms_own(tmp_path: Path, text: str) -> None:
    assert settings(tmp_path, swarm_constraints=text).swarm_constraints == text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FEDOTA_SWARM_CONSTRAINTS", "node.labels.zone == a"),
        ("FEDOTA_SWARM_CONSTRAINTS", "zone==a"),
        ("FEDOTA_SWARM_SPREAD", "rack"),
        ("FEDOTA_SWARM_STORAGE", "elsewhere"),
    ],
)
def test_what_swarm_would_not_understand_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=name):
        load_settings(WebserverSettings)
