"""The check of tables."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from fedota_client.check.ahead import worked_ahead
from fedota_client.check.checking import DataCheck, OnBytes
from fedota_client.check.pictures import ClassPicture, NumberPicture, Picture
from fedota_client.data.blocks import NUMBERS, Judged, Part, TableFile, text_column
from fedota_client.data.findings import FileRefusedError, Finding
from fedota_client.data.judge import TableJudge
from fedota_client.data.repeats import Repeats, SampledRepeats, row_hashes, value_hashes
from fedota_client.data.table_files import open_table, table_files
from fedota_client.data.table_values import column_values
from fedota_client.data.tables import repeated_value
from fedota_proto.data_format import Column, TableFormat

_NAME_SHORTEST = 3
# A row's number and its file's, in one number.
_FILE_SHIFT = 40


class TableCheck(DataCheck):
    """Checks the rows of CSV and Parquet files."""

    _format: TableFormat

    def __init__(self, place: Path, data_format: TableFormat, on_bytes: OnBytes) -> None:
        super().__init__(place, data_format, on_bytes)
        self._judge = TableJudge(data_format)
        self._pictures = {column.name: picture_of(column) for column in data_format.columns}
        self._unique = {c.name: Repeats() for c in data_format.columns if c.unique}
        self._rows = SampledRepeats()

    def files(self) -> list[Path]:
        """List the CSV and Parquet files."""
        return table_files(self.place)

    def look(self, files: Sequence[Path]) -> list[Picture]:
        """Judge every row of every file."""
        self.findings.add(leaking_names(self._format))
        for number, path in enumerate(files):
            try:
                file = open_table(path, self._format)
            except FileRefusedError as error:
                self.findings.add([error.finding])
                self.advance(path.stat().st_size if error.finding.code != "unreadable" else 0)
                continue
            self._look_at(file, number)
        names = [path.name for path in files]
        for column in self._format.columns:
            if column.unique:
                found = self._unique[column.name].found()
                if found.count:
                    one = repeated_value(column, found.rows, found.count)
                    self.findings.add([_placed(one, names)])
        self._note_duplicates(names)
        target = self._pictures[self._format.target.name]
        if isinstance(target, ClassPicture):
            self.note_classes(target)
        return [self._pictures[column.name].picture() for column in self._format.columns]

    def _look_at(self, file: TableFile, number: int) -> None:
        def work(part: Part) -> tuple[Judged, int, bool]:
            block = file.read(part)
            return self._judge.judge(block), block.size_bytes, block.irregular is not None

        for judged, size_bytes, irregular in worked_ahead(work, file.parts()):
            self.findings.add(judged.findings)
            self._count(judged, number)
            self.advance(size_bytes)
            if irregular:
                return

    def _count(self, judged: Judged, number: int) -> None:
        self.examples += judged.table.num_rows
        rows = judged.rows + (number << _FILE_SHIFT)
        for column in self._format.columns:
            picture = self._pictures[column.name]
            if isinstance(picture, ClassPicture) or column.type in NUMBERS:
                picture.add(column_values(judged.table, column))
            else:
                lengths = pc.utf8_length(text_column(judged.table, column))
                picture.add(lengths.to_numpy().astype(np.float64))
            if column.unique:
                self._unique[column.name].add(value_hashes(judged.table, column), rows)
        self._rows.add(row_hashes(judged.table, self._format.columns), rows)

    def _note_duplicates(self, names: Sequence[str]) -> None:
        found = self._rows.found()
        if not found.count:
            return
        about = "" if self._rows.exact else "about "
        file, row = _file_and_row(found.earlier[0], names)
        one = Finding(
            "duplicates",
            "",
            f"a row that is in every column like row {row} of {file}; there are {about}"
            f"{found.count:,} such rows",
            remedy="If they are copies, remove them: they count double.",
            rows=found.rows,
            level="notice",
        )
        self.findings.add([_placed(one, names)])


def leaking_names(data_format: TableFormat) -> list[Finding]:
    """Note columns that bear the name of a target, and may give it away."""
    return [
        Finding(
            "leak",
            "",
            f"the name of the target {target.name!r} in it",
            remedy="If it was filled in after the outcome was known, it gives the answer away and "
            "the model learns nothing else: ask the problem's setter.",
            column=column.name,
            level="notice",
        )
        for target in data_format.targets
        for column in data_format.inputs
        if len(target.name) >= _NAME_SHORTEST
        and _contains(_words(column.name), _words(target.name))
    ]


def picture_of(column: Column) -> NumberPicture | ClassPicture:
    """Return what draws a column."""
    if column.classes:
        return ClassPicture(column.name, column.classes)
    if column.type == "text":
        longest = float(column.longest) if column.longest else None
        return NumberPicture(column.name, "characters", 0.0 if longest else None, longest)
    return NumberPicture(column.name, column.unit, column.minimum, column.maximum)


def _words(name: str) -> list[str]:
    return [word for word in re.split(r"[\W_]+", name.casefold()) if word]


def _contains(words: list[str], part: list[str]) -> bool:
    return any(words[at : at + len(part)] == part for at in range(len(words) - len(part) + 1))


def _file_and_row(coded: int, names: Sequence[str]) -> tuple[str, int]:
    return names[coded >> _FILE_SHIFT], coded & ((1 << _FILE_SHIFT) - 1)


def _placed(finding: Finding, names: Sequence[str]) -> Finding:
    """Put file and rows into a finding whose rows also name their files."""
    places = [_file_and_row(row, names) for row in finding.rows]
    file = places[0][0]
    return replace(finding, file=file, rows=tuple(row for name, row in places if name == file))
