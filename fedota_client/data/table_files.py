"""The files of a table, and their blocks in order."""

from __future__ import annotations

from pathlib import Path

from fedota_client.data.blocks import TableFile
from fedota_client.data.csv_file import CsvFile
from fedota_client.data.folder import data_files
from fedota_client.data.parquet_file import ParquetFile
from fedota_proto.data_format import TableFormat

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
    FileRefusedError
        If there is none.
    """
    return data_files(place, SUFFIXES, "CSV or Parquet file")


def open_table(path: Path, data_format: TableFormat) -> TableFile:
    """Open one file by its name's ending.

    Raises
    ------
    FileRefusedError
        Nothing of it can be read.
    """
    kind = ParquetFile if path.suffix.lower() == ".parquet" else CsvFile
    return kind(path, path.name, data_format)
