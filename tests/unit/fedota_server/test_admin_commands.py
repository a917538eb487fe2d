"""The administration's commands: on the same database as the pages, as a local administrator."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from argon2.profiles import CHEAPEST
from sqlmodel import select
from support.api import ApiLab, opened_api, published

from fedota_server.command_line import run
from fedota_server.commands import problems
from fedota_server.web_process import locked_home
from fedota_server.webserver.database import Database
from fedota_server.webserver.doctor import Doctor, Finding, State
from fedota_server.webserver.permissions import Role
from fedota_server.webserver.tables import AuditRow, CommandRow, ProblemRow, ServerRow


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("FEDOTA_HOME", str(tmp_path / "home"))
    with patch("fedota_server.webserver.passwords.RFC_9106_LOW_MEMORY", CHEAPEST):
        yield tmp_path / "home"


@pytest.fixture
def lab(home: Path) -> Iterator[ApiLab]:
    with opened_api(home) as lab:
        yield lab


@pytest.fixture
def problem(lab: ApiLab, tmp_path: Path) -> str:
    return published(lab, tmp_path).rsplit("/", 1)[1]


def said(capsys: pytest.CaptureFixture[str], *line: str) -> str:
    capsys.readouterr()
    assert run(list(line)) == 0
    return capsys.readouterr().out


def told(capsys: pytest.CaptureFixture[str], *line: str) -> Any:
    return json.loads(said(capsys, *line, "--json"))


def refused(capsys: pytest.CaptureFixture[str], *line: str, code: int = 1) -> str:
    capsys.readouterr()
    assert run(list(line)) == code
    return capsys.readouterr().err


def test_the_first_administrator_may_be_made_before_up(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = said(capsys, "users", "add", "ada@example.org", "--name", "Ada", "--role", "admin")
    password = words.split()[-1]
    with opened_api(home, people={}) as lab:
        assert not lab.platform.accounts.needs_setup()
        accounts = lab.platform.accounts
        token = accounts.sign_in("ada@example.org", password, address="", browser="")
        account = accounts.by_session(token)
        assert account is not None
        assert account.must_change_password


def test_users_are_listed_changed_and_reset(
    lab: ApiLab, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "sara@example.org" in said(capsys, "users", "list")
    assert "ada@" not in said(capsys, "users", "list", "--search", "sara")
    (sara,) = told(capsys, "users", "list", "--search", "sara")
    assert (sara["roles"], sara["disabled"]) == (["setter"], False)
    changed = told(
        capsys, "users", "roles", "SARA@example.org", "--role", "holder", "--role", "setter"
    )
    assert changed["roles"] == ["holder", "setter"]
    said(capsys, "users", "disable", "sara@example.org")
    assert lab.platform.accounts.by_token(lab.tokens["Sara"]) is None
    said(capsys, "users", "enable", "sara@example.org")
    password = told(capsys, "users", "reset", "sara@example.org")["password"]
    accounts = lab.platform.accounts
    assert accounts.sign_in("sara@example.org", password, address="", browser="")


def test_what_cannot_be_done_to_users(lab: ApiLab, capsys: pytest.CaptureFixture[str]) -> None:
    assert "No account" in refused(capsys, "users", "reset", "nobody@example.org")
    last = refused(capsys, "users", "roles", "ada@example.org", "--role", "holder")
    assert "only administrator" in last
    wrong = refused(capsys, "users", "roles", "ada@example.org", "--role", "boss", code=2)
    assert "admin, setter, holder" in wrong
    assert "--role" in refused(capsys, "users", "roles", "ada@example.org", code=2)
    again = ("users", "add", "ada@example.org", "--name", "Ada")
    assert "There is an account" in refused(capsys, *again)


def test_it_is_written_down_who_sat_at_the_machine(
    lab: ApiLab, capsys: pytest.CaptureFixture[str]
) -> None:
    said(capsys, "users", "add", "new@example.org", "--name", "New", "--role", "setter")
    (entry,) = told(capsys, "audit", "--action", "add a user", "--who", "new@example.org")
    assert entry["actor_id"] is None
    assert entry["actor"].endswith(" on this machine")
    assert "new@example.org" in said(capsys, "audit", "--limit", "1")


def test_the_audit_log_is_read_to_its_end(
    lab: ApiLab, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fedota_server.commands.audit._AT_ONCE", 2)
    with lab.platform.database.session() as session:
        count = len(session.exec(select(AuditRow)).all())
    entries = told(capsys, "audit", "--limit", "1000")
    assert [entry["entry_id"] for entry in entries] == list(range(count, 0, -1))
    assert len(told(capsys, "audit", "--limit", "3")) == 3


def test_problems_are_listed_and_shown(
    lab: ApiLab, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lab.answer("Otto", "POST", "/problems", json={"title": "Draft [red]of Otto[/red]"})
    listed = said(capsys, "problems", "list")
    assert problem in listed
    assert "Draft [red]of Otto[/red]" in listed
    (card,) = told(capsys, "problems", "list", "--status", "draft")
    assert card["owner"] == "Otto"
    shown = said(capsys, "problems", "show", problem)
    assert "Relapse" in shown
    assert "publish a problem" in shown
    assert told(capsys, "problems", "show", problem)["problem"]["status"] == "ready"
    assert "no such problem" in refused(capsys, "problems", "show", "ffffffffffff")


def test_a_list_longer_than_a_page(
    lab: ApiLab, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(problems, "_MANY", 2)
    for number in range(5):
        lab.answer("Sara", "POST", "/problems", json={"title": f"Problem {number}"})
    assert len(told(capsys, "problems", "list")) == 5


def set_status(lab: ApiLab, problem: str, status: str) -> None:
    with lab.platform.database.session() as session, session.begin():
        session.get_one(ProblemRow, problem).status = status


def answer_commands(
    lab: ApiLab, monkeypatch: pytest.MonkeyPatch, *, done: bool, message: str
) -> None:
    """Answer each open command while somebody waits for it, as a coordinator would."""

    def answer(_: float) -> None:
        with lab.platform.database.session() as session, session.begin():
            for row in session.exec(select(CommandRow)):
                row.answered_unix_s, row.done, row.message = 1.0, done, message
                session.add(row)

    monkeypatch.setattr("fedota_server.commands.problems.time.sleep", answer)


@pytest.mark.parametrize(
    ("command", "status", "what"),
    [("pause", "running", "pause"), ("resume", "paused", "resume"), ("stop", "failed", "stop")],
)
def test_a_command_waits_for_its_answer(
    command: str,
    status: str,
    what: str,
    lab: ApiLab,
    problem: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_status(lab, problem, status)
    answer_commands(lab, monkeypatch, done=True, message="It is done after round 3.")
    assert "It is done after round 3." in said(capsys, "problems", command, problem)
    with lab.platform.database.session() as session:
        (row,) = session.exec(select(CommandRow)).all()
    assert (row.what, row.actor_id) == (what, None)


def test_an_answer_that_refuses_is_a_failure(
    lab: ApiLab,
    problem: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_status(lab, problem, "running")
    answer_commands(lab, monkeypatch, done=False, message="It is paused already.")
    assert "It is paused already." in refused(capsys, "problems", "pause", problem)


def test_a_command_that_nobody_answers_yet(
    lab: ApiLab,
    problem: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_status(lab, problem, "running")
    monkeypatch.setattr(problems, "_ANSWER_WAIT_S", 0.0)
    assert "not answered yet" in said(capsys, "problems", "pause", problem)
    assert "pause: not answered yet" in said(capsys, "problems", "show", problem)


def test_starting_scaling_and_archiving(
    lab: ApiLab, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "ready" in refused(capsys, "problems", "pause", problem)
    said(capsys, "problems", "scale", problem, "4")
    said(capsys, "problems", "start", problem)
    with lab.platform.database.session() as session:
        row = session.get_one(ProblemRow, problem)
    assert (row.wanted, row.selectors) == ("serving", 4)
    none = refused(capsys, "problems", "rollback", problem, "3")
    assert "cannot be rolled back to" in none
    said(capsys, "problems", "archive", problem)
    with lab.platform.database.session() as session:
        assert session.get_one(ProblemRow, problem).status == "archived"


def test_servers_and_their_logs(
    lab: ApiLab, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said(capsys, "servers") == "None.\n"
    with lab.platform.database.session() as session, session.begin():
        session.add(
            ServerRow(
                problem_id=problem,
                name="coordinator",
                state="backing off",
                detail="It ended with exit code 1.",
                starts=3,
                since_unix_s=1,
            )
        )
    assert "backing off" in said(capsys, "servers")
    (server,) = told(capsys, "servers")
    assert (server["problem_id"], server["starts"]) == (problem, 3)
    logs = lab.platform.settings.home / "problems" / problem / ".fedota" / "logs"
    logs.mkdir(exist_ok=True)
    (logs / "coordinator.log").write_text("one\ntwo\nthree\n")
    assert said(capsys, "problems", "logs", problem, "--lines", "2") == "two\nthree\n"
    assert "no server" in refused(capsys, "problems", "logs", problem, "selector-9")


@pytest.mark.parametrize("line", [["users", "list"], ["problems", "list"], ["servers"], ["audit"]])
def test_without_a_platform_nothing_is_made(
    line: list[str], home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "There is no platform" in refused(capsys, *line)
    assert not home.exists()


def test_a_database_of_an_older_release_is_left_to_the_one_that_runs(
    home: Path, lab: ApiLab, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fedota_server.webserver.schema.newest_revision", lambda: "9999")
    with locked_home(home):
        assert "another `fedota up`" in refused(capsys, "users", "list")
    assert "ada@example.org" in said(capsys, "users", "list")


def test_both_work_at_the_same_time(
    home: Path, lab: ApiLab, capsys: pytest.CaptureFixture[str]
) -> None:
    with locked_home(home):
        assert "ada@example.org" in said(capsys, "users", "list")


def test_a_backup_is_restored_into_another_folder(
    lab: ApiLab, problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "monday.tar.gz"
    assert "1 problem and 5 accounts" in said(capsys, "backup", str(file))
    assert "is there already" in refused(capsys, "backup", str(file))
    other = tmp_path / "other"
    restored = said(capsys, "--home", str(other), "restore", str(file))
    assert "1 problem and 5 accounts" in restored
    assert (other / "problems" / problem / "model.keras").exists()
    database = Database(f"sqlite:///{other / 'fedota.db'}")
    with database.session() as session:
        assert session.get_one(ProblemRow, problem).title == "Relapse"
    database.close()
    assert "is not empty" in refused(capsys, "--home", str(other), "restore", str(file))


@pytest.mark.parametrize(("state", "code"), [(State.WARNING, 0), (State.PROBLEM, 1)])
def test_the_doctor_fails_where_something_does_not_work(
    state: State,
    code: int,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    findings = [
        Finding("disk", State.OK, "60 GB are free"),
        Finding("clock", state, "it is late", "Set it."),
    ]
    monkeypatch.setattr(Doctor, "checks", lambda _: findings)
    assert run(["doctor"]) == code
    shown = capsys.readouterr().out
    assert "60 GB are free" in shown
    assert "→ Set it." in shown
    assert run(["doctor", "--json"]) == code
    assert json.loads(capsys.readouterr().out)[1]["state"] == state.value


def test_the_roles_of_the_command_line_are_those_of_the_platform(
    lab: ApiLab, capsys: pytest.CaptureFixture[str]
) -> None:
    roles = [part for role in Role for part in ("--role", role.value)]
    made = told(capsys, "users", "add", "all@example.org", "--name", "All", *roles)
    assert made["account"]["roles"] == sorted(role.value for role in Role)
