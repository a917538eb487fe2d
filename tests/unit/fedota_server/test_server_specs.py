"""What servers are told, and which files each may see."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedota_server.authority import PlatformHome, ProblemKeys
from fedota_server.ports import Ports
from fedota_server.problem_folder import ProblemFolder
from fedota_server.server_specs import coordinator_settings, coordinator_spec, selector_spec
from fedota_server.spawners.base import ServerSpec
from fedota_server.spawners.spawning import IN_CONTAINERS, ON_THIS_MACHINE, Reach

PORTS = Ports("learning.example.org", 20_000, 20_001, (20_002, 20_003))


@pytest.fixture
def folder(tmp_path: Path) -> ProblemFolder:
    made = ProblemFolder(tmp_path / "problems" / "abcdef123456")
    made.begin("abcdef123456", 0.0)
    return made


@pytest.fixture
def keys(tmp_path: Path, folder: ProblemFolder) -> ProblemKeys:
    home = PlatformHome(tmp_path)
    home.init()
    return folder.keys(home.authority())


def coordinator(folder: ProblemFolder, reach: Reach) -> ServerSpec:
    return coordinator_spec(
        folder,
        PORTS,
        coordinator_settings(folder),
        status_address=f"{reach.webserver}:20999",
        start_timeout_s=30,
        reach=reach,
        reads=(folder.folder / "problem.toml",),
    )


def test_processes_meet_on_loopback(folder: ProblemFolder, keys: ProblemKeys) -> None:
    told = coordinator(folder, ON_THIS_MACHINE).settings
    assert told["FEDOTA_COORDINATOR_LISTEN"] == "127.0.0.1:20001"
    assert told["FEDOTA_COORDINATOR_STATUS_ADDRESS"] == "127.0.0.1:20999"
    told = selector_spec(keys, PORTS, 2, start_timeout_s=30).settings
    assert told["FEDOTA_SELECTOR_COORDINATOR_ADDRESS"] == "127.0.0.1:20001"
    assert told["FEDOTA_SELECTOR_LISTEN"] == "0.0.0.0:20003"
    assert told["FEDOTA_SELECTOR_PUBLIC_ADDRESS"] == "learning.example.org:20003"
    assert "FEDOTA_SELECTOR_CACHE_FOLDER" not in told


def test_containers_meet_by_name(folder: ProblemFolder, keys: ProblemKeys) -> None:
    told = coordinator(folder, IN_CONTAINERS).settings
    assert told["FEDOTA_COORDINATOR_LISTEN"] == "0.0.0.0:20001"
    assert told["FEDOTA_COORDINATOR_STATUS_ADDRESS"] == "webserver:20999"
    told = selector_spec(keys, PORTS, 1, start_timeout_s=30, reach=IN_CONTAINERS).settings
    assert told["FEDOTA_SELECTOR_COORDINATOR_ADDRESS"] == "coordinator:20001"
    assert told["FEDOTA_SELECTOR_LISTEN"] == "0.0.0.0:20002"


def test_a_coordinator_sees_its_problem_and_no_key_but_its_own(
    folder: ProblemFolder, keys: ProblemKeys
) -> None:
    spec = coordinator(folder, IN_CONTAINERS)
    seen = {str(path.relative_to(folder.folder)) for path in spec.reads}
    assert seen == {
        "problem.toml",
        ".fedota/problem.json",
        *(f".fedota/keys/{name}" for name in ("coordinator", "ca.pem", "invite.pub")),
        ".fedota/keys/receipt.key",
    }
    assert all(path.exists() for path in spec.reads[1:])
    assert spec.writes == (folder.coordinator_folder,)
    assert folder.coordinator_folder.is_dir()


def test_a_selector_sees_its_certificate_and_writes_its_cache(
    folder: ProblemFolder, keys: ProblemKeys
) -> None:
    cache = folder.state / "cache" / "selector-2"
    spec = selector_spec(keys, PORTS, 2, start_timeout_s=30, cache=cache)
    assert spec.reads == (folder.keys_folder / "selector-2",)
    assert spec.writes == (cache,)
    assert spec.settings["FEDOTA_SELECTOR_CACHE_FOLDER"] == str(cache)
    assert cache.is_dir()
