"""All pictures of a folder and of the folders in it, by the paths that labels call them."""

from __future__ import annotations

import os
import unicodedata
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from fedota_client.data.findings import Finding
from fedota_client.data.folder import strange_name, unreadable_folder
from fedota_proto.data_format.images import IMAGE_SUFFIXES


@dataclass(frozen=True, slots=True)
class PictureFolder:
    """The pictures of a data folder.

    Parameters
    ----------
    place
        The folder.
    paths
        Of each picture, folder after folder, by name.
    number_of
        Its place in `paths`, by `label_key` of its path from the folder.
    refused
        Places of those that must not be opened; why is among the findings.
    findings
        What is wrong with the folder.
    """

    place: Path
    paths: list[Path]
    number_of: dict[str, int]
    refused: frozenset[int]
    findings: tuple[Finding, ...]

    def name_of(self, number: int) -> str:
        """Return how findings call a picture."""
        return self.paths[number].relative_to(self.place).as_posix()


def label_key(path: str) -> str:
    """Return what is the same for all ways to write a path: ``./a.png``, a composed ``é``."""
    return unicodedata.normalize("NFC", PurePosixPath(path).as_posix())


def find_pictures(place: Path) -> PictureFolder:
    """List the pictures of a folder; hidden files and folders, and other files, are left out.

    A link is not followed out of the folder, and one to a folder in it not at all: what it leads to
    is found in its own place.

    Parameters
    ----------
    place
        The data's folder.

    Returns
    -------
    PictureFolder
        Pictures, and what is wrong.
    """
    root = os.path.realpath(place)
    paths: list[Path] = []
    refused: list[int] = []
    findings: list[Finding] = []
    folders = [place]
    while folders:
        folder = folders.pop()
        name = folder.relative_to(place).as_posix()
        try:
            with os.scandir(folder) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            findings.append(unreadable_folder("" if folder == place else f"{name}/", error))
            continue
        inner = []
        for entry in entries:
            path = folder / entry.name
            is_picture = path.suffix.lower() in IMAGE_SUFFIXES
            if entry.name.startswith("."):
                continue
            strange = strange_name(entry.name, "" if folder == place else f"{name}/")
            if strange is not None:
                if is_picture or entry.is_dir():
                    findings.append(strange)
                continue
            if entry.is_symlink():
                leads_out = leads_out_of(root, path)
                if leads_out and (is_picture or entry.is_dir()):
                    findings.append(link_out(path.relative_to(place).as_posix()))
                if not is_picture or entry.is_dir():
                    continue
                if leads_out:
                    refused.append(len(paths))
            elif entry.is_dir():
                inner.append(path)
                continue
            elif not (is_picture and entry.is_file()):
                continue
            paths.append(path)
        folders += reversed(inner)
    numbers = {label_key(p.relative_to(place).as_posix()): n for n, p in enumerate(paths)}
    return PictureFolder(place, paths, numbers, frozenset(refused), tuple(findings))


def leads_out_of(root: str, path: Path) -> bool:
    """Tell whether a link leads out of a folder, whose own real path is given."""
    return os.path.commonpath([os.path.realpath(path), root]) != root


def link_out(name: str) -> Finding:
    """Refuse a link that leads out of the data's folder."""
    return Finding(
        "link",
        name,
        "it is a link that leads out of the data's folder",
        remedy="Copy what it leads to into the folder, or remove it.",
    )
