"""Help pages: plain text, with examples."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from fedota_client.command_line import app


@pytest.mark.parametrize("command", [[], ["join"], ["leave"]])
def test_help_shows_how_it_is_used(command: list[str]) -> None:
    result = CliRunner().invoke(app, [*command, "--help"])
    assert result.exit_code == 0
    assert "\\[" not in result.output
    assert f"  fedota-client {' '.join(command) or 'join'} " in result.output
