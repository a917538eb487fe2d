"""Pictures: in a folder for each class, or with a file of labels beside them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from fedota_proto.data_format.columns import COLUMN_TYPES, Column, read_columns
from fedota_proto.data_format.common import read_classes, read_minimum_examples
from fedota_proto.data_format.table import TableFormat
from fedota_proto.toml_reader import TableReader, shown

SIDE_MAX = 4_096
CHANNELS = (1, 3, 4)
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg")
INPUT_NAME = "image"
LABELS_NAMES = ("labels.csv", "labels.parquet")
FILE_COLUMN = "file"
_DRIVE = re.compile(r"[A-Za-z]:")


@dataclass(frozen=True, slots=True)
class ImagesFormat:
    """PNG or JPEG files, in a folder for each class or with a file of labels.

    The model is given each picture as numbers from 0 to 255, ``(height, width, channels)``, and
    as its target the class's index, or the targets of its row in the file of labels.

    Parameters
    ----------
    minimum_examples
        Fewest pictures with which a holder may take part.
    folders
        One for each class, in declared order; empty where there is a file of labels.
    height, width
        In pixels.
    channels
        1: grey, 3: red, green and blue, 4: with transparency.
    resize
        Whether pictures of another size are made to fit; otherwise they are refused.
    targets
        Columns of the file of labels, in declared order; empty where folders are classes.
    """

    minimum_examples: int
    folders: tuple[str, ...]
    height: int
    width: int
    channels: int
    resize: bool = False
    targets: tuple[Column, ...] = ()
    kind: Literal["images"] = "images"

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of one picture."""
        return (self.height, self.width, self.channels)

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of the one target; empty if it is a number, or there are several."""
        if not self.targets:
            return self.folders
        return self.targets[0].classes if len(self.targets) == 1 else ()

    @property
    def target_names(self) -> tuple[str, ...]:
        """Names of what the model predicts."""
        return tuple(column.name for column in self.targets) or ("class",)

    @property
    def labels(self) -> TableFormat:
        """The file of labels: each picture's path from the data's folder, and its targets."""
        return TableFormat(self.minimum_examples, (Column(FILE_COLUMN, "text"), *self.targets))


def label_path_mistake(path: str) -> str:
    """Say what keeps a path from being one inside the data's folder, by a word; empty: nothing."""
    if "\\" in path:
        return "backslash-path"
    if path.startswith("/") or _DRIVE.match(path):
        return "absolute-path"
    return "outside-path" if ".." in path.split("/") else ""


def read_images_format(reader: TableReader) -> ImagesFormat:
    """Read the section ``[data]`` of pictures.

    Parameters
    ----------
    reader
        The section; every mistake is noted there.

    Returns
    -------
    ImagesFormat
        Not to be used if there was a mistake.
    """
    minimum_examples = read_minimum_examples(reader)
    classes, targets = _read_what_is_predicted(reader)
    height = reader.integer("height", minimum=1, maximum=SIDE_MAX)
    width = reader.integer("width", minimum=1, maximum=SIDE_MAX)
    channels = reader.integer("channels", minimum=1, maximum=4, default=3)
    if reader.fine("channels") and channels not in CHANNELS:
        reader.wrong("channels", "must be 1 (grey), 3 (colour) or 4 (with transparency), not 2")
    resize = reader.flag("resize", default=False)
    return ImagesFormat(minimum_examples, classes, height, width, channels, resize, targets)


def _read_what_is_predicted(reader: TableReader) -> tuple[tuple[str, ...], tuple[Column, ...]]:
    """Read the classes, which are folders, or the targets, which are columns of the labels."""
    columns, all_tables = read_columns(reader, "targets")
    if not reader.given("targets"):
        if reader.given("classes"):
            return read_classes(reader), ()
        reader.list_of_values("classes")
        reader.wrong(
            "classes",
            'is missing; list the folders, as ["cat", "dog"], or write one [[data.targets]] for '
            "each column of a file of labels",
        )
        return (), ()
    if reader.given("classes"):
        reader.list_of_values("classes")
        reader.wrong(
            "targets",
            "and classes are both there; keep classes if each picture's folder is its class, "
            "targets if a file of labels says what is predicted",
        )
    elif not columns and all_tables and reader.fine("targets"):
        reader.wrong("targets", "is empty; write one [[data.targets]] for each column")
    rows = reader.list_of_values("targets") if all_tables and reader.fine("targets") else []
    for column, row in zip(columns, rows, strict=False):
        _check_target(column, row, reader)
    return (), tuple(replace(column, target=True) for column in columns)


def _check_target(column: Column, row: object, reader: TableReader) -> None:
    place = f"[[data.targets]] {shown(column.name)}"
    if column.type == "text":
        kinds = ", ".join(shown(one) for one in COLUMN_TYPES if one != "text")
        reader.mistakes.add(
            f"{place} type", f'is "text", which cannot be predicted; choose one of {kinds}'
        )
    elif column.name == FILE_COLUMN:
        reader.mistakes.add(f"{place} name", "is that of the column with the pictures' paths")
    if isinstance(row, dict) and row.get("target") is False:
        reader.mistakes.add(f"{place} target", "is false, but each of these is; leave it out")
    if column.optional or not column.used or column.unique:
        reader.mistakes.add(
            place, "is predicted for every picture; leave optional, used and unique out"
        )
