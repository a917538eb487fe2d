"""The client's settings from three places: flags first, then the environment, then config.toml."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from fedota_client.settings import ClientSettings
from fedota_proto.errors import UsageError
from fedota_proto.settings_check import check_environment
from fedota_proto.toml_reader import nearest

CONFIG_FILE = "config.toml"
_PREFIX = "FEDOTA_CLIENT_"
_MOST_BYTES = 1 << 20


def client_settings(config: Path | None = None, **flags: Any) -> ClientSettings:
    """Build the settings, once, at the start of a command.

    Parameters
    ----------
    config
        ``--config``; None: ``FEDOTA_CLIENT_CONFIG``, else config.toml under the home folder if it
        is there.
    flags
        Settings from the command line; None where the flag was left out.

    Returns
    -------
    ClientSettings
        A flag goes before the environment, the environment before the file.

    Raises
    ------
    UsageError
        A variable or a key is unknown or out of bounds; the message names each with its place.
    """
    check_environment(os.environ, ClientSettings)
    given = {name: value for name, value in flags.items() if value is not None}
    path = _config_path(config)
    written = _read(path) if path is not None else {}
    from_file = {
        name: value
        for name, value in written.items()
        if name not in given and f"{_PREFIX}{name}".upper() not in os.environ
    }
    places = {name: f"{path}: {name}" for name in from_file}
    places |= {name: f"--{name.replace('_', '-')}" for name in given}
    try:
        return ClientSettings(**{**from_file, **given, "config": path})
    except ValidationError as error:
        sentences = [
            f"{places.get(str(at), f'{_PREFIX}{at}'.upper())}: {_lowered(mistake['msg'])}."
            for mistake in error.errors(include_url=False, include_input=False)
            for at in mistake["loc"][:1]
        ]
        raise UsageError(" ".join(sentences), detail=str(error)) from None


def _config_path(config: Path | None) -> Path | None:
    named = config or (Path(text) if (text := os.environ.get(f"{_PREFIX}CONFIG")) else None)
    if named is not None:
        return named.expanduser()
    home = Path(os.environ.get(f"{_PREFIX}HOME", ClientSettings.model_fields["home"].default))
    path = home.expanduser() / CONFIG_FILE
    # Of a folder that may not be looked into, more is said where it is used.
    return path if os.path.isfile(path) else None


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            document = tomllib.loads(file.read(_MOST_BYTES).decode("utf-8"))
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}).") from None
    except ValueError as error:
        raise UsageError(f"{path} is not TOML: {error}.") from None
    known = [name for name in ClientSettings.model_fields if name != "config"]
    for key in document:
        if key not in known:
            near = nearest(key, known)
            hint = f"did you mean {near}?" if near else f"known are {', '.join(known)}."
            raise UsageError(f"{path}: {key} is unknown; {hint}")
    return document


def _lowered(text: str) -> str:
    text = text.removeprefix("Value error, ")
    return (text[:1].lower() + text[1:]).rstrip(".")
