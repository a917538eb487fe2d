"""The file by which a proxy in front finds selectors by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedota_server.ports import Ports
from fedota_server.webserver.front_routes import FrontRoutes


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for problem, ports in (("abcdef123456", (20_002, 20_003)), ("fedcba654321", (20_012,))):
        Ports("lab.example.org", 20_000, 20_001, ports, 443).save(ports_of(tmp_path, problem))
    return tmp_path


def ports_of(home: Path, problem_id: str) -> Path:
    return home / "problems" / problem_id / ".fedota" / "ports.json"


def test_every_server_that_data_holders_reach_has_a_line(home: Path) -> None:
    FrontRoutes(home / "routes.map", home, "webserver:8502").write()
    assert (home / "routes.map").read_text().splitlines() == [
        "selector-1.abcdef123456.fedota published:20002;",
        "selector-1.fedcba654321.fedota published:20012;",
        "selector-2.abcdef123456.fedota published:20003;",
        "webserver.fedota webserver:8502;",
    ]
    assert (home / "routes.map").stat().st_mode & 0o777 == 0o644


def test_the_file_is_written_again_only_when_something_changed(home: Path) -> None:
    path = home / "routes.map"
    routes = FrontRoutes(path, home, "webserver:8502")
    routes.write()
    path.unlink()
    routes.write()
    assert not path.exists()
    more = Ports.load(ports_of(home, "fedcba654321"))
    assert more is not None
    more.with_selectors(2).save(ports_of(home, "fedcba654321"))
    routes.write()
    assert "selector-2.fedcba654321.fedota" in path.read_text()


def test_a_damaged_file_costs_its_problem_alone(home: Path) -> None:
    ports_of(home, "abcdef123456").write_text("{")
    routes = FrontRoutes(home / "routes.map", home, "webserver:8502").routes()
    assert set(routes) == {"webserver.fedota", "selector-1.fedcba654321.fedota"}


def test_a_place_that_cannot_be_written_is_told_by_the_system(home: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        FrontRoutes(home / "nowhere" / "routes.map", home, "webserver:8502").write()
