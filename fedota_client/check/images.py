"""The check of pictures in a folder for each class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fedota_client.check.checking import DataCheck
from fedota_client.check.folders import SameContent
from fedota_client.check.pictures import ClassPicture, NumberPicture, Picture
from fedota_client.data.class_folders import find_class_folders
from fedota_client.data.images import WHAT, look_at
from fedota_proto.data_format import ImagesFormat
from fedota_proto.data_format.images import IMAGE_SUFFIXES


class ImageCheck(DataCheck):
    """Decodes every picture of every class's folder."""

    _format: ImagesFormat

    def files(self) -> list[Path]:
        """List the pictures, class after class."""
        folders = find_class_folders(self.place, self._format.folders, IMAGE_SUFFIXES, WHAT)
        self.findings.add(folders.findings)
        self._labels = [label for _, label in folders.labelled]
        return [path for path, _ in folders.labelled]

    def look(self, files: Sequence[Path]) -> list[Picture]:
        """Decode every picture, count classes and brightness."""
        classes = ClassPicture("class", self._format.folders)
        brightness = NumberPicture("mean brightness", low=0.0, high=255.0)
        same = SameContent("picture")
        looked = zip(
            files, self._labels, look_at(list(files), self.place, self._format), strict=True
        )
        for path, label, seen in looked:
            if seen.finding is not None:
                self.findings.add([seen.finding])
            elif seen.pixels is not None:
                self.examples += 1
                classes.add(np.array([label]))
                brightness.add(seen.pixels.mean(keepdims=True))
                self.findings.add(same.finding(seen.content_hash, path))
            self.advance(path.stat().st_size if path.exists() else 0)
        self.note_classes(classes)
        return [classes.picture(), brightness.picture()]
