"""The files of a table, and their blocks in order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fedota_client.data.blocks import Block
from fedota_client.data.csv_file import CsvFile
from fedota_client.data.parquet_file import ParquetFile
from fedota_proto.data_format import TableFormat
from fedota_proto.errors import DataError

SUFFIXES = (".csv", ".parquet")


def table_files(place: Path) -> list[Path]:
    """List the CSV and Parquet files of a folder.

    Parameters
    ----------
    place
        A folder, whose own files count and not those of folders in it; or one file.

    Returns
    -------
    list of Path
        In the order of their names; hidden files are left out.

    Raises
    ------
    DataError
        If there is none.
    """
    if place.is_file():
        return [place]
    if not place.is_dir():
        raise DataError(f"{place} is not there; name the folder that holds your tables.")
    try:
        found = sorted(
            path
            for path in place.iterdir()
            if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
        )
    except OSError as error:
        raise DataError(f"{place} cannot be read ({error.strerror}).") from error
    if not found:
        raise DataError(
            f"{place} holds no CSV or Parquet file; put your data there as one or more files named "
            "*.csv or *.parquet."
        )
    return found


def table_blocks(path: Path, data_format: TableFormat) -> Iterator[Block]:
    """Read one file.

    Raises
    ------
    FileRefusedError
        Nothing of it can be read.
    """
    kind = ParquetFile if path.suffix.lower() == ".parquet" else CsvFile
    return kind(path, path.name, data_format).blocks()
