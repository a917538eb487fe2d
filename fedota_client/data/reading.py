"""Reading a holder's data, whatever its kind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fedota_client.data.findings import Finding, refuse_first
from fedota_client.data.splitting import Collector, Split, Splitter, split
from fedota_client.data.spool import MEMORY_BYTES, Scratch
from fedota_client.examples import Examples
from fedota_proto.data_format import ArraysFormat, DataFormat, ImagesFormat, TableFormat, TextFormat
from fedota_proto.errors import DataError

_ALL = "“fedota-client check” lists all that does not keep the format."


def read_split(
    place: Path,
    data_format: DataFormat,
    fraction: float,
    *,
    scratch: Path | None = None,
    memory_bytes: int = MEMORY_BYTES,
) -> Split:
    """Read a holder's data and hold a share of it out.

    Parameters
    ----------
    place
        The data's folder, or one file of it.
    data_format
        What it must hold.
    fraction
        Share to be held out, chosen by each example's content.
    scratch
        Folder for what does not stay in memory; None: the system's temporary folder.
    memory_bytes
        Up to which all stays there; beyond, it is read when it is needed.

    Returns
    -------
    Split
        Both sides.

    Raises
    ------
    DataError
        At the first thing that does not keep the format; it says what lists them all.
    FolderError
        There is no room in `scratch`.
    """
    try:
        return _read_split(place, data_format, fraction, scratch, memory_bytes)
    except DataError as error:
        raise DataError(f"{error.public_message} {_ALL}") from error


def _read_split(
    place: Path,
    data_format: DataFormat,
    fraction: float,
    scratch: Path | None,
    memory_bytes: int,
) -> Split:
    if isinstance(data_format, ImagesFormat | TextFormat):
        found = read_examples(place, data_format, memory_bytes=memory_bytes)
        return split(found, fraction)
    splitter = Splitter(fraction, Scratch(scratch, memory_bytes))
    for piece in _pieces(place, data_format):
        splitter.add(piece)
    _refuse_too_few(len(splitter), data_format.minimum_examples, data_format)
    both = splitter.finish()
    if both is None:
        raise DataError(f"There is no example in {place}.")
    return both


def read_examples(
    place: Path,
    data_format: DataFormat,
    *,
    minimum: int | None = None,
    memory_bytes: int = MEMORY_BYTES,
) -> Examples:
    """Read a holder's data.

    Parameters
    ----------
    place
        The data's folder, or one file of it.
    data_format
        What it must hold.
    minimum
        Fewest examples, at least 1; None: as many as the format asks for.
    memory_bytes
        As in `read_split`.

    Returns
    -------
    Examples
        All of them.

    Raises
    ------
    DataError
        At the first thing that does not keep the format.
    """
    fewest = data_format.minimum_examples if minimum is None else minimum
    found: Examples | None
    if isinstance(data_format, ImagesFormat):
        from fedota_client.data.images import read_images

        found = read_images(place, data_format, memory_bytes=memory_bytes)
    elif isinstance(data_format, TextFormat):
        from fedota_client.data.texts import read_texts

        found = read_texts(place, data_format, memory_bytes=memory_bytes)
    else:
        collector = Collector(Scratch(memory_bytes=memory_bytes))
        for piece in _pieces(place, data_format):
            collector.add(piece)
        found = collector.finish()
    _refuse_too_few(0 if found is None else len(found), fewest, data_format)
    if found is None:
        raise DataError(f"There is no example in {place}.")
    return found


def _pieces(place: Path, data_format: TableFormat | ArraysFormat) -> Iterator[Examples]:
    if isinstance(data_format, TableFormat):
        from fedota_client.data.tables import table_pieces

        return table_pieces(place, data_format)
    from fedota_client.data.arrays import array_pieces

    return array_pieces(place, data_format)


def _refuse_too_few(count: int, fewest: int, data_format: DataFormat) -> None:
    if count < fewest:
        refuse_first([too_few(count, fewest, data_format)])


def too_few(count: int, fewest: int, data_format: DataFormat) -> Finding:
    """Say that there are fewer examples than a holder needs."""
    more = {"table": "rows", "images": "pictures", "text": "texts", "arrays": "examples"}
    return Finding(
        "too-few",
        "",
        f"{count} example{'' if count == 1 else 's'}",
        expected=f"at least {fewest}",
        remedy=f"Add more {more[data_format.kind]}, or do not take part in this problem.",
    )
