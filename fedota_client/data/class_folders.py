"""A folder for each class: which files there are."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fedota_client.data.findings import Finding, listed
from fedota_client.data.folder import strange_name, unreadable_folder


@dataclass(frozen=True, slots=True)
class ClassFolders:
    """The files of a data folder.

    Parameters
    ----------
    files
        One list for each class, in the order of their names.
    findings
        What is wrong with the folders.
    """

    files: tuple[tuple[Path, ...], ...]
    findings: tuple[Finding, ...]

    @property
    def labelled(self) -> list[tuple[Path, int]]:
        """Every file with its class's index, class after class."""
        return [(path, index) for index, paths in enumerate(self.files) for path in paths]


def find_class_folders(
    place: Path, classes: Sequence[str], suffixes: Sequence[str], what: str
) -> ClassFolders:
    """List the files in each class's folder.

    Hidden files are left out. That a class has no folder is no mistake: holders may lack some.

    Parameters
    ----------
    place
        The data's folder.
    classes
        Names of the folders.
    suffixes
        Of the files that count, in lower case.
    what
        How such files are called, as ``PNG or JPEG file``.

    Returns
    -------
    ClassFolders
        Files, and what is wrong.
    """
    if not place.is_dir():
        remedy = f"Name the folder that holds a folder for each class: {listed(list(classes))}."
        gone = Finding("folder", "", f"no folder {str(place)!r}", remedy=remedy)
        return ClassFolders(tuple(() for _ in classes), (gone,))
    try:
        entries, findings = _named(place, "")
        folders = [path for path in entries if path.is_dir()]
    except OSError as error:
        return ClassFolders(tuple(() for _ in classes), (unreadable_folder("", error),))
    if not {path.name for path in folders} & set(classes):
        findings.append(
            Finding(
                "folder",
                "",
                f"no folder of a class in {str(place)!r}",
                remedy=f"Put each {what} into the folder of its class: {listed(list(classes))}.",
            )
        )
    else:
        findings += [_strange(path, classes) for path in folders if path.name not in classes]
        findings += [_stray(path) for path in entries if path.suffix.lower() in suffixes]
    files = []
    for name in classes:
        found, wrong = _files_in(place / name, suffixes, what)
        files.append(found)
        findings += wrong
    return ClassFolders(tuple(files), tuple(findings))


def _files_in(
    folder: Path, suffixes: Sequence[str], what: str
) -> tuple[tuple[Path, ...], list[Finding]]:
    if not folder.is_dir():
        return (), []
    try:
        entries, strange = _named(folder, f"{folder.name}/")
    except OSError as error:
        return (), [unreadable_folder(f"{folder.name}/", error)]
    found = tuple(p for p in entries if p.suffix.lower() in suffixes and not p.is_dir())
    findings = strange + [
        Finding(
            "foreign",
            f"{folder.name}/{path.name}",
            "it is a folder" if path.is_dir() else f"it is no {what}",
            remedy="Move it out of here.",
        )
        for path in entries
        if path.is_dir() or path.suffix.lower() not in suffixes
    ]
    if not found:
        findings.append(
            Finding(
                "empty-folder",
                f"{folder.name}/",
                f"it holds no {what}",
                remedy="Fill the folder or remove it.",
                level="notice",
            )
        )
    return found, findings


def _named(folder: Path, prefix: str) -> tuple[list[Path], list[Finding]]:
    """List what lies in a folder and is not hidden; and what has a name that no text can hold."""
    entries: list[Path] = []
    findings: list[Finding] = []
    for path in sorted(path for path in folder.iterdir() if not path.name.startswith(".")):
        strange = strange_name(path.name, prefix)
        if strange is None:
            entries.append(path)
        else:
            findings.append(strange)
    return entries, findings


def _strange(path: Path, classes: Sequence[str]) -> Finding:
    near = difflib.get_close_matches(path.name, classes, n=1)
    return Finding(
        "strange-folder",
        f"{path.name}/",
        "it bears the name of no class",
        expected=f"one of {listed(list(classes))}",
        remedy=f"Is it {near[0]!r}? Rename it." if near else "Rename it or move it out of here.",
    )


def _stray(path: Path) -> Finding:
    return Finding(
        "stray",
        path.name,
        "it lies in no class's folder",
        remedy="Move it into the folder of its class.",
    )
