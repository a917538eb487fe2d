"""Texts for training: a folder of text files for each class."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fedota_client.data.class_folders import find_class_folders
from fedota_client.data.encodings import not_utf8, utf16_of
from fedota_client.data.findings import Finding, refuse_first
from fedota_client.data.folder import unreadable
from fedota_client.data.spool import MEMORY_BYTES
from fedota_client.examples import Examples, Field, Values
from fedota_client.failures import TaskFailedError
from fedota_proto.data_format import TextFormat
from fedota_proto.data_format.text import INPUT_NAME, TEXT_SUFFIX
from fedota_proto.errors import DataError

WHAT = "text file (*.txt)"
_BYTES_OF_CHARACTER = 4


@dataclass(frozen=True, slots=True)
class SeenText:
    """What was seen of one text.

    Parameters
    ----------
    text
        Without blanks at either end.
    content_hash
        64 bits.
    finding
        Why it was refused, None if it was not.
    """

    text: str
    content_hash: int
    finding: Finding | None = None


def read_texts(
    place: Path, data_format: TextFormat, *, memory_bytes: int = MEMORY_BYTES
) -> Examples | None:
    """Read the texts of a folder.

    Parameters
    ----------
    place
        With a folder for each class.
    data_format
        The problem's.
    memory_bytes
        Up to which all are kept; beyond, each is read again when it is needed.

    Returns
    -------
    Examples
        None if there is no text.

    Raises
    ------
    DataError
        At the first text or folder that does not keep the format.
    """
    folders = find_class_folders(place, data_format.classes, (TEXT_SUFFIX,), WHAT)
    refuse_first(folders.findings)
    labelled = folders.labelled
    if not labelled:
        return None
    paths = [path for path, _ in labelled]
    hashes = np.empty(len(paths), np.uint64)
    kept: np.ndarray | None = np.empty((len(paths), 1), object)
    left_bytes = memory_bytes
    for number, seen in enumerate(look_at_texts(paths, data_format)):
        if seen.finding is not None:
            raise DataError(seen.finding.sentence)
        hashes[number] = seen.content_hash
        left_bytes -= len(seen.text)
        if left_bytes < 0:
            kept = None
        if kept is not None:
            kept[number, 0] = seen.text
    values: Values = kept if kept is not None else TextFiles(paths, data_format)
    targets = np.array([[index] for _, index in labelled], np.float32)
    return Examples((Field((INPUT_NAME,), values),), (Field(("class",), targets),), hashes)


def look_at_texts(paths: list[Path], data_format: TextFormat) -> Iterator[SeenText]:
    """Read and judge texts, in order."""
    for path in paths:
        yield look_at_text(path, data_format)


def look_at_text(path: Path, data_format: TextFormat) -> SeenText:
    """Read and judge one text."""
    name = f"{path.parent.name}/{path.name}"
    most_bytes = data_format.longest * _BYTES_OF_CHARACTER
    try:
        with path.open("rb") as file:
            data = file.read(most_bytes + 8)
    except OSError as error:
        return SeenText("", 0, unreadable(name, error))
    longest = f"at most {data_format.longest:,} characters"
    too_long = Finding(
        "longest", name, "a longer text", expected=longest, remedy="Shorten it, or remove it."
    )
    if len(data) > most_bytes + 3:
        return SeenText("", 0, too_long)
    try:
        text = data.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        return SeenText("", 0, not_utf8(path, name, data))
    if utf16_of(data):
        return SeenText("", 0, not_utf8(path, name, data))
    if not text:
        empty = Finding("empty", name, "it is empty", remedy="Fill it in, or remove it.")
        return SeenText("", 0, empty)
    if len(text) > data_format.longest:
        return SeenText("", 0, too_long)
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return SeenText(text, int.from_bytes(digest, "little"))


class TextFiles:
    """Texts that are read when they are needed.

    Parameters
    ----------
    paths
        Of each.
    data_format
        The problem's.
    """

    def __init__(self, paths: list[Path], data_format: TextFormat) -> None:
        self.shape = (len(paths), 1)
        self.dtype = np.dtype(object)
        self._paths = paths
        self._format = data_format

    def __len__(self) -> int:
        """Count the texts."""
        return len(self._paths)

    def __getitem__(self, rows: Any) -> Any:
        """Read some of the texts.

        Raises
        ------
        TaskFailedError
            One is no longer there, or no longer what it was.
        """
        chosen = np.arange(len(self))[rows]
        found = np.empty((len(chosen), 1), object)
        for number, row in enumerate(chosen):
            seen = look_at_text(self._paths[row], self._format)
            if seen.finding is not None:
                raise TaskFailedError("data", f"An example cannot be used: {seen.finding.sentence}")
            found[number, 0] = seen.text
        return found
