"""The run configuration of a Flower app: what its pyproject.toml says, and what a run overrides."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping

from fedota_proto.errors import FolderError, UsageError

ConfigValue = bool | int | float | str

_PAIR = re.compile(r"(\S+?)=('[^']*'|\"[^\"]*\"|\S+)")
_PLACE = "[tool.flwr.app.config]"


def flattened(
    table: Mapping[str, object], prefix: str = "", *, place: str = _PLACE
) -> dict[str, ConfigValue]:
    """Join the names of nested tables by dots, as Flower gives them to an app.

    Parameters
    ----------
    table
        From TOML.
    prefix
        Of the names.
    place
        Where it stands, for the message.

    Returns
    -------
    dict
        Plain values by name.

    Raises
    ------
    FolderError
        If a value is neither a number, a text, a truth value nor a table.
    """
    flat: dict[str, ConfigValue] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            flat.update(flattened(value, f"{prefix}{key}.", place=place))
        elif isinstance(value, bool | int | float | str):
            flat[prefix + key] = value
        else:
            raise FolderError(
                f"{place} {prefix}{key} is a {type(value).__name__}; Flower takes numbers, texts, "
                "truth values and tables of these."
            )
    return flat


def parse_run_config(text: str) -> dict[str, ConfigValue]:
    """Read ``key=value key="a text"`` pairs, each value as in TOML.

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
    return flattened(document, place="the run configuration's")


def overridden(
    config: Mapping[str, ConfigValue], overrides: Mapping[str, ConfigValue]
) -> dict[str, ConfigValue]:
    """Put a run's own values in place of an app's.

    Raises
    ------
    UsageError
        The app knows no such key.
    """
    for key in overrides:
        if key not in config:
            known = ", ".join(sorted(config)) or "none"
            raise UsageError(f"The app has no run configuration {key!r}; it has: {known}.")
    return {**config, **overrides}
