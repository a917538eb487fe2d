"""Help pages: plain text, with examples."""

from __future__ import annotations

import pytest

from fedota_server.command_line import run

COMMANDS = (
    "init",
    "problem new",
    "problem check",
    "serve",
    "invite",
    "status",
    "pause",
    "resume",
    "stop",
    "revoke",
    "rollback",
    "selectors",
    "export",
    "run-app",
    "demo",
    "users list",
    "users add",
    "users roles",
    "users disable",
    "users enable",
    "users reset",
    "problems list",
    "problems show",
    "problems start",
    "problems pause",
    "problems resume",
    "problems stop",
    "problems rollback",
    "problems scale",
    "problems archive",
    "problems logs",
    "servers",
    "audit",
    "doctor",
    "backup",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_shows_how_it_is_used(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*command.split(), "--help"]) == 0
    page = capsys.readouterr().out
    assert "\\[" not in page
    _, _, examples = page.partition("Example")
    assert f"  fedota {command}" in examples
