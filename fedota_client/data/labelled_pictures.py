"""Pictures with a file of labels beside them: which picture has which targets."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path, PurePosixPath

import numpy as np

from fedota_client.data.blocks import Judged
from fedota_client.data.findings import (
    PLACES_KEPT,
    FileRefusedError,
    Finding,
    refuse_first,
    shown,
)
from fedota_client.data.judge import TableJudge
from fedota_client.data.labels_file import labels_file
from fedota_client.data.picture_folder import (
    PictureFolder,
    find_pictures,
    label_key,
)
from fedota_client.data.table_files import open_table
from fedota_client.data.table_values import table_examples
from fedota_client.examples import Field
from fedota_proto.data_format import ImagesFormat, TableFormat
from fedota_proto.data_format.images import (
    FILE_COLUMN,
    IMAGE_SUFFIXES,
    label_path_mistake,
)
from fedota_proto.errors import DataError

_EXPECTED = {
    "absolute-path": "a path that begins in the data's folder",
    "backslash-path": "/ between folders",
    "outside-path": "a path inside the data's folder, without '..'",
    "foreign": "a PNG or JPEG file",
    "hidden": "a picture that is not hidden",
    "no-ending": "its name with the ending",
    "no-picture": "a picture in the data's folder",
    "named-twice": "each picture once",
}
_REMEDIES = {
    "absolute-path": "Leave out what stands before it, as in scans/a.png.",
    "backslash-path": "Write it as scans/a.png.",
    "outside-path": "Move the picture into the folder and write its path there.",
    "hidden": "Rename it without the dot at its beginning, there and here.",
    "no-ending": "Write the ending too, as in scans/a.png.",
    "foreign": "Save the picture as PNG, or remove the row.",
    "no-picture": "Correct the path (upper and lower case count), add the picture, or remove the "
    "row.",
    "named-twice": "Keep the row that is right.",
}


def labelled_pictures(place: Path, data_format: ImagesFormat) -> tuple[list[Path], Field]:
    """List the pictures that a folder's file of labels names, and their targets.

    Parameters
    ----------
    place
        The data's folder.
    data_format
        The problem's, with targets.

    Returns
    -------
    list of Path, Field
        In the order of the labels; the targets are float32 ``(pictures, targets)``.

    Raises
    ------
    DataError
        At the first label or picture that does not keep the format.
    """
    paths: list[Path] = []
    values = [np.empty((0, len(data_format.targets)), np.float32)]
    try:
        labels = labels_file(place, data_format)
        folder = find_pictures(place)
        refuse_first(folder.findings)
        pairing = Pairing(labels.name, folder)
        for judged, _ in judged_labels(labels, data_format.labels):
            numbers, findings = pairing.pair(judged, data_format.labels)
            refuse_first([*judged.findings, *findings])
            paths += [folder.paths[number] for number in numbers]
            values.append(label_values(judged, data_format.labels))
    except FileRefusedError as error:
        raise DataError(error.finding.sentence) from error
    refuse_first(list(islice(pairing.unlabelled(), 1)))
    return paths, Field(data_format.target_names, np.concatenate(values))


def judged_labels(path: Path, labels: TableFormat) -> Iterator[tuple[Judged, bool]]:
    """Read and judge a file of labels.

    Yields
    ------
    Judged, bool
        Some rows, and whether the file can be read on after them.

    Raises
    ------
    FileRefusedError
        Nothing of it can be read.
    """
    judge = TableJudge(labels)
    for block in open_table(path, labels).blocks():
        yield judge.judge(block), block.irregular is None


def label_values(judged: Judged, labels: TableFormat) -> np.ndarray:
    """Return the targets of some rows, float32 ``(rows, targets)``."""
    return np.asarray(table_examples(judged.table, labels).targets[0].values)


class Pairing:
    """Finds the picture of each label; every picture has one.

    Parameters
    ----------
    name
        Of the file of labels.
    folder
        The pictures that there are.
    """

    def __init__(self, name: str, folder: PictureFolder) -> None:
        self._name = name
        self._folder = folder
        self._row_of = np.zeros(len(folder.paths), np.int64)

    def pair(self, judged: Judged, labels: TableFormat) -> tuple[np.ndarray, list[Finding]]:
        """Find the pictures of some rows.

        Returns
        -------
        np.ndarray, list of Finding
            Each row's picture, int64 ``(rows,)``, -1 where there is none that can be used; and
            what is wrong with the paths.
        """
        texts = table_examples(judged.table, labels).inputs[0].values[:, 0]
        numbers = np.full(len(texts), -1, np.int64)
        wrong: dict[str, list[int]] = {}
        for at, (row, text) in enumerate(zip(judged.rows.tolist(), texts, strict=True)):
            if not text:
                continue  # the judge tells of it
            number = self._folder.number_of.get(label_key(text))
            if number is None:
                wrong.setdefault(self._mistake(text), []).append(at)
            elif self._row_of[number]:
                wrong.setdefault("named-twice", []).append(at)
            else:
                self._row_of[number] = row
                numbers[at] = number if number not in self._folder.refused else -1
        return numbers, [self._finding(code, ats, judged, texts) for code, ats in wrong.items()]

    def unlabelled(self) -> Iterator[Finding]:
        """Tell of the pictures that no row names; ask after the last row."""
        for number in np.flatnonzero(self._row_of == 0).tolist():
            if number not in self._folder.refused:
                yield Finding(
                    "no-label",
                    self._folder.name_of(number),
                    f"it has no row in {self._name}",
                    remedy="Add a row for it, or move it out of the data's folder.",
                )

    def _mistake(self, text: str) -> str:
        """Say what is wrong with a path that leads to no picture."""
        mistake = label_path_mistake(text)
        if mistake:
            return mistake
        if any(part.startswith(".") for part in PurePosixPath(text).parts):
            return "hidden"
        if text.lower().endswith(IMAGE_SUFFIXES):
            return "no-picture"
        suffixes = (*IMAGE_SUFFIXES, *map(str.upper, IMAGE_SUFFIXES))
        endings = (label_key(text + suffix) for suffix in suffixes)
        return "no-ending" if any(one in self._folder.number_of for one in endings) else "foreign"

    def _finding(self, code: str, ats: list[int], judged: Judged, texts: np.ndarray) -> Finding:
        text = texts[ats[0]]
        found = shown(text)
        if code == "named-twice":
            first = self._row_of[self._folder.number_of[label_key(text)]]
            found += f", which row {first} names already"
        return Finding(
            code,
            self._name,
            found,
            expected=_EXPECTED[code],
            remedy=_REMEDIES[code],
            column=FILE_COLUMN,
            rows=tuple(int(judged.rows[at]) for at in ats[:PLACES_KEPT]),
            count=len(ats),
        )
