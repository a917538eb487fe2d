"""What Prometheus reads, who may read it, and whether the platform is well."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from support.api import ApiLab, opened_api

from fedota_proto.errors import DatabaseError, ForbiddenError, SignInError
from fedota_proto.v1 import fl_round_pb2 as round_pb
from fedota_proto.v1 import fl_status_pb2 as pb
from fedota_server.spawners.process_mark import started
from fedota_server.webserver.database import Database
from fedota_server.webserver.health import healthz
from fedota_server.webserver.metrics import metrics_text, read_metrics
from fedota_server.webserver.platform import Platform
from fedota_server.webserver.settings import WebserverSettings
from fedota_server.webserver.tables import (
    ClientRow,
    JobRow,
    MembershipRow,
    ProblemRow,
    RoundRow,
    ServerRow,
    User,
)

ONE = "0123456789ab"
Key = tuple[str, tuple[tuple[str, str], ...]]


@pytest.fixture
def platform(database_url: str, tmp_path: Path) -> Iterator[Platform]:
    """A platform with one problem that trains, on each database."""
    opened = Platform.open(
        WebserverSettings(home=tmp_path / "home", database_url=SecretStr(database_url))
    )
    with opened.database.session() as session, session.begin():
        session.add(User(id=1, email="s@example.org", name="Sara", created_unix_s=1))
        session.flush()
        session.add(
            ProblemRow(
                id=ONE,
                owner_id=1,
                status="running",
                wanted="serving",
                rounds=20,
                completed_round=2,
                created_unix_s=1,
                updated_unix_s=1,
            )
        )
        session.flush()
        for number, done in ((1, True), (2, True), (3, False)):
            session.add(
                RoundRow(
                    problem_id=ONE,
                    generation=0,
                    server_round=number,
                    attempt=1,
                    completed=done,
                    received_bytes=1000,
                    sent_bytes=10,
                    ended_unix_s=number,
                )
            )
        session.add(
            MembershipRow(id=1, problem_id=ONE, user_id=1, state="approved", requested_unix_s=1)
        )
        session.flush()
        for number, change in ((1, "ready"), (2, "gone")):
            session.add(
                ClientRow(
                    node_id=number,
                    problem_id=ONE,
                    membership_id=1,
                    name=f"client {number}",
                    created_unix_s=1,
                    expires_unix_s=2,
                    last_change=change,
                )
            )
        for name, state, starts in (("coordinator", "running", 3), ("selector-1", "given up", 5)):
            session.add(
                ServerRow(problem_id=ONE, name=name, state=state, starts=starts, since_unix_s=1)
            )
        session.add(JobRow(id="a" * 12, problem_id=ONE, kind="score", created_unix_s=1))
    yield opened
    opened.database.close()


def numbers(text: bytes) -> dict[Key, float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def key(name: str, **labels: str) -> Key:
    return f"fedota_{name}", tuple(sorted(labels.items()))


def test_what_the_database_tells(platform: Platform) -> None:
    found = numbers(metrics_text(platform))
    for wanted, value in {
        key("database_up"): 1,
        key("problems", status="running"): 1,
        key("problems", status="draft"): 0,
        key("rounds_wanted", problem=ONE): 20,
        key("completed_round", problem=ONE): 2,
        key("rounds_total", problem=ONE, outcome="completed"): 2,
        key("rounds_total", problem=ONE, outcome="abandoned"): 1,
        key("traffic_bytes_total", problem=ONE, direction="in"): 3000,
        key("traffic_bytes_total", problem=ONE, direction="out"): 30,
        key("memberships", problem=ONE, state="approved"): 1,
        key("connected_clients", problem=ONE): 1,
        key("server_up", problem=ONE, server="coordinator"): 1,
        key("server_up", problem=ONE, server="selector-1"): 0,
        key("server_restarts_total", problem=ONE, server="coordinator"): 2,
        key("server_state", problem=ONE, server="selector-1", state="given up"): 1,
        key("jobs", kind="score", state="queued"): 1,
        key("users"): 1,
        key("sessions"): 0,
        key("coordinator_attached", problem=ONE): 0,
    }.items():
        assert found[wanted] == value, wanted
    assert found[key("webserver_memory_bytes")] > 1 << 20
    assert found[key("webserver_start_time_seconds")] <= time.time()


def test_what_coordinators_said_last(platform: Platform) -> None:
    stream = object()
    platform.live.attach(ONE, stream)
    said = pb.StatusClock(
        clock=round_pb.Clock(cohort=4, reported=3, goal=4, waiting=1),
        selectors=[
            pb.SelectorState(
                name="selector-1",
                attached=True,
                held_clients=5,
                received_bytes=700,
                sent_bytes=70,
            )
        ],
    )
    platform.live.take(ONE, said)
    found = numbers(metrics_text(platform))
    selector = {"problem": ONE, "server": "selector-1"}
    for wanted, value in {
        key("coordinator_attached", problem=ONE): 1,
        key("round_cohort_clients", problem=ONE): 4,
        key("round_reported_clients", problem=ONE): 3,
        key("round_goal_clients", problem=ONE): 4,
        key("round_waiting_clients", problem=ONE): 1,
        key("selector_attached", **selector): 1,
        key("selector_held_clients", **selector): 5,
        key("selector_received_bytes_total", **selector): 700,
        key("selector_sent_bytes_total", **selector): 70,
    }.items():
        assert found[wanted] == value, wanted


def test_the_memory_of_servers_whose_process_is_known(platform: Platform) -> None:
    folder = platform.settings.home / "problems" / ONE / ".fedota" / "servers"
    folder.mkdir(parents=True)
    us, gone = [os.getpid(), started(os.getpid())], [os.getpid(), "another boot"]
    for name, server in (("coordinator", us), ("selector-1", gone)):
        path = folder / f"{name}.json"
        kept = {
            "path": str(path),
            "launch": "1",
            "spec": "2",
            "keeper": us,
            "server": server,
            "address": "",
            "exit_code": None,
            "tail": "",
        }
        path.write_text(json.dumps(kept))
    (folder / "selector-2.json").write_text("half")
    found = numbers(metrics_text(platform))
    assert found[key("server_memory_bytes", problem=ONE, server="coordinator")] > 1 << 20
    assert key("server_memory_bytes", problem=ONE, server="selector-1") not in found


def test_a_database_that_is_away_is_a_number_too(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Database) -> None:
        raise DatabaseError("The database does not answer.")

    monkeypatch.setattr(Database, "session", fail)
    found = numbers(metrics_text(platform))
    assert found[key("database_up")] == 0
    assert key("users") not in found
    assert key("webserver_memory_bytes") in found


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[ApiLab]:
    with opened_api(tmp_path / "home", metrics_token="scrape me") as lab:
        yield lab


def test_an_admins_token_and_the_settings_open_them(lab: ApiLab) -> None:
    for token in ("scrape me", lab.tokens["Ada"]):
        assert b"fedota_info" in read_metrics(lab.platform, f"Bearer {token}")


def test_nobody_else_reads_them(lab: ApiLab) -> None:
    for header in ("", "Bearer", "Bearer ", "scrape me", "Basic scrape me", "Bearer fdt_wrong"):
        with pytest.raises(SignInError):
            read_metrics(lab.platform, header)
    for who in ("Sara", "Hans"):
        with pytest.raises(ForbiddenError):
            read_metrics(lab.platform, f"Bearer {lab.tokens[who]}")


def test_no_token_in_the_settings_opens_nothing(tmp_path: Path) -> None:
    with opened_api(tmp_path / "home", people={}) as lab:
        for header in ("Bearer ", "Bearer  ", "Bearer x"):
            with pytest.raises(SignInError):
                read_metrics(lab.platform, header)


def test_health(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    status, body = healthz(platform)
    assert (status, body["status"], body["database"]) == (200, "ok", "ok")

    def fail(_: Database) -> str:
        raise DatabaseError("The database does not answer.", detail="host=secret")

    monkeypatch.setattr(Database, "revision", fail)
    status, body = healthz(platform)
    assert (status, body["status"]) == (503, "failing")
    assert "secret" not in str(body)
