"""Examples that are put aside while a file is read: in memory, and beyond a bound on disk."""

from __future__ import annotations

import math
import os
import tempfile
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np

from fedota_client.examples import Values
from fedota_proto.errors import FolderError

MEMORY_BYTES = 256 << 20
_TEXT_OVERHEAD_BYTES = 60


class Scratch:
    """What spools share: memory until it is used up, then files without a name.

    Such a file is gone when its process ends, however it ends.

    Parameters
    ----------
    folder
        Where files go; None: the system's temporary folder.
    memory_bytes
        Up to which everything stays in memory.
    """

    def __init__(self, folder: Path | None = None, memory_bytes: int = MEMORY_BYTES) -> None:
        self._folder = folder
        self._left_bytes = memory_bytes

    def fits(self, size_bytes: int) -> bool:
        """Say whether so much more stays in memory; once it does not, nothing does."""
        self._left_bytes = self._left_bytes - size_bytes if self._left_bytes > size_bytes else 0
        return self._left_bytes > 0

    def open(self) -> BinaryIO:
        """Open a file without a name.

        Raises
        ------
        FolderError
            The folder takes none.
        """
        try:
            return cast(BinaryIO, tempfile.TemporaryFile(dir=self._folder, buffering=0))
        except OSError as error:
            raise self._full(error) from error

    def write(self, file: BinaryIO, data: memoryview | bytes) -> None:
        """Append to such a file.

        Raises
        ------
        FolderError
            There is no room for it.
        """
        view = memoryview(data)
        try:
            while view.nbytes:
                view = view[file.write(view) :]
        except OSError as error:
            raise self._full(error) from error

    def _full(self, error: OSError) -> FolderError:
        place = self._folder or tempfile.gettempdir()
        return FolderError(
            f"There is no room for the examples in {place} ({error.strerror}): they take about as "
            "much space as your files. Free some, or set TMPDIR to a larger disk."
        )


class ArraySpool:
    """Takes arrays of examples, one after another.

    Parameters
    ----------
    shape
        Of one example.
    dtype
        Of the elements; not object.
    scratch
        Shared with the other fields.
    """

    def __init__(self, shape: Sequence[int], dtype: np.dtype[Any], scratch: Scratch) -> None:
        self._shape = tuple(shape)
        self._dtype = np.dtype(dtype)
        self._scratch = scratch
        self._parts: list[np.ndarray] = []
        self._file: BinaryIO | None = None
        self._count = 0

    def append(self, values: np.ndarray) -> None:
        """Take more examples, ``(examples, *shape)``.

        Raises
        ------
        FolderError
            There is no room for them.
        """
        self._count += len(values)
        values = np.ascontiguousarray(values, self._dtype)
        if self._file is None and self._scratch.fits(values.nbytes):
            self._parts.append(values)
            return
        if self._file is None:
            self._file = self._scratch.open()
            for part in self._parts:
                self._scratch.write(self._file, _bytes(part))
            self._parts = []
        self._scratch.write(self._file, _bytes(values))

    def finish(self) -> Values:
        """Return all that was taken."""
        if self._file is not None:
            return StoredRows(self._file, (self._count, *self._shape), self._dtype)
        if not self._parts:
            return np.empty((0, *self._shape), self._dtype)
        return self._parts[0] if len(self._parts) == 1 else np.concatenate(self._parts)


class TextSpool:
    """Takes texts, one for each example.

    Parameters
    ----------
    scratch
        Shared with the other fields.
    """

    def __init__(self, scratch: Scratch) -> None:
        self._scratch = scratch
        self._parts: list[np.ndarray] = []
        self._file: BinaryIO | None = None
        self._lengths: list[np.ndarray] = []

    def append(self, values: np.ndarray) -> None:
        """Take more texts, object ``(examples, 1)``.

        Raises
        ------
        FolderError
            There is no room for them.
        """
        coded = [text.encode() for text in values[:, 0]]
        self._lengths.append(np.array([len(one) for one in coded], np.int64))
        size_bytes = int(self._lengths[-1].sum()) + _TEXT_OVERHEAD_BYTES * len(coded)
        if self._file is None and self._scratch.fits(size_bytes):
            self._parts.append(values)
            return
        if self._file is None:
            self._file = self._scratch.open()
            for part in self._parts:
                self._scratch.write(self._file, "".join(part[:, 0]).encode())
            self._parts = []
        self._scratch.write(self._file, b"".join(coded))

    def finish(self) -> Values:
        """Return all that was taken."""
        if self._file is not None:
            return StoredTexts(self._file, np.concatenate(self._lengths))
        return np.concatenate(self._parts) if self._parts else np.empty((0, 1), object)


class StoredRows:
    """Rows of a fixed size in a file.

    Parameters
    ----------
    file
        Open; closed when this is no longer used.
    shape
        Examples first.
    dtype
        Of the elements.
    """

    def __init__(self, file: BinaryIO, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.shape = shape
        self.dtype = dtype
        self._fd = file.fileno()
        self._row_bytes = math.prod(shape[1:]) * dtype.itemsize
        weakref.finalize(self, file.close)

    def __len__(self) -> int:
        """Count the examples."""
        return self.shape[0]

    def __getitem__(self, rows: Any) -> Any:
        """Read some of the examples."""
        size = self._row_bytes
        if isinstance(rows, slice):
            start, stop, step = rows.indices(len(self))
            if step == 1:
                return self._shaped(os.pread(self._fd, max(0, stop - start) * size, start * size))
            rows = np.arange(start, stop, step)
        rows = np.asarray(rows)
        if rows.dtype == bool:
            rows = np.flatnonzero(rows)
        return self._shaped(b"".join(os.pread(self._fd, size, int(row) * size) for row in rows))

    def _shaped(self, data: bytes) -> np.ndarray:
        return np.frombuffer(data, self.dtype).reshape(-1, *self.shape[1:])


class StoredTexts:
    """Texts in a file.

    Parameters
    ----------
    file
        Open; closed when this is no longer used. UTF-8, one text after the other.
    lengths
        Of each, in bytes.
    """

    def __init__(self, file: BinaryIO, lengths: np.ndarray) -> None:
        self.shape = (len(lengths), 1)
        self.dtype = np.dtype(object)
        self._fd = file.fileno()
        self._ends = np.cumsum(lengths)
        weakref.finalize(self, file.close)

    def __len__(self) -> int:
        """Count the examples."""
        return self.shape[0]

    def __getitem__(self, rows: Any) -> Any:
        """Read some of the examples."""
        if isinstance(rows, slice):
            rows = np.arange(*rows.indices(len(self)))
        rows = np.asarray(rows)
        if rows.dtype == bool:
            rows = np.flatnonzero(rows)
        found = np.empty((len(rows), 1), object)
        for place, row in enumerate(rows):
            start = int(self._ends[row - 1]) if row else 0
            found[place, 0] = os.pread(self._fd, int(self._ends[row]) - start, start).decode()
        return found


def _bytes(array: np.ndarray) -> memoryview | bytes:
    return array.reshape(-1).view(np.uint8).data if array.size else b""
