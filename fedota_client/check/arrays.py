"""The check of arrays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fedota_client.check.checking import DataCheck, OnBytes
from fedota_client.check.pictures import ClassPicture, NumberPicture, Picture
from fedota_client.data.arrays import NpzFile, array_files
from fedota_client.data.findings import FileRefusedError, Finding
from fedota_client.data.repeats import SampledRepeats
from fedota_client.holdout import content_hashes
from fedota_proto.data_format import ArraysFormat, DeclaredArray


class ArrayCheck(DataCheck):
    """Reads every array of every ``.npz`` file."""

    _format: ArraysFormat

    def __init__(self, place: Path, data_format: ArraysFormat, on_bytes: OnBytes) -> None:
        super().__init__(place, data_format, on_bytes)
        self._pictures = {array.name: _picture_of(array) for array in data_format.arrays}

    def files(self) -> list[Path]:
        """List the files."""
        return array_files(self.place)

    def look(self, files: Sequence[Path]) -> list[Picture]:
        """Judge every value of every file."""
        repeats = SampledRepeats()
        for path in files:
            done = 0
            try:
                with NpzFile(path, path.name, self._format) as file:
                    for piece, findings in file.pieces():
                        self.findings.add(findings)
                        for field in piece.fields:
                            self._pictures[field.names[0]].add(field.values[:])
                        rows = np.arange(self.examples, self.examples + len(piece))
                        repeats.add(np.maximum(content_hashes(piece), np.uint64(1)), rows)
                        self.examples += len(piece)
                        share = path.stat().st_size * len(piece) // max(1, file.count)
                        done += share
                        self.advance(share)
            except FileRefusedError as error:
                self.findings.add([error.finding])
            self.advance(max(0, path.stat().st_size - done))
        found = repeats.found()
        if found.count:
            said = f"{found.count:,} examples that are like an earlier one in every array"
            remedy = "If they are copies, remove them: they count double."
            self.findings.add([Finding("duplicates", "", said, remedy=remedy, level="notice")])
        for array in self._format.targets:
            picture = self._pictures[array.name]
            if isinstance(picture, ClassPicture) and not array.shape:
                self.note_classes(picture)
        return [self._pictures[array.name].picture() for array in self._format.arrays]


def _picture_of(array: DeclaredArray) -> NumberPicture | ClassPicture:
    if array.classes:
        return ClassPicture(array.name, tuple(map(str, range(array.classes))))
    return NumberPicture(array.name, array.unit, array.minimum, array.maximum)
