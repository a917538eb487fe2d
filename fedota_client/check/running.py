"""Checking data, whatever its kind."""

from __future__ import annotations

from pathlib import Path

from fedota_client.check.checking import DataCheck, OnBytes
from fedota_client.check.result import CheckResult
from fedota_proto.data_format import ArraysFormat, DataFormat, ImagesFormat, TableFormat


def check_data(
    place: Path, data_format: DataFormat, on_bytes: OnBytes = lambda done, total: None
) -> CheckResult:
    """Check a holder's data against a format.

    Parameters
    ----------
    place
        The data's folder, or one file of it.
    data_format
        What it must hold.
    on_bytes
        Told after each piece how many bytes are done, and of how many.

    Returns
    -------
    CheckResult
        What was found.

    Raises
    ------
    FolderError
        There is no room for what must be remembered.
    DataError
        The format itself cannot be used.
    """
    return _check_of(place, data_format, on_bytes).run()


def _check_of(place: Path, data_format: DataFormat, on_bytes: OnBytes) -> DataCheck:
    if isinstance(data_format, TableFormat):
        from fedota_client.check.tables import TableCheck

        return TableCheck(place, data_format, on_bytes)
    if isinstance(data_format, ImagesFormat) and data_format.targets:
        from fedota_client.check.labelled_images import LabelledImageCheck

        return LabelledImageCheck(place, data_format, on_bytes)
    if isinstance(data_format, ImagesFormat):
        from fedota_client.check.images import ImageCheck

        return ImageCheck(place, data_format, on_bytes)
    if isinstance(data_format, ArraysFormat):
        from fedota_client.check.arrays import ArrayCheck

        return ArrayCheck(place, data_format, on_bytes)
    from fedota_client.check.texts import TextCheck

    return TextCheck(place, data_format, on_bytes)
