"""Texts: a folder for each class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fedota_proto.data_format.columns import TEXT_LONGEST
from fedota_proto.data_format.common import read_classes, read_minimum_examples
from fedota_proto.toml_reader import TableReader

LONGEST_DEFAULT = 100_000
TEXT_SUFFIX = ".txt"
INPUT_NAME = "text"


@dataclass(frozen=True, slots=True)
class TextFormat:
    """A folder of UTF-8 text files for each class.

    The model is given each text as it is; its first layer, a ``TextVectorization`` with the
    vocabulary in the model's file, makes numbers of it. The target is the class's index.

    Parameters
    ----------
    minimum_examples
        Fewest texts with which a holder may take part.
    classes
        Names of the folders, in declared order.
    longest
        Most characters of a text.
    """

    minimum_examples: int
    classes: tuple[str, ...]
    longest: int = LONGEST_DEFAULT
    kind: Literal["text"] = "text"

    @property
    def target_names(self) -> tuple[str, ...]:
        """Names of what the model predicts."""
        return ("class",)


def read_text_format(reader: TableReader) -> TextFormat:
    """Read the section ``[data]`` of texts.

    Parameters
    ----------
    reader
        The section; every mistake is noted there.

    Returns
    -------
    TextFormat
        Not to be used if there was a mistake.
    """
    minimum_examples = read_minimum_examples(reader)
    classes = read_classes(reader)
    longest = reader.integer("longest", minimum=1, maximum=TEXT_LONGEST, default=LONGEST_DEFAULT)
    return TextFormat(minimum_examples, classes, longest)
