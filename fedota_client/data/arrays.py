"""``.npz`` files of named arrays: headers are judged first, and nothing is ever unpickled."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import numpy as np

from fedota_client.data.findings import FileRefusedError, Finding, listed, refuse_first
from fedota_client.data.folder import data_files, unreadable
from fedota_client.examples import Examples, Field
from fedota_proto.data_format import ArraysFormat, DeclaredArray
from fedota_proto.errors import DataError, StreamError
from fedota_proto.npy import HEADER_MAX_BYTES, NpyHeader, npy_header

PIECE_BYTES = 16 << 20
_PREFIX_BYTES = HEADER_MAX_BYTES + 16


def array_files(place: Path) -> list[Path]:
    """List the ``.npz`` files of a folder in the order of their names; or one file.

    Raises
    ------
    FileRefusedError
        If there is none.
    """
    return data_files(place, (".npz",), ".npz file")


def array_pieces(place: Path, data_format: ArraysFormat) -> Iterator[Examples]:
    """Read all arrays of a folder and check every value.

    Yields
    ------
    Examples
        Of all files in the order of their names, piece by piece.

    Raises
    ------
    DataError
        At the first file, array or value that does not keep the format.
    """
    try:
        for path in array_files(place):
            with NpzFile(path, path.name, data_format) as file:
                for piece, findings in file.pieces():
                    refuse_first(findings)
                    yield piece
    except FileRefusedError as error:
        raise DataError(error.finding.sentence) from error


class NpzFile:
    """One ``.npz`` file, whose headers are known to be as declared once it is open.

    Parameters
    ----------
    path
        The file.
    name
        How it is called in findings.
    data_format
        Which arrays count; further ones are not looked at.

    Raises
    ------
    FileRefusedError
        When it is opened: nothing of it can be read.
    """

    def __init__(self, path: Path, name: str, data_format: ArraysFormat) -> None:
        self._path = path
        self._name = name
        self._format = data_format
        self._stack = ExitStack()
        self._members: dict[str, IO[bytes]] = {}
        self.count = 0

    def __enter__(self) -> NpzFile:
        """Open it and judge every header."""
        try:
            self._open()
        except FileRefusedError:
            self._stack.close()
            raise
        except (zipfile.BadZipFile, NotImplementedError, EOFError, zlib.error) as error:
            self._stack.close()
            raise FileRefusedError(_damaged(self._name)) from error
        except OSError as error:
            self._stack.close()
            raise FileRefusedError(unreadable(self._name, error)) from error
        return self

    def __exit__(self, *raised: object) -> None:
        """Close it."""
        self._stack.close()

    def pieces(self) -> Iterator[tuple[Examples, list[Finding]]]:
        """Read the file.

        Yields
        ------
        Examples, list of Finding
            A piece, and which of its values do not keep the format.

        Raises
        ------
        FileRefusedError
            It is damaged.
        """
        arrays = self._format.arrays
        example_bytes = sum(max(1, a.elements) * np.dtype(a.dtype).itemsize for a in arrays)
        at_a_time = max(1, PIECE_BYTES // example_bytes)
        for start in range(0, self.count, at_a_time):
            rows = min(at_a_time, self.count - start)
            values = {array.name: self._read(array, rows) for array in arrays}
            findings = [
                finding
                for array in arrays
                for finding in judge_array(self._name, array, values[array.name], start + 1)
            ]
            yield _examples(self._format, values), findings

    def _open(self) -> None:
        archive = self._stack.enter_context(zipfile.ZipFile(self._path))
        names = {info.filename: info for info in archive.infolist()}
        missing = [a.name for a in self._format.arrays if f"{a.name}.npy" not in names]
        if missing:
            there = [name.removesuffix(".npy") for name in names]
            raise FileRefusedError(
                Finding(
                    "header",
                    self._name,
                    f"no array {listed(missing)} (only {listed(there)})",
                    remedy="Write it with numpy.savez under exactly this name.",
                )
            )
        counts = {}
        for array in self._format.arrays:
            info = names[f"{array.name}.npy"]
            member = self._stack.enter_context(archive.open(info))
            header = self._header(array, info, archive)
            member.read(header.offset)
            self._members[array.name] = member
            counts[array.name] = header.shape[0]
        if len(set(counts.values())) > 1:
            said = ", ".join(f"{count} in {name!r}" for name, count in counts.items())
            raise FileRefusedError(
                Finding(
                    "examples",
                    self._name,
                    f"different numbers of examples: {said}",
                    remedy="Write arrays whose first axes are equally long.",
                )
            )
        self.count = next(iter(counts.values()))

    def _header(
        self, array: DeclaredArray, info: zipfile.ZipInfo, archive: zipfile.ZipFile
    ) -> NpyHeader:
        with archive.open(info) as member:
            beginning = member.read(_PREFIX_BYTES)
        wanted = np.dtype(array.dtype)
        expected = f"{array.dtype} of shape (examples, {', '.join(map(str, array.shape))})"
        try:
            header = npy_header(beginning)
        except StreamError as error:
            raise FileRefusedError(
                Finding(
                    "header",
                    self._name,
                    "an array of Python objects, or none that numpy wrote",
                    expected=expected,
                    remedy="Write it as plain numbers; pickled objects are never opened.",
                    column=array.name,
                    column_word="array",
                )
            ) from error
        fits = header.dtype.newbyteorder("=") == wanted and header.shape[1:] == array.shape
        if not fits or not header.shape or header.fortran_order or header.dtype != wanted:
            order = " in Fortran order" if header.fortran_order else ""
            raise FileRefusedError(
                Finding(
                    "header",
                    self._name,
                    f"{header.dtype} of shape {header.shape}{order}",
                    expected=expected,
                    remedy="Write it again: numpy.ascontiguousarray(array, "
                    f"{array.dtype!r}) in the expected shape.",
                    column=array.name,
                    column_word="array",
                )
            )
        if info.file_size != header.size_bytes:
            raise FileRefusedError(_damaged(self._name))
        return header

    def _read(self, array: DeclaredArray, rows: int) -> np.ndarray:
        dtype = np.dtype(array.dtype)
        size_bytes = rows * array.elements * dtype.itemsize
        try:
            data = self._members[array.name].read(size_bytes)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
            raise FileRefusedError(_damaged(self._name)) from error
        if len(data) != size_bytes:
            raise FileRefusedError(_damaged(self._name))
        return np.frombuffer(data, dtype).reshape(rows, *array.shape)


def judge_array(file: str, array: DeclaredArray, values: np.ndarray, first: int) -> list[Finding]:
    """Say which values of an array do not keep the format.

    Parameters
    ----------
    file
        How the file is called in findings.
    array
        As declared.
    values
        ``(examples, *shape)``.
    first
        Number of the first example in the file, counted from 1.
    """
    low = 0 if array.classes else array.minimum
    high = array.classes - 1 if array.classes else array.maximum
    findings = []
    if values.dtype.kind == "f":
        finding = _finding(
            file, array, "finite", ~np.isfinite(values), values, first, "numbers that are finite"
        )
        findings += finding
    outside = np.zeros(values.shape, dtype=bool)
    words = "values"
    if low is not None:
        outside |= values < low
        words += f" of at least {low:g}" if high is None else f" from {low:g}"
    if high is not None:
        outside |= values > high
        words += f" of at most {high:g}" if low is None else f" to {high:g}"
    unit = f" (in {array.unit})" if array.unit else ""
    return findings + _finding(file, array, "range", outside, values, first, words + unit)


def _finding(
    file: str,
    array: DeclaredArray,
    code: str,
    wrong: np.ndarray,
    values: np.ndarray,
    first: int,
    expected: str,
) -> list[Finding]:
    rows = np.flatnonzero(wrong.reshape(len(wrong), -1).any(axis=1))
    if not rows.size:
        return []
    value = values[wrong].reshape(-1)[0]
    return [
        Finding(
            code,
            file,
            f"{value:g}" if values.dtype.kind == "f" else str(value),
            expected=expected,
            remedy="Check the values and their unit, or leave the example out.",
            column=array.name,
            row_word="example",
            column_word="array",
            rows=tuple(int(row) + first for row in rows[:5]),
            count=len(rows),
        )
    ]


def _examples(data_format: ArraysFormat, values: dict[str, np.ndarray]) -> Examples:
    def field(array: DeclaredArray) -> Field:
        one = values[array.name]
        return Field((array.name,), one.reshape(len(one), 1) if one.ndim == 1 else one)

    return Examples(
        tuple(field(array) for array in data_format.inputs),
        tuple(field(array) for array in data_format.targets),
    )


def _damaged(name: str) -> Finding:
    return Finding(
        "damaged",
        name,
        "it is no whole .npz file",
        remedy="Write it again with numpy.savez, or remove it.",
    )
