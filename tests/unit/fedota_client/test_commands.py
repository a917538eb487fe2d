"""What a person types, and the one sentence that they see when it goes wrong."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from fedota_client.command_line import app
from fedota_client.home import ClientHome
from fedota_client.participation import JoinOptions, load_fields, parse_node_config, run_id
from fedota_client.shared_metrics import ShareMetrics
from fedota_proto.credential import SigningKey
from fedota_proto.invite import Invite, sign_invite

KEY = SigningKey.generate()


@pytest.fixture
def invite() -> Invite:
    return sign_invite(
        KEY,
        Invite(
            problem_id="abcdef123456",
            title="Tumours",
            node_id=7,
            name="clinic",
            expires_unix_s=time.time() + 60,
            ca_pem="ca",
            receipt_public_key=b"r" * 32,
            invite_public_key=KEY.public_bytes,
            selectors=(("localhost:1", "selector-1.abcdef123456.fedota"),),
        ),
    )


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FEDOTA_CLIENT_HOME", str(tmp_path / "base"))
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


def run(*arguments: str, stdin: str = "") -> Result:
    return CliRunner().invoke(app, list(arguments), input=stdin)


def said(result: Result, exit_code: int) -> str:
    """Check that it ended in one sentence and no traceback."""
    assert result.exit_code == exit_code, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    return result.stderr.strip()


def test_version() -> None:
    result = run("version")
    assert result.exit_code == 0
    assert "protocol 1" in result.stdout


def test_the_exit_codes_are_documented() -> None:
    output = run("join", "--help").output
    for code in ("130", "143", "0 the problem is finished"):
        assert code in output


def test_either_data_or_an_app(invite: Invite, data: Path) -> None:
    assert "either --data" in said(run("join", invite.text), 2)
    both = run("join", invite.text, "--data", str(data), "--app", str(data))
    assert "either --data" in said(both, 2)


@pytest.mark.parametrize("command", ["join", "check", "personalize"])
def test_a_data_folder_that_is_not_there(
    invite: Invite, data: Path, tmp_path: Path, command: str
) -> None:
    nowhere = data / "nowhere"
    result = run(command, invite.text, "--data", str(nowhere), "--home", str(tmp_path / "home"))
    told = said(result, 1)
    assert told == f"The data folder {nowhere} does not exist: name yours with --data."


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        ("data", "The data {} does not exist: name a folder or file with --data."),
        ("model", "The model {} does not exist: name a .keras file, as personal.keras."),
        ("format", "The format {} does not exist: name a format.toml with --format."),
    ],
)
def test_what_predict_lacks_is_one_sentence(data: Path, missing: str, told: str) -> None:
    paths = dict.fromkeys(("data", "model", "format"), data)
    paths[missing] = data / "nowhere"
    more = ("--data", str(paths["data"]), "--format", str(paths["format"]))
    assert said(run("predict", str(paths["model"]), *more), 1) == told.format(paths[missing])


def test_an_apps_folder_that_is_not_there(invite: Invite, data: Path) -> None:
    result = run("join", invite.text, "--app", str(data / "nowhere"))
    assert "nowhere does not exist: name it with --app." in said(result, 1)


def test_a_folder_that_cannot_be_reached(invite: Invite, data: Path) -> None:
    place = str(data / ("x" * 300))
    assert "cannot be reached (File name too long)." in said(run("join", "--data", place), 1)


def test_an_unknown_option() -> None:
    assert run("join", "--fast").exit_code == 2


@pytest.mark.parametrize("text", ["fedota1:nonsense", "hello"])
def test_a_malformed_invite(data: Path, text: str) -> None:
    assert "not a whole invite" in said(run("join", text, "--data", str(data)), 1)


def test_an_invites_file_that_is_not_there(data: Path) -> None:
    result = run("join", str(data / "clinic.invite"), "--data", str(data))
    assert "cannot be read" in said(result, 2)


def test_no_invite_and_nobody_to_ask(data: Path) -> None:
    assert "none is known here" in said(run("join", "--data", str(data)), 2)


def test_a_folder_of_another_membership(invite: Invite, data: Path, tmp_path: Path) -> None:
    other = sign_invite(KEY, dataclasses.replace(invite, node_id=8))
    ClientHome(tmp_path / "mine").adopt(other)
    result = run("join", invite.text, "--data", str(data), "--home", str(tmp_path / "mine"))
    assert "another membership" in said(result, 1)


def test_a_folder_in_use(invite: Invite, data: Path, tmp_path: Path) -> None:
    home = ClientHome(tmp_path / "mine")
    with home.locked():
        result = run("join", invite.text, "--data", str(data), "--home", str(tmp_path / "mine"))
    assert "Another client runs" in said(result, 1)


def test_an_app_is_asked_for_without_any_connection(invite: Invite, data: Path) -> None:
    result = run("join", "-", "--app", str(data), stdin=invite.text)
    assert "--yes" in said(result, 2)
    assert "its own code, with your rights" in result.stdout


def test_a_misspelt_variable(invite: Invite, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEDOTA_CLIENT_CONNECT_TIMOUT_S", "5")
    result = run("join", invite.text, "--data", str(data))
    assert "did you mean FEDOTA_CLIENT_CONNECT_TIMEOUT_S?" in said(result, 2)


def test_node_config_is_for_apps(invite: Invite, data: Path) -> None:
    result = run("join", invite.text, "--data", str(data), "--node-config", "a=1")
    assert "--app alone" in said(result, 2)
    result = run("join", invite.text, "--app", str(data), "--node-config", "a")
    assert "not KEY=VALUE" in said(result, 2)


def test_run_config_is_for_apps(invite: Invite, data: Path) -> None:
    result = run("join", invite.text, "--data", str(data), "--run-config", "a=1")
    assert "--app alone" in said(result, 2)
    result = run("join", invite.text, "--app", str(data), "--run-config", "a=b")
    assert "no number, truth value or quoted text" in said(result, 2)


def test_leaving_asks(invite: Invite, data: Path) -> None:
    assert "--yes" in said(run("leave", invite.text), 2)


def test_node_config_has_flowers_types() -> None:
    assert parse_node_config("") == {}
    assert parse_node_config("""id=3 rate=0.5 on=true name="a" plain=b""") == {
        "id": 3,
        "rate": 0.5,
        "on": True,
        "name": "a",
        "plain": "b",
    }


def test_all_nodes_of_a_problem_have_the_same_run() -> None:
    assert run_id("abcdef123456") == run_id("abcdef123456") != run_id("abcdef123457")
    assert 0 < run_id("abcdef123456") < 1 << 63


def test_what_a_worker_is_told_to_load(invite: Invite, tmp_path: Path) -> None:
    home = ClientHome(tmp_path)
    options = JoinOptions(app=tmp_path, node_config={"a": 1}, run_config={"b": 2})
    app_fields = load_fields(invite, home, options)
    assert app_fields == {
        "mode": "app",
        "app_dir": str(tmp_path),
        "node_config": {"a": 1},
        "run_config": {"b": 2},
        "node_id": 7,
        "run_id": run_id(invite.problem_id),
    }
    home.problem_file.write_text("[problem]")
    fields = load_fields(invite, home, JoinOptions(data=tmp_path))
    assert fields["mode"] == "keras"
    assert fields["problem_toml"] == "[problem]"
    assert fields["data_dir"] == str(tmp_path)


def test_who_shares_no_metrics_evaluates_nothing() -> None:
    assert JoinOptions().evaluates_here
    assert JoinOptions(share=ShareMetrics.COARSE).evaluates_here
    assert not JoinOptions(share=ShareMetrics.NONE).evaluates_here
    assert not JoinOptions(evaluates=False).evaluates_here


def test_what_a_policy_forbids_about_metrics_and_apps(
    invite: Invite, data: Path, tmp_path: Path
) -> None:
    (tmp_path / "policy.toml").write_text("apps = false\n")
    result = run("join", invite.text, "--app", str(data), "--policy", str(tmp_path / "policy.toml"))
    assert "allows no Flower app" in said(result, 3)


@pytest.mark.parametrize(
    ("option", "value"),
    [("--hours", "22-6"), ("--days", "someday"), ("--upload-max", "1kB"), ("--memory-max", "x")],
)
def test_limits_that_are_none(invite: Invite, data: Path, option: str, value: str) -> None:
    arguments = ["join", invite.text, "--app", str(data), option, value, "--yes"]
    assert said(run(*arguments), 2)
