"""The file that says what pictures show."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

from fedota_client.data.findings import FileRefusedError, Finding, listed
from fedota_client.data.folder import unreadable_folder
from fedota_client.data.near_files import near_file
from fedota_client.data.picture_folder import leads_out_of, link_out
from fedota_client.data.table_files import SUFFIXES
from fedota_proto.data_format import ImagesFormat
from fedota_proto.data_format.images import FILE_COLUMN, LABELS_NAMES

LABELS_STEM = Path(LABELS_NAMES[0]).stem


def labels_file(place: Path, data_format: ImagesFormat) -> Path:
    """Return the file of labels in a folder.

    Raises
    ------
    FileRefusedError
        There is no folder, no such file, or there are two.
    """
    if not place.is_dir():
        remedy = "Name the folder that holds your pictures and their labels."
        raise FileRefusedError(Finding("folder", "", f"no folder {str(place)!r}", remedy=remedy))
    try:
        tables = sorted(path.name for path in place.iterdir() if path.suffix.lower() in SUFFIXES)
    except OSError as error:
        raise FileRefusedError(unreadable_folder("", error)) from error
    found = [place / name for name in LABELS_NAMES if name in tables]
    if len(found) == 1:
        if leads_out_of(os.path.realpath(place), found[0]):
            raise FileRefusedError(link_out(found[0].name))
        if not found[0].is_file():  # a pipe would be waited for
            raise FileRefusedError(
                Finding(
                    "labels",
                    found[0].name,
                    "it is no ordinary file",
                    remedy="Put a CSV or Parquet file there.",
                )
            )
        return found[0]
    if found:
        raise FileRefusedError(
            Finding(
                "labels",
                found[0].name,
                f"{found[1].name} beside it",
                expected="one file of labels",
                remedy="Remove one of the two.",
            )
        )
    columns = listed([FILE_COLUMN, *data_format.target_names])
    raise FileRefusedError(
        Finding(
            "labels",
            "",
            f"no {' or '.join(LABELS_NAMES)} in {str(place)!r}",
            remedy=_near(place, tables)
            or f"Put one there with a row for each picture and the columns {columns}.",
        )
    )


def _near(place: Path, tables: list[str]) -> str:
    """Say which file is meant, if there is one."""
    near = difflib.get_close_matches(LABELS_NAMES[0], tables, n=1, cutoff=0.0)
    if near:
        return f"Is it {near[0]!r}? Rename it to {LABELS_STEM}{Path(near[0]).suffix.lower()}."
    return near_file(place, SUFFIXES, LABELS_STEM)
