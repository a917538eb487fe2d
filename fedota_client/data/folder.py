"""The files of a data folder that has no folders in it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from fedota_client.data.findings import FileRefusedError, Finding
from fedota_client.data.near_files import near_file


def data_files(place: Path, suffixes: Sequence[str], what: str) -> list[Path]:
    """List the files of a folder that count.

    Parameters
    ----------
    place
        A folder, whose own files count and not those of folders in it; or one file.
    suffixes
        Their names' endings, in lower case.
    what
        How such a file is called.

    Returns
    -------
    list of Path
        In the order of their names; hidden files are left out.

    Raises
    ------
    FileRefusedError
        If there is none.
    """
    if place.is_file():
        return [place]
    if not place.is_dir():
        raise FileRefusedError(
            Finding(
                "folder",
                "",
                f"no folder {str(place)!r}",
                remedy="Name the folder that holds your data.",
            )
        )
    try:
        found = sorted(
            path
            for path in place.iterdir()
            if path.suffix.lower() in suffixes and not path.name.startswith(".") and path.is_file()
        )
    except OSError as error:
        raise FileRefusedError(unreadable_folder("", error)) from error
    for path in found:
        if strange := strange_name(path.name):
            raise FileRefusedError(strange)
    if not found:
        named = " or ".join(f"*{suffix}" for suffix in suffixes)
        raise FileRefusedError(
            Finding(
                "empty-folder",
                "",
                f"no {what} in {str(place)!r}",
                remedy=near_file(place, suffixes)
                or f"Put your data there as one or more files named {named}.",
            )
        )
    return found


def unreadable_folder(name: str, error: OSError) -> Finding:
    """Say that a folder cannot be read; `name` is empty for the data's folder itself."""
    reason = error.strerror or error
    return Finding(
        "unreadable",
        name,
        f"it cannot be read ({reason})" if name else f"a folder that cannot be read ({reason})",
        remedy=_remedy_of(error),
    )


def unreadable(name: str, error: OSError) -> Finding:
    """Say that a file cannot be read."""
    return Finding(
        "unreadable",
        name,
        f"it cannot be read ({error.strerror or error})",
        remedy=_remedy_of(error),
    )


def _remedy_of(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return "Give the user who runs this the right to read it, or remove it."
    return "Look whether it is there and whole, or remove it."


def strange_name(name: str, folder: str = "") -> Finding | None:
    """Refuse a file's name that no text can hold, as an old program may have packed it.

    Parameters
    ----------
    name
        As the system gave it.
    folder
        What stands before it in findings, with its ``/``.
    """
    try:
        name.encode()
    except UnicodeEncodeError:
        return Finding(
            "name",
            folder + os.fsencode(name).decode("utf-8", "backslashreplace"),
            "it has a name that is not UTF-8",
            remedy="Rename it.",
        )
    return None
