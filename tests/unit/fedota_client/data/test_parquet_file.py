"""Parquet files, and folders of both kinds."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from fedota_client.data import parquet_file
from fedota_client.data.reading import read_examples
from fedota_proto.data_format import Column, TableFormat
from fedota_proto.errors import DataError

FORMAT = TableFormat(
    1,
    (
        Column("n", "number", minimum=0, maximum=9),
        Column("b", "boolean"),
        Column("y", "category", allowed=("a", "1"), target=True),
    ),
)
GOOD = {"n": [1, 2.5, 3], "b": [True, False, True], "y": ["a", "1", "a"], "more": [0, 0, 0]}


def refusal(place: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_examples(place, FORMAT)
    return caught.value.public_message


def test_reads_parquet_beside_csv_block_by_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_file, "ROWS_AT_A_TIME", 2)
    pd.DataFrame(GOOD).to_parquet(tmp_path / "b.parquet")
    (tmp_path / "a.csv").write_text("n,b,y\n9,no,1\n")

    inputs, targets = read_examples(tmp_path, FORMAT).fields

    assert inputs.values[:].tolist() == [[9, 0], [1, 1], [2.5, 0], [3, 1]]
    assert targets.values[:].ravel().tolist() == [1, 0, 1, 0]


def test_reads_dictionaries_and_integers_as_classes(tmp_path: Path) -> None:
    table = pd.DataFrame({**GOOD, "y": pd.Categorical(["a", "1", "1"])})
    table.to_parquet(tmp_path / "a.parquet")
    assert read_examples(tmp_path, FORMAT).targets[0].values[:].ravel().tolist() == [0, 1, 1]
    pd.DataFrame({**GOOD, "y": [1, 1, 1]}).to_parquet(tmp_path / "a.parquet")
    assert read_examples(tmp_path, FORMAT).targets[0].values[:].ravel().tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"n": [1, 10, 3]}, "a.parquet, row 2, column 'n': found 10, expected a number from 0"),
        ({"n": [1, None, 3]}, "a.parquet, row 2, column 'n': found an empty cell"),
        ({"n": ["1", "x", "3"]}, "a.parquet, row 2, column 'n': found 'x', expected a number"),
        ({"n": pd.to_datetime(["2020-01-01"] * 3)}, "row 1, column 'n': found '2020-01-01"),
        ({"y": ["a", "q", "a"]}, "a.parquet, row 2, column 'y': found 'q', expected one of 'a'"),
    ],
)
def test_a_wrong_value_is_told(tmp_path: Path, columns: dict[str, object], said: str) -> None:
    pd.DataFrame({**GOOD, **columns}).to_parquet(tmp_path / "a.parquet")
    assert said in refusal(tmp_path)


def test_a_missing_column_and_a_damaged_file_are_told(tmp_path: Path) -> None:
    pd.DataFrame(GOOD).rename(columns={"n": "N"}).to_parquet(tmp_path / "a.parquet")
    assert "a.parquet: found no column 'n'. Add it" in refusal(tmp_path)
    whole = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "a.parquet").write_bytes(whole[:-20])
    assert "a.parquet is no whole Parquet file. Copy" in refusal(tmp_path)
