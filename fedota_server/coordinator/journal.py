"""An append-only file of JSON lines that survives a process killed in the middle of a line."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from fedota_proto.errors import FolderError

Row = Mapping[str, Any]


class Journal:
    """Rows are never changed; what has been appended survives a killed process.

    `sync` makes it survive a power cut too. A last line that was cut off is removed when the file
    is opened; a damaged line before it stops the start, since rows would silently be missing.

    Parameters
    ----------
    path
        The file; made with its folder if it does not exist.

    Raises
    ------
    FolderError
        The file cannot be read or written, or is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[dict[str, Any]] = []
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: BinaryIO = path.open("a+b")
            self._read()
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> FolderError:
        return FolderError(
            f"{self.path} cannot be written ({error.strerror}): "
            "check the folder's owner and free space."
        )

    def _read(self) -> None:
        self._file.seek(0)
        data = self._file.read()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            self._file.truncate(whole)
        for number, line in enumerate(data[:whole].splitlines(), start=1):
            try:
                row = json.loads(line)
            except ValueError as error:
                self._file.close()
                raise FolderError(
                    f"{self.path} is damaged in line {number}: restore it from a backup."
                ) from error
            self.rows.append(row)

    def append(self, rows: Iterable[Row]) -> None:
        """Append rows, in one write.

        Raises
        ------
        FolderError
            The file cannot be written.
        """
        data = "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows).encode()
        try:
            self._file.write(data)
            self._file.flush()
        except OSError as error:
            raise self._failed(error) from error

    def sync(self) -> None:
        """Have the operating system write everything to the disk.

        Raises
        ------
        FolderError
            The disk refuses.
        """
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise self._failed(error) from error

    def replace(self, rows: Iterable[Row]) -> None:
        """Write the file anew, beside its place and then renamed.

        Raises
        ------
        FolderError
            The file cannot be written.
        """
        beside = self.path.with_name(f".{self.path.name}.new")
        try:
            with beside.open("wb") as file:
                for row in rows:
                    file.write(json.dumps(row, separators=(",", ":")).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self.path)
            self._file.close()
            self._file = self.path.open("a+b")
        except OSError as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """Close the file."""
        self._file.close()
