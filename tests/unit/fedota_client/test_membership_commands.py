"""Pausing, leaving, policies and services as a person types them; JSON everywhere."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
from click.testing import Result
from typer.main import get_command
from typer.testing import CliRunner

from fedota_client.command_line import app
from fedota_client.commands.options import out_of
from fedota_client.home import ClientHome
from fedota_client.leaving import wipe
from fedota_client.policy import rules
from fedota_client.policy.policy import NoiseRule, read_policy
from fedota_client.receipts.book import ReceiptBook
from fedota_client.service_files import ServiceFacts, compose_file, systemd_unit
from fedota_client.settings import ClientSettings
from fedota_proto.credential import SigningKey
from fedota_proto.errors import FolderError
from fedota_proto.invite import Invite, sign_invite
from fedota_server.authority import PlatformHome

KEY = SigningKey.generate()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ClientHome:
    """The folder of the one membership that is known here."""
    monkeypatch.setenv("FEDOTA_CLIENT_HOME", str(tmp_path))
    monkeypatch.setattr(rules, "SYSTEM_POLICY", tmp_path / "etc" / "policy.toml")
    platform = PlatformHome(tmp_path / "platform")
    platform.init()
    invite = sign_invite(
        KEY,
        Invite(
            problem_id="abcdef123456",
            title="Tumours",
            node_id=7,
            name="clinic",
            expires_unix_s=time.time() + 60,
            ca_pem=platform.authority().pem.decode(),
            receipt_public_key=b"r" * 32,
            invite_public_key=KEY.public_bytes,
            selectors=(("localhost:1", "selector-1.abcdef123456.fedota"),),
        ),
    )
    made = ClientHome(tmp_path / "membership")
    made.adopt(invite)
    return made


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(app, list(arguments))
    assert "Traceback" not in result.output
    return result


def test_a_pause_is_a_file(home: ClientHome) -> None:
    assert json.loads(run("pause", "--json").stdout) == {
        "paused": True,
        "file": str(home.pause_file),
    }
    assert home.pause_file.exists()
    assert "Paused" in run("pause").stdout
    assert "Resumed" in run("resume").stdout
    assert not home.pause_file.exists()
    assert json.loads(run("resume", "--json").stdout)["paused"] is False


def test_leaving_asks_first_and_needs_somebody_to_ask(home: ClientHome) -> None:
    result = run("leave")
    assert result.exit_code == 2
    assert "repeat the command with --yes" in result.stderr


def test_what_is_wiped_and_what_stays(home: ClientHome) -> None:
    invite = home.invite()
    assert invite is not None
    book = ReceiptBook(home.folder, home.key(), invite)
    book.close()
    (home.folder / "problem" / "model.keras").write_bytes(b"model")
    (home.folder / "client.log").touch()
    home.pause_file.touch()
    with home.locked():
        assert wipe(home) == ["receipts.head", "receipts.jsonl"]
    assert sorted(os.listdir(home.folder)) == ["receipts.head", "receipts.jsonl"]
    # And they still tell what left.
    assert run("receipts", "--home", str(home.folder)).exit_code == 0


def test_a_folder_that_cannot_be_written_is_one_sentence(home: ClientHome) -> None:
    (home.folder / "lock").mkdir()
    with pytest.raises(FolderError, match="lock cannot be written"), home.locked():
        pass


def test_no_policy(home: ClientHome) -> None:
    assert "No policy holds here" in run("policy").stdout
    assert json.loads(run("policy", "--json").stdout)["policies"] == []


def test_policies_and_platform_are_shown(home: ClientHome, tmp_path: Path) -> None:
    (tmp_path / "clinic.toml").write_text(
        'strategies = ["FedAvg"]\nmaximum_rounds = 5\napps = false\n'
        "[noise]\nclipping_norm = 1\nnoise_multiplier = 2\n"
    )
    invite = home.invite()
    assert invite is not None
    result = run("policy", invite.text, "--policy", str(tmp_path / "clinic.toml"))
    lines = [line.strip() for line in result.stdout.splitlines()]
    assert lines[1:5] == [
        "strategies = FedAvg",
        "maximum_rounds = 5",
        "apps = false",
        "noise = clipping_norm 1, noise_multiplier 2, delta 1e-05, epsilon_max 0",
    ]
    assert lines[5] == f"The invite's platform: {rules.platform_sha256(invite.ca_pem)}"


def test_the_machines_policy_holds_whatever_is_named(home: ClientHome, tmp_path: Path) -> None:
    rules.SYSTEM_POLICY.parent.mkdir()
    rules.SYSTEM_POLICY.write_text("maximum_rounds = 5\n")
    (tmp_path / "mine.toml").write_text("maximum_rounds = 1000\n")
    shown = json.loads(run("policy", "--json", "--policy", str(tmp_path / "mine.toml")).stdout)
    assert [one["maximum_rounds"] for one in shown["policies"]] == [5, 1000]


FACTS = ServiceFacts(
    title="100% Tumours",
    problem_id="abcdef123456",
    program=("/opt/fedota/bin/fedota-client",),
    data=Path("/srv/my tables"),
    home=Path("/var/lib/ann/.fedota-client/abc"),
    image="fedota/client:latest",
    user="1000:1000",
    more=("--hours=22:00-06:00",),
)


def test_a_systemd_unit() -> None:
    unit = systemd_unit(FACTS)
    assert "Description=Fedota client: 100%% Tumours\n" in unit
    assert (
        "ExecStart=/opt/fedota/bin/fedota-client join --home /var/lib/ann/.fedota-client/abc "
        '--data "/srv/my tables" --hours=22:00-06:00\n'
    ) in unit
    assert "RestartPreventExitStatus=2 3\n" in unit


def test_a_compose_file() -> None:
    text = compose_file(FACTS)
    assert 'command: ["join", "--hours=22:00-06:00"]' in text
    assert '- {type: bind, source: "/srv/my tables", target: /data, read_only: true}' in text
    assert '- {type: bind, source: "/var/lib/ann/.fedota-client/abc", target: /fedota}' in text
    assert 'user: "1000:1000"' in text


@pytest.mark.parametrize("kind", ["systemd", "compose"])
def test_services_are_written_for_this_membership(
    home: ClientHome, tmp_path: Path, kind: str
) -> None:
    result = run("service", kind, "--data", str(tmp_path), "--json")
    document = json.loads(result.stdout)
    assert document["name"] == "fedota-abcdef123456"
    assert str(home.folder) in document["text"]
    assert run("service", kind, "--data", str(tmp_path)).stdout == document["text"]
    assert run("service", kind).exit_code == 2


def test_in_a_container_services_name_the_folders_of_the_shown_command(
    home: ClientHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEDOTA_CLIENT_CONTAINER", "true")
    for place in ("check_data", "check_home"):
        monkeypatch.setattr(f"fedota_client.commands.options.{place}", lambda path: None)
    written = run("service", "compose", "--data", str(tmp_path)).stdout
    assert '- {type: bind, source: "./data", target: /data, read_only: true}' in written
    assert '- {type: bind, source: "./fedota", target: /fedota}' in written
    assert written.startswith("# Save as compose.yaml beside your folders data, fedota and run")
    refused = run("service", "systemd", "--data", str(tmp_path))
    assert refused.exit_code == 2
    assert "service compose" in refused.output


def test_results_go_where_they_outlive_a_container(tmp_path: Path) -> None:
    plain = ClientSettings(folder=tmp_path / "fedota")
    inside = plain.model_copy(update={"container": True})
    assert out_of(None, "personal", None, plain) == Path("personal")
    assert out_of(None, "personal", None, inside) == tmp_path / "fedota" / "personal"
    assert out_of(tmp_path / "mine", "personal", None, plain) == tmp_path / "mine"
    with pytest.raises(FolderError, match=r"lost with the container: .* --out /fedota/mine"):
        out_of(Path("/mine"), "personal", None, inside)


def test_every_command_writes_json_and_has_examples() -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]
    for name, command in commands.items():
        if name == "job":
            continue  # jobs write files
        options = {option for parameter in command.params for option in parameter.opts}
        assert "--json" in options, name
        assert "Example" in (command.help or ""), name


def test_a_shell_completes_commands() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "fedota_client"],
        env={
            **os.environ,
            "_FEDOTA_CLIENT_COMPLETE": "complete_bash",
            "COMP_WORDS": "fedota-client per",
            "COMP_CWORD": "1",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout.split() == ["personalize"]


def test_a_policy_in_the_documentation_is_one() -> None:
    from fedota_client.policy import policy

    text = (policy.__doc__ or "").partition("::\n")[2]
    assert tomllib.loads(text)["noise"]["epsilon_max"] == 8.0


def test_the_policy_in_usage_is_one(tmp_path: Path) -> None:
    usage = (Path(__file__).parents[3] / "USAGE.md").read_text()
    (text,) = re.findall(r"```toml\n(.*?)```", usage, re.DOTALL)
    (tmp_path / "policy.toml").write_text(text)
    assert read_policy(tmp_path / "policy.toml").noise == NoiseRule(1.0, 1.0, epsilon_max=8.0)


def test_usage_names_every_command_and_option(tmp_path: Path) -> None:
    usage = (Path(__file__).parents[3] / "USAGE.md").read_text()
    part = usage.partition("## A data holder")[2].partition("\n## ")[0]
    commands = get_command(app).commands  # type: ignore[attr-defined]
    for name in set(commands) - {"job", "version"}:
        assert name in part, name
    known = {o for command in commands.values() for p in command.params for o in p.opts}
    known |= {"--install-completion", "--help"}
    own = re.sub(r"docker run .*", "", part)  # whose options are Docker's
    for option in re.findall(r"--[a-z][a-z-]+", own):
        assert option in known, option
