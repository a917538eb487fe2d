"""What a Flower app's folder says of its server side."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flwr.app import UserConfig, UserConfigValue

from fedota_proto.errors import FolderError, UsageError

PROJECT_FILE = "pyproject.toml"

_PAIR = re.compile(r"(\S+?)=('[^']*'|\"[^\"]*\"|\S+)")


@dataclass(frozen=True, slots=True)
class AppFolder:
    """A Flower app.

    Parameters
    ----------
    folder
        Its own.
    reference
        ``module:attribute`` of the ServerApp.
    run_config
        ``[tool.flwr.app.config]``, names of nested tables joined by dots.
    mean
        Whether ``[tool.fedota]`` declares ``aggregation = "mean"``.
    """

    folder: Path
    reference: str
    run_config: UserConfig
    mean: bool


def read_app_folder(folder: Path, run_config: str = "") -> AppFolder:
    """Read an app's pyproject.toml.

    Parameters
    ----------
    folder
        The app's.
    run_config
        Values that go before those in the file, as ``key=value key="a text"``.

    Raises
    ------
    FolderError
        The file is missing, malformed, or names no ServerApp.
    UsageError
        `run_config` is malformed, or has a key that the app does not know.
    """
    path = folder / PROJECT_FILE
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FolderError(
            f"{folder} is no Flower app: its {PROJECT_FILE} cannot be read ({error.strerror})."
        ) from error
    except ValueError as error:
        raise FolderError(f"{path} is not valid TOML: {error}.") from error
    tool = _table(document, "tool")
    app = _table(_table(tool, "flwr"), "app")
    reference = _table(app, "components").get("serverapp")
    if not isinstance(reference, str) or not all(reference.partition(":")):
        raise FolderError(
            f"{path} names no ServerApp: under [tool.flwr.app.components] it must have a line like "
            'serverapp = "module:app".'
        )
    config = flattened(_table(app, "config"), path)
    for key, value in parse_run_config(run_config).items():
        if key not in config:
            known = ", ".join(sorted(config)) or "none"
            raise UsageError(f"The app has no run configuration {key!r}; it has: {known}.")
        config[key] = value
    aggregation = _table(tool, "fedota").get("aggregation", "forwarded")
    if aggregation not in ("mean", "forwarded"):
        raise FolderError(
            f"{path}: [tool.fedota] aggregation is {aggregation!r}; "
            'it may be "mean" or "forwarded".'
        )
    return AppFolder(folder, reference, config, aggregation == "mean")


def parse_run_config(text: str) -> UserConfig:
    """Read ``key=value`` pairs, each value as in TOML.

    Raises
    ------
    UsageError
        A pair is malformed.
    """
    pairs = _PAIR.findall(text)
    if _PAIR.sub("", text).strip():
        raise UsageError(f'The run configuration {text!r} is not of the form key=value key="text".')
    try:
        document = tomllib.loads("\n".join(f"{key} = {value}" for key, value in pairs))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(
            f"The run configuration {text!r} has a value that is no number, truth value or quoted "
            "text.",
            detail=str(error),
        ) from error
    return flattened(document, Path("the run configuration"))


def flattened(table: Mapping[str, Any], source: Path, prefix: str = "") -> UserConfig:
    """Join the names of nested tables by dots.

    Raises
    ------
    FolderError
        A value is none that a run configuration holds.
    """
    flat: dict[str, UserConfigValue] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            flat.update(flattened(value, source, f"{prefix}{key}."))
        elif isinstance(value, bool | int | float | str):
            flat[f"{prefix}{key}"] = value
        else:
            raise FolderError(f"{source}: {prefix}{key} is neither number, text nor truth value.")
    return flat


def _table(document: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = document.get(key, {})
    return value if isinstance(value, dict) else {}
