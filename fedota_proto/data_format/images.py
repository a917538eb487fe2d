"""Pictures: a folder for each class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fedota_proto.data_format.common import read_classes, read_minimum_examples
from fedota_proto.toml_reader import TableReader

SIDE_MAX = 4_096
CHANNELS = (1, 3, 4)
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg")
INPUT_NAME = "image"


@dataclass(frozen=True, slots=True)
class ImagesFormat:
    """A folder of PNG or JPEG files for each class.

    The model is given each picture as numbers from 0 to 255, ``(height, width, channels)``, and
    as its target the class's index.

    Parameters
    ----------
    minimum_examples
        Fewest pictures with which a holder may take part.
    classes
        Names of the folders, in declared order.
    height, width
        In pixels.
    channels
        1: grey, 3: red, green and blue, 4: with transparency.
    resize
        Whether pictures of another size are made to fit; otherwise they are refused.
    """

    minimum_examples: int
    classes: tuple[str, ...]
    height: int
    width: int
    channels: int
    resize: bool = False
    kind: Literal["images"] = "images"

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of one picture."""
        return (self.height, self.width, self.channels)

    @property
    def target_names(self) -> tuple[str, ...]:
        """Names of what the model predicts."""
        return ("class",)


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
    classes = read_classes(reader)
    height = reader.integer("height", minimum=1, maximum=SIDE_MAX)
    width = reader.integer("width", minimum=1, maximum=SIDE_MAX)
    channels = reader.integer("channels", minimum=1, maximum=4, default=3)
    if reader.fine("channels") and channels not in CHANNELS:
        reader.wrong("channels", "must be 1 (grey), 3 (colour) or 4 (with transparency), not 2")
    resize = reader.flag("resize", default=False)
    return ImagesFormat(minimum_examples, classes, height, width, channels, resize)
