"""The webserver's own ports: chosen once, never one that a problem keeps."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedota_proto.errors import FolderError
from fedota_server.ports import Ports
from fedota_server.spawners.spawning import IN_CONTAINERS, ON_THIS_MACHINE
from fedota_server.webserver.platform_ports import PlatformPorts, platform_ports


def test_ports_are_chosen_once(tmp_path: Path) -> None:
    first = platform_ports(tmp_path)
    assert platform_ports(tmp_path) == first
    assert first.status != first.round


def test_the_settings_port_goes_before_the_one_that_was_chosen(tmp_path: Path) -> None:
    chosen = platform_ports(tmp_path)
    given = platform_ports(tmp_path, round_port=4711)
    assert (given.status, given.round) == (chosen.status, 4711)
    assert platform_ports(tmp_path) == chosen


def test_a_port_of_the_settings_alone_leaves_the_other_to_be_chosen_later(tmp_path: Path) -> None:
    given = platform_ports(tmp_path, round_port=4711)
    later = platform_ports(tmp_path)
    assert later.status == given.status
    assert later.round not in (0, 4711)
    assert platform_ports(tmp_path) == later


def test_no_port_of_a_problem_is_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "problems" / "abcdef123456" / ".fedota" / "ports.json"
    Ports("127.0.0.1", 20_000, 20_001, (20_002,)).save(path)
    asked: list[set[int]] = []

    def free(count: int, taken: list[int]) -> list[int]:
        asked.append(set(taken))
        return [20_003, 20_004][:count]

    monkeypatch.setattr("fedota_server.webserver.platform_ports.free_ports", free)
    assert platform_ports(tmp_path) == PlatformPorts(20_003, 20_004)
    assert asked[0] >= {20_000, 20_001, 20_002}


def test_addresses_follow_the_public_host() -> None:
    ports = PlatformPorts(20_003, 20_004)
    assert ports.status_listen(ON_THIS_MACHINE) == "127.0.0.1:20003"
    assert ports.status_address(ON_THIS_MACHINE) == "127.0.0.1:20003"
    assert ports.round_address("learning.example.org") == "learning.example.org:20004"
    assert ports.round_address("2001:db8::1") == "[2001:db8::1]:20004"
    assert ports.round_address("learning.example.org", 443) == "learning.example.org:443"
    assert ports.round_listen(ON_THIS_MACHINE, "127.0.0.1") == "127.0.0.1:20004"
    assert ports.round_listen(ON_THIS_MACHINE, "learning.example.org") == "0.0.0.0:20004"


def test_in_a_container_others_must_reach_what_listens() -> None:
    ports = PlatformPorts(20_003, 20_004)
    assert ports.status_listen(IN_CONTAINERS) == "0.0.0.0:20003"
    assert ports.status_address(IN_CONTAINERS) == "webserver:20003"
    assert ports.round_listen(IN_CONTAINERS, "127.0.0.1") == "0.0.0.0:20004"


@pytest.mark.parametrize("text", ["{", "[]", '{"status": 70000, "round": 1}'])
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "ports.json").write_text(text)
    with pytest.raises(FolderError, match=r"ports\.json is damaged"):
        platform_ports(tmp_path)
