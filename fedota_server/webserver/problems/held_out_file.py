"""A first look at a setter's test file of any kind; what passes is read whole by the score job."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

from fedota_proto.data_format import ArraysFormat, DataFormat, ImagesFormat, TableFormat
from fedota_proto.data_zip import check_data_zip, labels_member, opened_zip
from fedota_proto.errors import DataError
from fedota_server.webserver.problems.held_out_table import check_test_rows, check_test_table


def check_test_file(path: Path, name: str, data_format: DataFormat) -> None:
    """Refuse a test file that cannot keep the format.

    Parameters
    ----------
    path, name
        The file, and how its owner calls it.
    data_format
        The problem's: a CSV table, an .npz file of arrays, a zip of a folder for each class, or one
        of pictures and a file of their labels.

    Raises
    ------
    DataError
        It is none, or something in it does not keep the format.
    """
    if isinstance(data_format, TableFormat):
        check_test_table(path, name, data_format)
    elif isinstance(data_format, ArraysFormat):
        _check_arrays(path, name, data_format)
    else:
        check_data_zip(path, name, data_format)
        if isinstance(data_format, ImagesFormat) and data_format.targets:
            _check_labels(path, name, data_format)


def _check_labels(path: Path, name: str, data_format: ImagesFormat) -> None:
    with opened_zip(path, name) as packed:
        labels = labels_member(packed.infolist(), name)
        if not labels.filename.endswith(".csv"):
            return  # Parquet is read by the score job alone
        said = f"{name}: {labels.filename}"
        try:
            with packed.open(labels) as file:
                check_test_rows(file, said, data_format.labels)
        except (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError) as error:
            raise DataError(f"{said} in it is damaged; pack it again.") from error


def _check_arrays(path: Path, name: str, data_format: ArraysFormat) -> None:
    try:
        with zipfile.ZipFile(path) as packed:
            there = set(packed.namelist())
    except zipfile.BadZipFile as error:
        raise DataError(f"{name} is no .npz file: write it with numpy.savez_compressed.") from error
    except OSError as error:
        raise DataError(f"{name} cannot be read: {error.strerror}.") from error
    missing = [array.name for array in data_format.arrays if f"{array.name}.npy" not in there]
    if missing:
        raise DataError(
            f"{name} has no array {missing[0]!r}: give it every array that the format declares."
        )
