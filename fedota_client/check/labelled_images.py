"""The check of pictures with a file of labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from fedota_client.check.checking import DataCheck
from fedota_client.check.pictures import ClassPicture, NumberPicture, Picture
from fedota_client.check.tables import picture_of
from fedota_client.data.findings import FileRefusedError, Finding
from fedota_client.data.images import look_at
from fedota_client.data.labelled_pictures import Pairing, judged_labels, label_values
from fedota_client.data.labels_file import labels_file
from fedota_client.data.picture_folder import find_pictures
from fedota_client.data.table_values import column_values
from fedota_proto.data_format import ImagesFormat


class LabelledImageCheck(DataCheck):
    """Judges every label, and decodes every picture, labelled or not."""

    _format: ImagesFormat

    def files(self) -> list[Path]:
        """List the file of labels and the pictures."""
        self._labels = labels_file(self.place, self._format)
        self._folder = find_pictures(self.place)
        self.findings.add(self._folder.findings)
        opened = (p for n, p in enumerate(self._folder.paths) if n not in self._folder.refused)
        return [self._labels, *opened]

    def look(self, files: Sequence[Path]) -> list[Picture]:
        """Judge the labels, then decode the pictures and count their brightness."""
        drawn = [picture_of(column) for column in self._format.targets]
        targets = self._targets(drawn)
        self.advance(self._labels.stat().st_size if self._labels.exists() else 0)
        brightness = NumberPicture("mean brightness", low=0.0, high=255.0)
        first: dict[int, int] = {}
        numbers = [n for n in range(len(self._folder.paths)) if n not in self._folder.refused]
        looked = look_at(list(files[1:]), self.place, self._format)
        for number, path, seen in zip(numbers, files[1:], looked, strict=True):
            if seen.finding is not None:
                self.findings.add([seen.finding])
            elif seen.pixels is not None:
                brightness.add(seen.pixels.mean(keepdims=True))
                if number in targets:
                    self.examples += 1
                    before = first.setdefault(seen.content_hash, number)
                    self.findings.add(self._same(before, number, targets))
            self.advance(path.stat().st_size if path.exists() else 0)
        for one in drawn:
            if isinstance(one, ClassPicture):
                self.note_classes(one)
        return [*(one.picture() for one in drawn), brightness.picture()]

    def _targets(self, drawn: Sequence[NumberPicture | ClassPicture]) -> dict[int, np.ndarray]:
        """Judge every label; return the targets of each picture that has one, by its number."""
        labels = self._format.labels
        pairing = Pairing(self._labels.name, self._folder)
        found: dict[int, np.ndarray] = {}
        whole = True
        try:
            for judged, reads_on in judged_labels(self._labels, labels):
                numbers, findings = pairing.pair(judged, labels)
                self.findings.add([*judged.findings, *findings])
                for column, picture in zip(self._format.targets, drawn, strict=True):
                    picture.add(column_values(judged.table, column))
                rows = np.flatnonzero(numbers >= 0)
                found |= zip(
                    numbers[rows].tolist(), label_values(judged, labels)[rows], strict=True
                )
                whole = whole and reads_on
        except FileRefusedError as error:
            self.findings.add([error.finding])
            return found
        if whole:
            self.findings.add(pairing.unlabelled())
        return found

    def _same(self, before: int, number: int, targets: dict[int, np.ndarray]) -> Iterator[Finding]:
        """Tell of a picture that is there already."""
        if before == number:
            return
        other = not np.array_equal(targets[before], targets[number], equal_nan=True)
        yield Finding(
            "two-labels" if other else "duplicates",
            "",
            f"{self._folder.name_of(number)!r}, the same picture as "
            f"{self._folder.name_of(before)!r}" + (", with other targets" if other else ""),
            remedy="Keep the one whose targets are right."
            if other
            else "If it is a copy, remove it and its row: it counts double.",
            level="notice",
        )
