"""The setting chooses what runs the servers, and what each container is and may use."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from fedota_proto.errors import UsageError
from fedota_server.problem_folder import ProblemFolder
from fedota_server.spawners.base import Role
from fedota_server.spawners.docker_spawning import DockerSpawning
from fedota_server.spawners.process_spawning import ProcessSpawning
from fedota_server.spawners.spawning import IN_CONTAINERS, ON_THIS_MACHINE
from fedota_server.webserver.settings import WebserverSettings
from fedota_server.webserver.spawning import make_spawning, platform_place


@pytest.fixture(autouse=True)
def _not_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 10001)
    monkeypatch.setattr(os, "getegid", lambda: 10002)


def settings(home: Path, **given: Any) -> WebserverSettings:
    return WebserverSettings.model_validate({"home": home, "spawner": "docker", **given})


def test_processes_need_nothing_else(tmp_path: Path) -> None:
    made = make_spawning(WebserverSettings(home=tmp_path))
    assert isinstance(made, ProcessSpawning)
    assert made.reach == ON_THIS_MACHINE
    assert made.look() == ("", [])
    made.close()


def test_containers_are_reached_for_at_the_first_need_only(tmp_path: Path) -> None:
    made = make_spawning(settings(tmp_path, docker_host=f"unix://{tmp_path}/nobody.sock"))
    assert isinstance(made, DockerSpawning)
    assert made.reach == IN_CONTAINERS
    made.spawner_of(ProblemFolder(tmp_path / "abcdef123456"))
    made.close()


def test_an_engine_that_does_not_answer_is_a_fault_with_its_remedy(tmp_path: Path) -> None:
    said, faults = make_spawning(
        settings(tmp_path, docker_host=f"unix://{tmp_path}/nobody.sock")
    ).look()
    assert said == f"the Docker engine at unix://{tmp_path}/nobody.sock"
    (fault,) = faults
    assert fault.what.startswith("No Docker engine answers")
    assert fault.remedy.startswith("Start it, or point FEDOTA_DOCKER_HOST")


def test_a_problem_gets_names_images_limits_and_the_webservers_user(tmp_path: Path) -> None:
    given = settings(
        tmp_path,
        platform="lab",
        selector_image="lab/selector:2",
        limit_selector_cpus=0.5,
        limit_selector_memory_bytes=1 << 28,
        limit_pids=100,
        public_host="learning.example.org",
    )
    place = platform_place(given).of_problem(ProblemFolder(tmp_path / "abcdef123456"))
    assert place.prefix == "lab-abcdef123456"
    assert place.webserver == "lab-webserver"
    assert place.user == "10001:10002"
    assert place.images[Role.SELECTOR] == "lab/selector:2"
    limits = place.limits_of(Role.SELECTOR)
    assert (limits.memory_bytes, limits.cpus, limits.pids) == (1 << 28, 0.5, 100)
    assert place.publish_on == "0.0.0.0"  # noqa: S104 - what is expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [({}, "127.0.0.1"), ({"publish_on": "192.0.2.7"}, "192.0.2.7")],
)
def test_a_trial_on_one_machine_publishes_on_loopback(
    tmp_path: Path, given: dict[str, str], expected: str
) -> None:
    assert platform_place(settings(tmp_path, **given)).publish_on == expected


def test_networks_get_their_addresses_of_a_range_unless_none_is_named(tmp_path: Path) -> None:
    pool = platform_place(settings(tmp_path)).of_problem(ProblemFolder(tmp_path / "a")).pool
    assert pool is not None
    assert str(pool.within) == "10.210.0.0/16"
    assert platform_place(settings(tmp_path, network_pool="")).pool is None


def test_root_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(UsageError, match="another user than root"):
        make_spawning(settings(tmp_path))
