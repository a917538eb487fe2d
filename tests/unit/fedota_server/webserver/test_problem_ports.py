"""Ports of many problems: kept once chosen, none given to two."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedota_proto.errors import ServerStartError
from fedota_server.authority import PlatformHome
from fedota_server.ports import Ports
from fedota_server.problem_folder import ProblemFolder
from fedota_server.webserver.problem_ports import ProblemPorts
from fedota_server.webserver.settings import WebserverSettings


def book(home: Path, **settings: str) -> ProblemPorts:
    return ProblemPorts(
        PlatformHome(home), WebserverSettings.model_validate({"home": home, **settings})
    )


def folder(home: Path, number: int) -> ProblemFolder:
    return ProblemFolder(home / "problems" / f"{number:012x}")


def test_no_port_is_given_to_two_problems(tmp_path: Path) -> None:
    ports = book(tmp_path, selector_ports="21000-21199")
    chosen = [ports.keep(folder(tmp_path, number), 2).all for number in range(20)]
    assert len(frozenset().union(*chosen)) == 20 * 4


def test_ports_stay_and_more_are_added(tmp_path: Path) -> None:
    ports, problem = book(tmp_path), folder(tmp_path, 1)
    first = ports.keep(problem, 1)
    more = ports.keep(problem, 3)
    assert more.selectors[:1] == first.selectors
    assert len(more.selectors) == 3
    assert ports.keep(problem, 2) == more == Ports.load(problem.ports_path)


def test_another_public_host_is_taken_over(tmp_path: Path) -> None:
    problem = folder(tmp_path, 1)
    before = book(tmp_path).keep(problem, 1)
    after = book(tmp_path, public_host="learning.example.org").keep(problem, 1)
    assert after.host == "learning.example.org"
    assert after.selectors == before.selectors


def test_a_proxy_in_front_takes_the_place_of_the_selectors_own_ports(tmp_path: Path) -> None:
    problem = folder(tmp_path, 1)
    before = book(tmp_path, public_host="learning.example.org").keep(problem, 2)
    fronted = book(tmp_path, public_host="learning.example.org", front_port="443")
    after = fronted.keep(problem, 2)
    assert after.selectors == before.selectors
    addresses = {after.selector_address(number) for number in (1, 2)}
    assert addresses == {"learning.example.org:443"}
    assert Ports.load(problem.ports_path) == after
    assert before.selector_address(1) == f"learning.example.org:{before.selectors[0]}"


def test_a_range_that_is_used_up_is_told_and_nothing_is_kept(tmp_path: Path) -> None:
    ports = book(tmp_path, selector_ports="21200-21206")
    ports.keep(folder(tmp_path, 1), 3)
    problem = folder(tmp_path, 2)
    with pytest.raises(ServerStartError, match=r"between 21200 and 21206 .* FEDOTA_SELECTOR_PORTS"):
        ports.keep(problem, 1)
    assert Ports.load(problem.ports_path) is None
