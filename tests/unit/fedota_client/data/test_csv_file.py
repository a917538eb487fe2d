"""CSV files in blocks: every block judged as the whole would be."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedota_client.data import csv_file
from fedota_client.data.csv_file import CsvFile
from fedota_client.data.findings import FileRefusedError, Finding
from fedota_client.data.judge import TableJudge
from fedota_client.data.reading import read_examples
from fedota_proto.data_format import Column, TableFormat
from fedota_proto.errors import DataError

FORMAT = TableFormat(
    1,
    (
        Column("t", "text", optional=True),
        Column("n", "number", minimum=0, maximum=9, optional=True),
        Column("y", "category", allowed=("a", "b"), target=True),
    ),
)


def findings(path: Path, data_format: TableFormat = FORMAT) -> list[Finding]:
    judge = TableJudge(data_format)
    blocks = CsvFile(path, path.name, data_format).blocks()
    return [one for block in blocks for one in judge.judge(block).findings]


def written(folder: Path, text: str) -> Path:
    path = folder / "a.csv"
    path.write_text(text)
    return path


CELL = st.sampled_from(["x", "", "a,b", 'say "no"', "two\nlines", "ö", " blank "])


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(CELL, st.sampled_from(["1", "", "7", "-1", "x", "4.5"])), max_size=30),
    block_bytes=st.integers(8, 200),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_blocks_find_the_same_mistakes_in_the_same_rows_as_the_whole(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, str]],
    block_bytes: int,
    end: str,
) -> None:
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator=end)
        writer.writerow(["t", "n", "y"])
        writer.writerows([text, number, "a"] for text, number in rows)
    wrong = {
        ("range" if number == "-1" else "type", row)
        for row, (_, number) in enumerate(rows, start=2)
        if number in ("-1", "x")
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_file, "BLOCK_BYTES", block_bytes)
        found = findings(path)

    assert {(one.code, row) for one in found for row in one.rows} >= {
        (code, row) for code, row in wrong if len(wrong) <= 4
    }
    assert sum(one.count for one in found) == sum(number in ("-1", "x") for _, number in rows)


def test_missing_values_become_nan_the_index_after_the_last_and_an_empty_text(
    tmp_path: Path,
) -> None:
    columns = (
        Column("t", "text", optional=True),
        Column("n", "number", optional=True),
        Column("c", "category", allowed=("x", "z"), optional=True),
        Column("g", "integer", allowed=(3.0, 1.0), optional=True),
        Column("b", "boolean", optional=True),
        Column("y", "category", allowed=("a", "b"), target=True),
    )
    path = written(tmp_path, "t,n,c,g,b,y\n hi ,1,z,1,yes,a\n,,,,,b\n")

    numbers, texts, targets = read_examples(path, TableFormat(1, columns)).fields

    assert numbers.names == ("n", "c", "g", "b")
    np.testing.assert_array_equal(
        numbers.values[:], np.array([[1, 1, 1, 1], [np.nan, 2, 2, np.nan]], np.float32)
    )
    assert texts.values[:].tolist() == [["hi"], [""]]
    assert targets.values[:].tolist() == [[0], [1]]


@pytest.mark.parametrize(
    ("column", "cell", "said"),
    [
        (Column("t", "text"), " ", "found an empty cell, expected a text."),
        (Column("t", "text", longest=3), "four", "found 'four', expected at most 3 characters."),
        (Column("t", "text", pattern="P[0-9]+"), "xP1", "expected a text of the form P[0-9]+."),
        (Column("t", "text", pattern="P[0-9]+"), "P1x", "expected a text of the form P[0-9]+."),
    ],
)
def test_a_text_that_is_none_is_told(tmp_path: Path, column: Column, cell: str, said: str) -> None:
    path = written(tmp_path, f"t,n,y\nP1,1,a\n{cell},1,a\n")
    data_format = TableFormat(1, (column, Column("n", "number"), FORMAT.target))
    with pytest.raises(DataError) as caught:
        read_examples(path, data_format)
    assert f"a.csv, row 3, column 't': {said}" in caught.value.public_message or (
        said in caught.value.public_message
    )


def test_a_pattern_cannot_take_exponential_time(tmp_path: Path) -> None:
    column = Column("t", "text", pattern="(a+)+b")
    path = written(tmp_path, "t,n,y\n" + "a" * 5_000 + ",1,a\n")
    (finding,) = findings(path, TableFormat(1, (column, *FORMAT.columns[1:])))
    assert finding.code == "pattern"


def test_a_value_that_must_be_unique_is_refused_across_files(tmp_path: Path) -> None:
    columns = (Column("id", "text", unique=True, used=False), *FORMAT.columns[1:])
    for name in "ab":
        (tmp_path / f"{name}.csv").write_text("id,n,y\nP1,1,a\n")
    with pytest.raises(DataError, match="column 'id': found a value that stands there already"):
        read_examples(tmp_path, TableFormat(1, columns))


@pytest.mark.parametrize(
    ("text", "words", "name"),
    [
        ("t;n;y\nhi;1,5;a\n", "semicolons and numbers with a decimal comma", "a.csv"),
        ("t\tn\ty\nhi\t1.5\ta\n", "tabs", "a.csv"),
        ("t\tn\ty\nhi\t1.5\ta\n", "tabs", 'it\'s "$HOME".csv'),
    ],
)
def test_the_remedy_for_another_separator_mends_the_file(
    tmp_path: Path, text: str, words: str, name: str
) -> None:
    path = written(tmp_path, text).rename(tmp_path / name)
    with pytest.raises(FileRefusedError) as caught:
        findings(path)
    finding = caught.value.finding
    assert f"cells separated by {words}, expected" in finding.sentence
    command = finding.command.replace("python", sys.executable, 1)
    subprocess.run(["sh", "-c", command], cwd=tmp_path, check=True, timeout=60)  # as one types it
    mended = tmp_path / f"{path.stem}-commas.csv"
    assert findings(mended) == []
    assert pd.read_csv(mended).n.tolist() == [1.5]


def test_a_row_without_an_end_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "BLOCK_BYTES", 100)
    monkeypatch.setattr(csv_file, "ROW_BYTES_MAX", 1_000)
    path = written(tmp_path, "t,n,y\n" + 'x,"1,a\n' + "x,1,a\n" * 1_000)
    (finding,) = findings(path)
    assert finding.code == "irregular"
    assert "is longer than" in finding.sentence
