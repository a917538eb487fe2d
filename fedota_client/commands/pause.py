"""``fedota-client pause`` and ``resume``: no work for a while, without stopping the client."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from fedota_client.commands.options import (
    ConfigOption,
    HomeOption,
    InviteArgument,
    JsonOption,
    membership_of,
)
from fedota_client.config_file import client_settings
from fedota_client.plain_errors import plain_errors
from fedota_proto.errors import FolderError


def pause(
    invite: InviteArgument = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Let a running client rest until `resume`: it tells the platform, and is not waited for.

    \b
    Examples:
      fedota-client pause
      fedota-client pause --home /srv/fedota-client
    """
    with plain_errors():
        path = _file(invite, home, config)
        try:
            path.touch(mode=0o600)
        except OSError as error:
            raise FolderError(f"{path} cannot be made ({error.strerror}).") from error
        _say(path, paused=True, as_json=as_json)


def resume(
    invite: InviteArgument = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Let a client work again that was paused.

    \b
    Example:
      fedota-client resume
    """
    with plain_errors():
        path = _file(invite, home, config)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise FolderError(f"{path} cannot be removed ({error.strerror}).") from error
        _say(path, paused=False, as_json=as_json)


def _file(invite: str | None, home: Path | None, config: Path | None) -> Path:
    settings = client_settings(config)
    client_home, _ = membership_of(invite, home, settings)
    return settings.pause_file or client_home.pause_file


def _say(path: Path, *, paused: bool, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"paused": paused, "file": str(path)}))
    elif paused:
        typer.echo(f"Paused: a client works no more while {path} is there.")
    else:
        typer.echo(f"Resumed: {path} is gone.")
