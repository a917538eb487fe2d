"""Pictures for training: decoded once and kept if they are small, else when they are needed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fedota_client.data.class_folders import find_class_folders
from fedota_client.data.findings import FileRefusedError, Finding, refuse_first
from fedota_client.data.labelled_pictures import labelled_pictures
from fedota_client.data.pictures import content_hash, decode, glance, read_bytes
from fedota_client.data.spool import MEMORY_BYTES
from fedota_client.examples import Examples, Field, Values, slices
from fedota_client.failures import TaskFailedError
from fedota_client.thread_pool import thread_pool
from fedota_proto.data_format import ImagesFormat
from fedota_proto.data_format.images import IMAGE_SUFFIXES, INPUT_NAME
from fedota_proto.errors import DataError

THREADS = 4
PICTURES_AT_A_TIME = 64
WHAT = "PNG or JPEG file"


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of one picture.

    Parameters
    ----------
    pixels
        uint8 ``(height, width, channels)``; None if it was refused, or not decoded.
    content_hash
        As `fedota_client.data.pictures.content_hash`.
    finding
        Why it was refused, None if it was not.
    """

    pixels: np.ndarray | None
    content_hash: int
    finding: Finding | None = None


def read_images(
    place: Path, data_format: ImagesFormat, *, memory_bytes: int = MEMORY_BYTES
) -> Examples | None:
    """Read the pictures of a folder.

    Parameters
    ----------
    place
        With a folder for each class, or a file of labels.
    data_format
        The problem's.
    memory_bytes
        Up to which all are decoded at once and kept; beyond, they are judged by their headers
        and decoded when they are needed.

    Returns
    -------
    Examples
        None if there is no picture.

    Raises
    ------
    DataError
        At the first picture or folder that does not keep the format.
    """
    paths, targets = _paths_and_targets(place, data_format)
    if not paths:
        return None
    size_bytes = len(paths) * math.prod(data_format.shape)
    kept = (
        np.empty((len(paths), *data_format.shape), np.uint8)
        if (size_bytes <= memory_bytes)
        else None
    )
    hashes = np.empty(len(paths), np.uint64)
    look = look_at_picture if kept is not None else _glance_at
    looked = look_at(paths, place, data_format, look)
    for number, seen in enumerate(looked):
        if seen.finding is not None:
            raise DataError(seen.finding.sentence)
        hashes[number] = seen.content_hash
        if kept is not None and seen.pixels is not None:
            kept[number] = seen.pixels
    values: Values = kept if kept is not None else PictureFiles(paths, place, data_format)
    return Examples((Field((INPUT_NAME,), values),), (targets,), hashes)


def _paths_and_targets(place: Path, data_format: ImagesFormat) -> tuple[list[Path], Field]:
    """List the pictures that are examples, and what is to be predicted of each."""
    if data_format.targets:
        return labelled_pictures(place, data_format)
    folders = find_class_folders(place, data_format.folders, IMAGE_SUFFIXES, WHAT)
    refuse_first(folders.findings)
    indices = np.array([[index] for _, index in folders.labelled], np.float32)
    return [path for path, _ in folders.labelled], Field(data_format.target_names, indices)


def look_at(
    paths: list[Path],
    base: Path,
    data_format: ImagesFormat,
    look: Callable[[Path, str, ImagesFormat], Seen] | None = None,
) -> Iterator[Seen]:
    """Judge and decode pictures side by side, in order, a bounded number at a time.

    Parameters
    ----------
    paths
        Of each, below `base`.
    base
        The data's folder, from which findings name them.
    data_format
        The problem's.
    look
        At one of them; None: `look_at_picture`.

    Yields
    ------
    Seen
        What was seen of each.
    """
    look = look or look_at_picture
    with thread_pool(THREADS) as pool:
        for some in slices(len(paths), PICTURES_AT_A_TIME):
            yield from pool.map(
                lambda path: look(path, path.relative_to(base).as_posix(), data_format), paths[some]
            )


def look_at_picture(path: Path, name: str, data_format: ImagesFormat) -> Seen:
    """Judge and decode one picture, which findings call by its name."""
    try:
        data = read_bytes(path, name)
        pixels = decode(data, name, data_format)
    except FileRefusedError as error:
        return Seen(None, 0, error.finding)
    return Seen(pixels, content_hash(len(data), data, data))


def _glance_at(path: Path, name: str, data_format: ImagesFormat) -> Seen:
    try:
        return Seen(None, glance(path, name, data_format))
    except FileRefusedError as error:
        return Seen(None, 0, error.finding)


class PictureFiles:
    """Pictures that are decoded when they are needed.

    Parameters
    ----------
    paths, base
        Of each, and the folder from which findings name them.
    data_format
        The problem's.
    """

    def __init__(self, paths: list[Path], base: Path, data_format: ImagesFormat) -> None:
        self.shape = (len(paths), *data_format.shape)
        self.dtype = np.dtype(np.uint8)
        self._paths = paths
        self._base = base
        self._format = data_format

    def __len__(self) -> int:
        """Count the pictures."""
        return len(self._paths)

    def __getitem__(self, rows: Any) -> Any:
        """Decode some of the pictures.

        Raises
        ------
        TaskFailedError
            One is no longer there, or no longer what it was.
        """
        chosen = np.arange(len(self))[rows]
        found = np.empty((len(chosen), *self.shape[1:]), np.uint8)
        paths = [self._paths[row] for row in chosen]
        for number, seen in enumerate(look_at(paths, self._base, self._format)):
            if seen.pixels is None:
                reason = seen.finding.sentence if seen.finding else ""
                raise TaskFailedError("data", f"An example cannot be used: {reason}")
            found[number] = seen.pixels
        return found
