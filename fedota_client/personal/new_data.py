"""New data, of which nobody knows the target: read by the same rules as the holder's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fedota_client.data.findings import FileRefusedError
from fedota_client.data.folder import strange_name
from fedota_client.examples import Examples, Field, slices
from fedota_proto.data_format import ArraysFormat, DataFormat, ImagesFormat, TableFormat, TextFormat
from fedota_proto.data_format.images import IMAGE_SUFFIXES
from fedota_proto.data_format.images import INPUT_NAME as IMAGE
from fedota_proto.data_format.text import INPUT_NAME as TEXT
from fedota_proto.data_format.text import TEXT_SUFFIX
from fedota_proto.errors import DataError

_AT_A_TIME = 256


@dataclass(frozen=True, slots=True)
class NewExamples:
    """Some of the new examples.

    Parameters
    ----------
    places
        File and number of the row or example in it (from 1; 0 where the file is the example).
    examples
        Their inputs; the targets are zeros.
    """

    places: list[tuple[str, int]]
    examples: Examples


def new_examples(place: Path, data_format: DataFormat) -> Iterator[NewExamples]:
    """Read new data piece by piece.

    Parameters
    ----------
    place
        A folder, or one file. Tables and arrays need no target; pictures and texts lie in the
        folder or in folders of it, whatever those are called.
    data_format
        The problem's.

    Raises
    ------
    DataError
        At the first thing that does not keep the format.
    """
    try:
        if isinstance(data_format, TableFormat):
            yield from _tables(place, data_format)
        elif isinstance(data_format, ArraysFormat):
            yield from _arrays(place, data_format)
        elif isinstance(data_format, ImagesFormat):
            yield from _pictures(place, data_format)
        else:
            yield from _texts(place, data_format)
    except FileRefusedError as error:
        raise DataError(error.finding.sentence) from error


def _tables(place: Path, data_format: TableFormat) -> Iterator[NewExamples]:
    from fedota_client.data.table_files import table_files
    from fedota_client.data.tables import table_pieces

    bare = replace(data_format, columns=data_format.inputs)
    names = data_format.target_names
    for path in table_files(place):
        row = 0
        for piece in table_pieces(path, bare):
            count = len(piece)
            targets = (Field(names, np.zeros((count, len(names)), np.float32)),)
            places = [(path.name, row + number) for number in range(1, count + 1)]
            row += count
            yield NewExamples(places, Examples(piece.inputs, targets))


def _arrays(place: Path, data_format: ArraysFormat) -> Iterator[NewExamples]:
    from fedota_client.data.arrays import array_files, array_pieces

    bare = replace(data_format, arrays=data_format.inputs)
    for path in array_files(place):
        row = 0
        for piece in array_pieces(path, bare):
            count = len(piece.inputs[0].values)
            targets = tuple(
                Field((one.name,), np.zeros((count, *(one.shape or (1,))), np.float32))
                for one in data_format.targets
            )
            places = [(path.name, row + number) for number in range(1, count + 1)]
            row += count
            yield NewExamples(places, Examples(piece.inputs, targets))


def _pictures(place: Path, data_format: ImagesFormat) -> Iterator[NewExamples]:
    from fedota_client.data.images import look_at

    base = place.parent if place.is_file() else place

    def read(paths: list[Path]) -> np.ndarray:
        found = []
        for seen in look_at(paths, base, data_format):
            if seen.finding is not None:
                raise DataError(seen.finding.sentence)
            found.append(seen.pixels)
        return np.stack([one for one in found if one is not None])

    what = "PNG or JPEG file"
    yield from _files(place, IMAGE_SUFFIXES, what, IMAGE, data_format.target_names, read)


def _texts(place: Path, data_format: TextFormat) -> Iterator[NewExamples]:
    from fedota_client.data.texts import look_at_texts

    def read(paths: list[Path]) -> np.ndarray:
        values = np.empty((len(paths), 1), object)
        for number, seen in enumerate(look_at_texts(paths, data_format)):
            if seen.finding is not None:
                raise DataError(seen.finding.sentence)
            values[number, 0] = seen.text
        return values

    what = "text file (*.txt)"
    yield from _files(place, (TEXT_SUFFIX,), what, TEXT, data_format.target_names, read)


def _files(
    place: Path,
    suffixes: Sequence[str],
    what: str,
    name: str,
    target_names: tuple[str, ...],
    read: Callable[[list[Path]], np.ndarray],
) -> Iterator[NewExamples]:
    """Read files each of which is an example."""
    paths = [place] if place.is_file() else sorted(place.rglob("*"))
    paths = [
        path
        for path in paths
        if path.suffix.lower() in suffixes and path.is_file() and not path.name.startswith(".")
    ]
    if not paths:
        raise DataError(f"There is no {what} in {place}.")
    base = place.parent if place.is_file() else place
    for path in paths:
        if strange := strange_name(str(path.relative_to(base))):
            raise FileRefusedError(strange)
    for rows in slices(len(paths), _AT_A_TIME):
        some = paths[rows]
        zeros = np.zeros((len(some), len(target_names)), np.float32)
        targets = (Field(target_names, zeros),)
        places = [(str(path.relative_to(base)), 0) for path in some]
        yield NewExamples(places, Examples((Field((name,), read(some)),), targets))
