"""What goes wrong on the command line is one sentence: exit code 2 for the line itself, else 1."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
import typer

from fedota_proto.invite import Invite
from fedota_server.command_line import app, run

TOML = """
[problem]
title = "T"
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


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FEDOTA_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def problem(tmp_path: Path) -> Path:
    folder = tmp_path / "problem"
    folder.mkdir()
    (folder / "problem.toml").write_text(TOML)
    (folder / "m.keras").write_bytes(b"no zip")
    return folder


def said(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err + captured.out
    return captured.err


def commands() -> list[tuple[str, ...]]:
    group = typer.main.get_command(app)
    assert isinstance(group, click.Group)
    found: list[tuple[str, ...]] = []
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            found += [(name, inner) for inner in command.commands]
        else:
            found.append((name,))
    return found


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_every_command_shows_an_example(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*command, "--help"]) == 0
    shown = capsys.readouterr().out
    assert "Example" in shown
    assert f"fedota {' '.join(command)}" in shown or command == ("init",)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["serv"], "Did you mean 'serve'"),
        (["invite"], "Missing argument 'DIR'"),
        (["serve", "x", "--selectors", "none"], "not a valid int"),
        (["serve", "x", "--selector", "2"], "--selectors"),
        (["init", "--ca-cert", "ca.pem"], "--ca-key"),
        (["export", "PROBLEM", "--out", "model.h5"], "must end in .keras"),
    ],
)
def test_a_wrong_command_line_is_exit_code_2(
    line: list[str], words: str, problem: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([str(problem) if part == "PROBLEM" else part for part in line]) == 2
    assert words in said(capsys)


def test_a_misspelt_variable_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FEDOTA_HOEM", "/nowhere")
    assert run(["init"]) == 2
    assert "did you mean FEDOTA_HOME?" in said(capsys)


@pytest.mark.parametrize("name", ["serve", "status", "pause", "problem check", "invite"])
def test_a_folder_that_is_no_problem_is_one_sentence(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    extra = ["north"] if name == "invite" else []
    assert run([*name.split(), str(tmp_path / "none"), *extra]) == 1
    assert "has no problem.toml" in said(capsys)


@pytest.mark.parametrize("line", [["invite", "north"], ["serve"]])
def test_without_a_platform_the_command_that_makes_one_is_named(
    line: list[str], problem: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([line[0], str(problem), *line[1:]]) == 1
    assert "run `fedota init`" in said(capsys)


@pytest.mark.parametrize(
    "line", [["status"], ["pause"], ["resume"], ["stop"], ["rollback", "1"], ["selectors", "3"]]
)
def test_a_command_to_nobody_says_that_nothing_serves(
    line: list[str], problem: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([line[0], str(problem), *line[1:]]) == 1
    assert "Nothing serves" in said(capsys)
    assert run(["init"]) == 0
    assert run(["invite", str(problem), "north"]) == 0
    assert run([line[0], str(problem), *line[1:]]) == 1
    assert "Nothing serves" in said(capsys)


def test_revoking_somebody_unknown_lists_the_known(
    problem: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["revoke", str(problem), "north"]) == 2
    assert "No invite was made for north" in said(capsys)


def test_an_invite_is_made_before_serve_and_names_the_ports(
    problem: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["init"]) == 0
    capsys.readouterr()
    out = tmp_path / "north.invite"
    assert run(["invite", str(problem), "north"]) == 0
    shown = Invite.parse(capsys.readouterr().out)
    assert len(shown.selectors) == 2
    assert run(["invite", str(problem), "south", "--out", str(out)]) == 0
    assert Invite.parse(out.read_text()).selectors == shown.selectors[::-1]
    assert run(["invite", str(problem), "north"]) == 2
    assert "has an invite already" in said(capsys)


def test_home_may_stand_anywhere(
    problem: Path, tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    assert run(["--home", str(other), "init"]) == 0
    assert run(["invite", str(problem), f"--home={other}", "north"]) == 0
    assert not home.exists()
    assert run(["init", "--home"]) == 2


def test_every_mistake_of_a_problem_is_told_at_once(
    problem: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = TOML.replace("goal_count", "goal_cuont").replace('"FedAvg"', '"FedAvgg"')
    (problem / "problem.toml").write_text(text)
    assert run(["problem", "check", str(problem)]) == 1
    words = said(capsys)
    assert "goal_count" in words
    assert "FedAvg" in words
    assert "m.keras: " in words


def test_problem_new_overwrites_nothing(
    problem: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["problem", "new", str(problem), "--sample", str(tmp_path / "s.csv")]
    assert run([*line, "--model", str(problem / "m.keras")]) == 1
    assert "m.keras" in said(capsys)
    assert (problem / "problem.toml").read_text() == TOML


@pytest.mark.parametrize("sample", ["pictures", "a.png"])
def test_problem_new_says_where_formats_without_a_sample_are_described(
    problem: Path, tmp_path: Path, sample: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pictures").mkdir()
    line = ["problem", "new", str(tmp_path / "new"), "--sample", str(tmp_path / sample)]
    assert run([*line, "--model", str(problem / "m.keras")]) == 1
    assert "write its [data] as docs/data-formats.md says" in " ".join(said(capsys).split())
    assert not (tmp_path / "new").exists()


def test_export_before_the_first_round_says_so(
    problem: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["export", str(problem), "--out", str(tmp_path / "m.keras")]) == 1
    assert "no completed round yet" in said(capsys)


def test_run_app_wants_a_flower_app(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["run-app", str(tmp_path)]) == 1
    assert "no Flower app" in said(capsys)
    (tmp_path / "pyproject.toml").write_text("")
    assert run(["run-app", str(tmp_path), "--run-config", "lr"]) == 2
    assert "KEY=VALUE" in said(capsys)


def test_demo_wants_an_example(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["demo", "--example", str(tmp_path)]) == 1
    assert "is no example" in said(capsys)


def test_ctrl_c_is_told(
    problem: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("fedota_server.commands.export.folder_at", interrupted)
    assert run(["export", str(problem), "--out", "x.keras"]) == 130
    assert said(capsys) == "fedota: stopped.\n"
