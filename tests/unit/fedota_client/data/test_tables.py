"""A holder's CSV files: what is read, and what a person is told."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedota_client.data import csv_file
from fedota_client.data.reading import read_examples, read_split
from fedota_client.data.table_files import table_files
from fedota_proto.data_format import Column, TableFormat
from fedota_proto.errors import DataError

FORMAT = TableFormat(
    minimum_examples=1,
    columns=(
        Column("age", "integer", unit="years", minimum=0, maximum=120),
        Column("x", "number", minimum=-1000.0),
        Column("sex", "category", allowed=("f", "m")),
        Column("smoker", "boolean"),
        Column("grade", "integer", allowed=(1.0, 2.0, 5.0)),
        Column("y", "category", allowed=("B", "M"), target=True),
    ),
)
HEADER = "age,x,sex,smoker,grade,y\n"
GOOD = "3,1.5,f,true,5,B\n"


def read(
    folder: Path, text: str | bytes, data_format: TableFormat = FORMAT
) -> tuple[list[list[float]], list[list[float]]]:
    (folder / "a.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    examples = read_examples(folder, data_format)
    (inputs,), (targets,) = examples.inputs, examples.targets
    assert inputs.values.dtype == targets.values.dtype == np.float32
    return inputs.values[:].tolist(), targets.values[:].tolist()


def refusal(folder: Path, text: str | bytes) -> str:
    with pytest.raises(DataError) as caught:
        read(folder, text)
    return caught.value.public_message


def test_columns_come_in_declared_order_and_allowed_values_as_their_index(tmp_path: Path) -> None:
    inputs, targets = read(
        tmp_path, "y,note,age,x,sex,smoker,grade\nB,,3,1.5,f,No,5\nM,q,4,-2,m,TRUE,1\n"
    )

    assert inputs == [[3, 1.5, 0, 0, 2], [4, -2, 1, 1, 0]]
    assert targets == [[0], [1]]


def test_blank_rows_and_blanks_around_cells_do_not_count(tmp_path: Path) -> None:
    text = "age , x,sex,smoker,grade,y\n\n 3 ,1e2, f ,yes,2.0, M\n\n"

    assert read(tmp_path, text) == ([[3, 100, 0, 1, 1]], [[1]])


def test_a_byte_order_mark_and_windows_line_ends_are_fine(tmp_path: Path) -> None:
    text = b"\xef\xbb\xbf" + (HEADER + GOOD).replace("\n", "\r\n").encode()

    assert read(tmp_path, text) == ([[3, 1.5, 0, 1, 2]], [[0]])


def test_all_files_of_the_folder_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    (tmp_path / "b.CSV").write_text(HEADER + "2,0,f,true,1,B\n")
    (tmp_path / "notes.txt").write_text("not data")
    (tmp_path / ".hidden.csv").write_text("not data")
    (tmp_path / "folder.csv").mkdir()

    inputs, _ = read(tmp_path, HEADER + "1,0,f,true,1,B\n")

    assert [row[0] for row in inputs] == [1, 2]
    assert table_files(tmp_path / "b.CSV") == [tmp_path / "b.CSV"]


def test_rows_keep_their_numbers_over_many_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_file, "BLOCK_BYTES", 50)

    inputs, _ = read(tmp_path, HEADER + GOOD * 8)
    assert len(inputs) == 8

    message = refusal(tmp_path, HEADER + GOOD * 4 + "\n" + GOOD * 2 + "3,?,f,true,5,B\n")
    assert message.startswith("a.csv, row 9, column 'x': found '?', expected a number of at least")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            "3,abc,f,true,5,B",
            "row 2, column 'x': found 'abc', expected a number of at least -1000.",
        ),
        ("3,,f,true,5,B", "row 2, column 'x': found an empty cell, expected a number"),
        ("3,NA,f,true,5,B", "row 2, column 'x': found 'NA', expected a number"),
        ("3,inf,f,true,5,B", "row 2, column 'x': found 'inf', expected a number"),
        ("3,1e300,f,true,5,B", "row 2, column 'x': found 1e300, expected a number"),
        ("3,-1000.5,f,true,5,B", "row 2, column 'x': found -1000.5, expected a number"),
        ('3,"1,000",f,true,5,B', "row 2, column 'x': found '1,000', expected a number"),
        ("3.5,1,f,true,5,B", "row 2, column 'age': found 3.5, expected a whole number from 0 to"),
        (
            "121,1,f,true,5,B",
            "row 2, column 'age': found 121, expected a whole number from 0 to 120",
        ),
        ("121,1,f,true,5,B", "120 (in years). Check the value and its unit, or remove the row."),
        ("True,1,f,true,5,B", "row 2, column 'age': found 'True', expected a whole number"),
        ("3,1,x,true,5,B", "row 2, column 'sex': found 'x', expected one of 'f', 'm'. Correct"),
        ("3,1,f,maybe,5,B", "row 2, column 'smoker': found 'maybe', expected true or false."),
        ("3,1,f,true,3,B", "row 2, column 'grade': found 3, expected one of 1, 2, 5."),
        ("3,1,f,true,5,b", "row 2, column 'y': found 'b', expected one of 'B', 'M'."),
        ("3,1,f,true", "row 2, column 'grade': found an empty cell, expected one of 1, 2, 5."),
        ("3,1,000,f,true,5,B", "row 2: found more cells than the 6 columns that row 1 names."),
        ("3,1,f,true,5,B\n3,1,000,f,true,5,B", "row 3: found more cells than the 6 columns"),
        (
            '3,1,f,true,5,"B',
            "a.csv is no regular CSV table (a quotation mark in row 2 never closes)",
        ),
    ],
)
def test_a_wrong_cell_is_told_with_its_place_and_a_remedy(
    tmp_path: Path, row: str, said: str
) -> None:
    assert said in refusal(tmp_path, HEADER + row + "\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "a.csv is empty. Its first row must name the columns: 'age', 'x', 'sex',"),
        ("\n" + HEADER, "a.csv is empty."),
        (
            HEADER.replace("age", "Age"),
            "row 1: found no column 'age'. Is it the one named 'Age'",
        ),
        ("age,x,sex,grade\n", "row 1: found no columns 'smoker', 'y'. Add them"),
        (
            "age," + HEADER,
            "row 1: found the column 'age' 2 times. Rename or remove all but one.",
        ),
        (
            HEADER.replace(",", ";"),
            "row 1: found cells separated by semicolons, expected commas. Save it as",
        ),
        (HEADER.encode("utf-16"), "a.csv is not UTF-8 text. Save it as “CSV UTF-8”"),
        (HEADER.encode("utf-16-le"), "rewrite it and remove the old file: iconv -f UTF-16LE -t"),
        (HEADER.encode("utf-16-be"), "iconv -f UTF-16BE -t UTF-8 a.csv > a-utf8.csv"),
        (HEADER.encode() + b"3,1,\xe9,true,5,B\n", "a.csv is not UTF-8 text"),
        (HEADER, "Found 0 examples, expected at least 1. Add more rows"),
    ],
)
def test_a_wrong_file_is_told_with_a_remedy(tmp_path: Path, text: str | bytes, said: str) -> None:
    assert said in refusal(tmp_path, text)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("beds.xlsx", "Is it 'beds.xlsx'? Save it as “CSV UTF-8”, under the name beds.csv."),
        ("beds.csv.txt", "Is it 'beds.csv.txt'? Rename it to beds.csv."),
        ("beds.txt", "Is it 'beds.txt'? If it is a table with commas, rename it to beds.csv."),
        ("2024/beds.csv", "Files in folders of it, as '2024/beds.csv', do not count: move them"),
        (".beds.xlsx", "Put your data there as one or more files named *.csv or *.parquet."),
        ("beds.docx", "Put your data there as one or more files named *.csv or *.parquet."),
    ],
)
def test_what_may_be_meant_where_there_is_no_table_is_told(
    tmp_path: Path, name: str, said: str
) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
    with pytest.raises(DataError, match=re.escape(said)):
        read_examples(tmp_path, FORMAT)


def test_training_tells_what_lists_all_mistakes(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(HEADER)
    with pytest.raises(DataError, match=r"at least 1\. .* “fedota-client check” lists all"):
        read_split(tmp_path, FORMAT, 0.2)


def test_a_place_without_data_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no CSV or Parquet file in .*Put your data there"):
        read_examples(tmp_path, FORMAT)
    with pytest.raises(DataError, match=r"no folder .*Name the folder"):
        read_examples(tmp_path / "nowhere", FORMAT)


_NUMBERS = st.floats(width=32, allow_nan=False, allow_infinity=False)
_TEXTS = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=8)


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(st.tuples(_NUMBERS, st.integers(-(2**24), 2**24), st.integers(0, 2)), min_size=1),
    allowed=st.lists(_TEXTS, min_size=3, max_size=3, unique=True),
)
def test_what_is_written_is_what_is_read(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[float, int, int]], allowed: list[str]
) -> None:
    path = tmp_path_factory.mktemp("table") / "a.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["c", "n", "i"])
        writer.writerows([allowed[code], repr(number), whole] for number, whole, code in rows)
    data_format = TableFormat(
        1,
        (
            Column("n", "number"),
            Column("i", "integer"),
            Column("c", "category", allowed=tuple(allowed), target=True),
        ),
    )

    examples = read_examples(path, data_format)

    assert examples.inputs[0].names == ("n", "i")
    assert examples.inputs[0].values[:].tolist() == [[number, whole] for number, whole, _ in rows]
    assert examples.targets[0].values[:].tolist() == [[code] for _, _, code in rows]
