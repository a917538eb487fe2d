"""The check of texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fedota_client.check.checking import DataCheck
from fedota_client.check.folders import SameContent
from fedota_client.check.pictures import ClassPicture, NumberPicture, Picture
from fedota_client.data.class_folders import find_class_folders
from fedota_client.data.texts import WHAT, look_at_texts
from fedota_proto.data_format import TextFormat
from fedota_proto.data_format.text import TEXT_SUFFIX


class TextCheck(DataCheck):
    """Reads every text of every class's folder."""

    _format: TextFormat

    def files(self) -> list[Path]:
        """List the texts, class after class."""
        folders = find_class_folders(self.place, self._format.classes, (TEXT_SUFFIX,), WHAT)
        self.findings.add(folders.findings)
        self._labels = [label for _, label in folders.labelled]
        return [path for path, _ in folders.labelled]

    def look(self, files: Sequence[Path]) -> list[Picture]:
        """Read every text, count classes and lengths."""
        classes = ClassPicture("class", self._format.classes)
        lengths = NumberPicture("length", "characters", 0.0, float(self._format.longest))
        same = SameContent("text")
        looked = zip(files, self._labels, look_at_texts(list(files), self._format), strict=True)
        for path, label, seen in looked:
            if seen.finding is not None:
                self.findings.add([seen.finding])
            else:
                self.examples += 1
                classes.add(np.array([label]))
                lengths.add(np.array([len(seen.text)]))
                self.findings.add(same.finding(seen.content_hash, path))
            self.advance(path.stat().st_size if path.exists() else 0)
        self.note_classes(classes)
        return [classes.picture(), lengths.picture()]
