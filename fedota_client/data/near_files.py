"""What was meant, where a data folder lacks the file that is looked for."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import islice
from pathlib import Path, PurePath

_SPREADSHEETS = (".xlsx", ".xls", ".xlsm", ".ods")
_TEXT_TABLES = (".txt", ".tsv", ".dat")
_PACKED = (".gz", ".zip", ".xz", ".bz2", ".zst")
_LOOKED_AT = 2_000


def near_file(place: Path, suffixes: Sequence[str], wanted: str = "") -> str:
    """Say what to do with a file that could be the one that is missing.

    Parameters
    ----------
    place
        The data's folder.
    suffixes
        Endings of the files that count.
    wanted
        Name without ending that it must bear; empty: any.

    Returns
    -------
    str
        A sentence or two; empty where there is no such file.
    """
    csv = ".csv" in suffixes
    names = [name for name, is_folder in _entries(place) if not is_folder]
    names.sort(key=lambda name: (wanted not in name.lower(), name))  # the likeliest first
    for name in names:
        bare, ending = os.path.splitext(name.lower())
        target = f"{wanted or PurePath(name).stem}.csv"
        if bare.endswith(tuple(suffixes)):
            real = PurePath(name).stem
            right = f"{wanted}{PurePath(real).suffix.lower()}" if wanted else real
            do = "Unpack" if ending in _PACKED else "Rename"
            return f"Is it {name!r}? {do} it to {right}."
        if csv and ending in _SPREADSHEETS:
            return f"Is it {name!r}? Save it as “CSV UTF-8”, under the name {target}."
        if csv and ending in _TEXT_TABLES and (not wanted or wanted in bare):
            return f"Is it {name!r}? If it is a table with commas, rename it to {target}."
    return _near_in_folders(place, suffixes, wanted)


def _near_in_folders(place: Path, suffixes: Sequence[str], wanted: str) -> str:
    folders = sorted(name for name, is_folder in _entries(place) if is_folder)
    for folder in folders:
        for name, is_folder in sorted(_entries(place / folder)):
            bare, ending = os.path.splitext(name.lower())
            if is_folder or ending not in suffixes or wanted not in ("", bare):
                continue
            path = f"{folder}/{name}"
            if wanted:
                return (
                    f"Is it {path!r}? Move it up, and let the paths in it begin with {folder}/; or "
                    "name that folder as your data."
                )
            return (
                f"Files in folders of it, as {path!r}, do not count: move them up, or name that "
                "folder."
            )
    return ""


def _entries(folder: Path) -> list[tuple[str, bool]]:
    """List some of a folder's names, and whether each is a folder; hidden ones are left out."""
    try:
        with os.scandir(folder) as found:
            some = list(islice(found, _LOOKED_AT))
    except OSError:
        return []
    return [(one.name, one.is_dir()) for one in some if not one.name.startswith(".")]
