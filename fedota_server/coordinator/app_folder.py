"""What a Flower app's folder says of its server side."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flwr.app import UserConfig

from fedota_proto.errors import FolderError
from fedota_proto.run_config import flattened, overridden, parse_run_config

PROJECT_FILE = "pyproject.toml"


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
    config = flattened(_table(app, "config"), place=f"{path}: [tool.flwr.app.config]")
    config = overridden(config, parse_run_config(run_config))
    aggregation = _table(tool, "fedota").get("aggregation", "forwarded")
    if aggregation not in ("mean", "forwarded"):
        raise FolderError(
            f"{path}: [tool.fedota] aggregation is {aggregation!r}; "
            'it may be "mean" or "forwarded".'
        )
    return AppFolder(folder, reference, config, aggregation == "mean")


def _table(document: dict[str, Any], key: str) -> dict[str, Any]:
    value = document.get(key, {})
    return value if isinstance(value, dict) else {}
