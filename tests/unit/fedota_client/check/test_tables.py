"""The check of tables: everything that is wrong, at once, with place, count and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedota_client.check.result import CheckResult
from fedota_client.check.running import check_data
from fedota_client.data import csv_file
from fedota_client.data.findings import Finding
from fedota_proto.data_format import Column, TableFormat

FORMAT = TableFormat(
    2,
    (
        Column("id", "text", pattern="P[0-9]+", unique=True, used=False),
        Column("age", "integer", unit="years", minimum=0, maximum=120),
        Column("dose", "number", optional=True),
        Column("smoker", "boolean"),
        Column("diagnosis", "category", allowed=("B", "M"), target=True),
    ),
)
HEADER = "id,age,dose,smoker,diagnosis\n"
ROWS = ["P1,30,1.5,yes,B", "P2,40,,no,M", "P3,50,2.5,no,M"]


def table(folder: Path, rows: list[str], name: str = "a.csv", header: str = HEADER) -> Path:
    (folder / name).write_text(header + "".join(row + "\n" for row in rows))
    return folder


def codes(findings: tuple[Finding, ...]) -> list[tuple[str, str, str, tuple[int, ...], int]]:
    return [(one.code, one.file, one.column, one.rows, one.count) for one in findings]


def check(place: Path, data_format: TableFormat = FORMAT) -> CheckResult:
    return check_data(place, data_format)


def test_data_that_keeps_the_format_is_counted_and_drawn(tmp_path: Path) -> None:
    table(tmp_path, ROWS)
    table(tmp_path, ["P4,60,-1,true,B"], "b.csv")

    result = check(tmp_path)

    assert (result.kept, result.mistakes, result.notices) == (True, (), ())
    assert (result.examples, result.files) == (4, 2)
    assert result.size_bytes == sum(path.stat().st_size for path in tmp_path.iterdir())
    identifier, age, dose, smoker, diagnosis = result.pictures
    assert (identifier.unit, identifier.found_low, identifier.found_high) == ("characters", 2, 2)
    assert (age.low, age.high, age.found_low, age.found_high) == (0, 120, 30, 60)
    assert (dose.missing, dose.found_low, dose.found_high, sum(dose.bars)) == (1, -1, 2.5, 3)
    assert dict(zip(smoker.labels, smoker.bars, strict=True)) == {"false": 2, "true": 2}
    assert dict(zip(diagnosis.labels, diagnosis.bars, strict=True)) == {"B": 2, "M": 2}


def test_all_mistakes_are_told_at_once_with_rows_and_counts(tmp_path: Path) -> None:
    table(tmp_path, [*ROWS, "x,200,a,maybe,B", "P1,1.5,b,no,Q", ",,1,,"])
    table(tmp_path, ["P2,-1,1,no,B"], "b.csv")

    result = check(tmp_path)

    assert not result.kept
    assert set(codes(result.mistakes)) == {
        ("pattern", "a.csv", "id", (5,), 1),
        ("empty", "a.csv", "id", (7,), 1),
        ("range", "a.csv", "age", (5,), 1),
        ("whole", "a.csv", "age", (6,), 1),
        ("empty", "a.csv", "age", (7,), 1),
        ("type", "a.csv", "dose", (5, 6), 2),
        ("allowed", "a.csv", "smoker", (5,), 1),
        ("empty", "a.csv", "smoker", (7,), 1),
        ("allowed", "a.csv", "diagnosis", (6,), 1),
        ("empty", "a.csv", "diagnosis", (7,), 1),
        ("range", "b.csv", "age", (2,), 1),
        ("unique", "a.csv", "id", (6,), 2),
    }
    sentences = [one.sentence for one in result.mistakes]
    assert (
        "a.csv, row 5, column 'age': found 200, expected a whole number from 0 to 120 (in years). "
        "Check the value and its unit, or remove the row." in sentences
    )
    age = result.pictures[1]
    assert (age.found_low, age.found_high, age.outside, age.missing) == (-1, 200, 2, 1)


def test_a_mistake_in_every_block_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_file, "BLOCK_BYTES", 64)
    table(tmp_path, [f"P{number},{200 + number},1,no,B" for number in range(50)])

    (mistake,) = check(tmp_path).mistakes

    assert (mistake.rows, mistake.count) == ((2, 3, 4, 5, 6), 50)
    assert mistake.often == "50 times (rows 2, 3, 4, 5, 6 …)"


def test_a_file_that_cannot_be_read_does_not_keep_the_others_from_being_checked(
    tmp_path: Path,
) -> None:
    table(tmp_path, ROWS)
    table(tmp_path, ["P4;60;1,5;no;B"], "b.csv", HEADER.replace(",", ";"))
    (tmp_path / "c.csv").write_bytes(b"id,age\xff")
    (tmp_path / "d.csv").write_text("")
    table(tmp_path, ["P9,1,1,no,B", "P8,1,1,no,B,surplus", "P7,400,1,no,B"], "e.csv")

    result = check(tmp_path)

    assert codes(result.mistakes) == [
        ("separator", "b.csv", "", (1,), 1),
        ("encoding", "c.csv", "", (), 1),
        ("header", "d.csv", "", (), 1),
        ("cells", "e.csv", "", (3,), 1),
    ]
    assert result.examples == 4


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    table(tmp_path, ROWS)
    (tmp_path / "b.csv").symlink_to("/proc/self/mem")  # even root cannot read its beginning
    (mistake,) = check(tmp_path).mistakes
    assert mistake.sentence.startswith("b.csv cannot be read (Input/output error). Look whether")


def test_a_folder_that_cannot_be_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refused)
    (mistake,) = check(tmp_path).mistakes
    assert "a folder that cannot be read (Permission denied)" in mistake.sentence


def test_an_empty_folder_and_too_few_rows_are_told(tmp_path: Path) -> None:
    (mistake,) = check(tmp_path).mistakes
    assert mistake.sentence.startswith(f"Found no CSV or Parquet file in {str(tmp_path)!r}. Put")
    table(tmp_path, ROWS[:1])
    (mistake,) = check(tmp_path).mistakes
    assert mistake.sentence.startswith("Found 1 example, expected at least 2. Add more rows")


def test_one_class_only_deserves_a_look(tmp_path: Path) -> None:
    table(tmp_path, ROWS[1:])
    result = check(tmp_path)
    assert result.kept
    (notice,) = result.notices
    assert notice.sentence.startswith("Found only examples of the class 'M'.")


def test_rows_that_are_there_twice_deserve_a_look(tmp_path: Path) -> None:
    plain = TableFormat(2, FORMAT.columns[1:])
    table(tmp_path, ROWS)
    table(tmp_path, ["P9,30,1.50,TRUE,B", "P8,1,1,no,B"], "b.csv")

    (notice,) = check(tmp_path, plain).notices

    assert (notice.code, notice.file, notice.rows) == ("duplicates", "b.csv", (2,))
    assert "a row that is in every column like row 2 of a.csv" in notice.sentence


@pytest.mark.parametrize(
    ("name", "leaks"),
    [("diagnosis_code", True), ("Final Diagnosis", True), ("diagnosisx", False), ("age", False)],
)
def test_a_column_that_bears_the_targets_name_deserves_a_look(
    tmp_path: Path, name: str, leaks: bool
) -> None:
    columns = (Column(name, "number"), FORMAT.target)
    table(tmp_path, ["1,B", "2,M"], header=f"{name},diagnosis\n")
    notices = check(tmp_path, TableFormat(2, columns)).notices
    assert [one.code for one in notices] == (["leak"] if leaks else [])


def test_bytes_are_told_as_they_are_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "BLOCK_BYTES", 64)
    table(tmp_path, [f"P{number},1,1,no,B" for number in range(50)])
    told: list[tuple[int, int]] = []

    check_data(tmp_path, FORMAT, lambda done, total: told.append((done, total)))

    size = (tmp_path / "a.csv").stat().st_size
    assert len(told) > 5
    assert [total for _, total in told] == [size] * len(told)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1] == (size, size)
