"""Formats beyond plain columns: texts in cells, pictures, texts, arrays, a format on its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedota_proto.data_format import (
    ArraysFormat,
    Column,
    DataFormat,
    DeclaredArray,
    ImagesFormat,
    TableFormat,
    TextFormat,
    read_data_format,
    read_format_file,
)
from fedota_proto.errors import ProblemFileError
from fedota_proto.toml_reader import Mistakes, TableReader

X = {"name": "x", "dtype": "float32", "shape": [28, 28]}
Y = {"name": "y", "dtype": "int32", "classes": 3, "target": True}
A = {"name": "a", "type": "number"}
TARGET = {"name": "y", "type": "boolean", "target": True}


def read(**section: object) -> DataFormat:
    mistakes = Mistakes("p")
    found = read_data_format(TableReader(section, "[data]", mistakes))
    mistakes.raise_if_any()
    return found


def mistakes(**section: object) -> tuple[str, ...]:
    with pytest.raises(ProblemFileError) as caught:
        read(**section)
    return tuple(mistake.removeprefix("p: ") for mistake in caught.value.mistakes)


def test_reads_pictures() -> None:
    found = read(
        kind="images", classes=["cat", 7], height=8, width=9, channels=1, resize=True,
        minimum_examples=5,
    )  # fmt: skip
    assert found == ImagesFormat(5, ("cat", "7"), 8, 9, 1, resize=True)
    assert isinstance(found, ImagesFormat)
    assert found.shape == (8, 9, 1)
    assert read(kind="images", classes=["a", "b"], height=8, width=8) == ImagesFormat(
        10, ("a", "b"), 8, 8, 3
    )


STAGE = {"name": "stage", "type": "category", "allowed": ["I", "II"]}
SIZE = {"name": "size", "type": "number", "unit": "mm", "minimum": 0, "maximum": 50}


def test_reads_pictures_with_targets_of_their_own() -> None:
    found = read(kind="images", targets=[STAGE, SIZE], height=8, width=9)
    stage = Column("stage", "category", allowed=("I", "II"), target=True)
    size = Column("size", "number", "mm", 0, 50, target=True)
    assert found == ImagesFormat(10, (), 8, 9, 3, targets=(stage, size))
    assert isinstance(found, ImagesFormat)
    assert found.target_names == ("stage", "size")
    assert found.classes == ()
    assert found.labels.columns == (Column("file", "text"), stage, size)
    assert read(kind="images", targets=[STAGE], height=8, width=9).classes == ("I", "II")
    assert read(kind="images", targets=[SIZE], height=8, width=9).classes == ()


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({}, 'classes: is missing; list the folders, as ["cat", "dog"], or write one [[data.targe'),
        (
            {"classes": ["a", "b"], "targets": [SIZE]},
            "targets: and classes are both there; keep classes if each picture's folder is its cl",
        ),
        ({"targets": []}, "targets: is empty; write one [[data.targets]] for each column"),
        ({"targets": 3}, "targets: must be a list in square brackets, not 3"),
        ({"targets": [3]}, "[[data.targets]] number 1: must be a table with name and type, not 3"),
        ({"targets": [SIZE] * 10_001}, "targets: has 10001 columns, at most 10000 are allowed"),
        ({"targets": [SIZE, SIZE]}, '[[data.targets]] number 2 name: "size" is also the name of'),
        (
            {"targets": [{"name": "t", "type": "text"}]},
            '"t" type: is "text", which cannot be predicted; choose one of "number", "intege',
        ),
        ({"targets": [{**SIZE, "name": "file"}]}, "name: is that of the column with the pictures'"),
        ({"targets": [{**SIZE, "optional": True}]}, "leave optional, used and unique out"),
        ({"targets": [{**SIZE, "target": False}]}, '"size" target: is false, but each of these is'),
        ({"targets": [{**SIZE, "unique": True}]}, "leave optional, used and unique out"),
        ({"targets": [{**STAGE, "allowed": []}]}, '"stage" allowed: is missing; list the values'),
    ],
)
def test_says_what_is_wrong_with_targets_of_pictures(section: dict[str, object], said: str) -> None:
    (mistake,) = mistakes(kind="images", height=8, width=8, **section)
    assert said in mistake


def test_other_kinds_have_no_targets() -> None:
    (mistake,) = mistakes(columns=[A, TARGET], targets=[SIZE])
    assert "targets: is unknown here: targets are columns of the labels of kind" in mistake


def test_reads_texts() -> None:
    assert read(kind="text", classes=["ham", "spam"], longest=500) == TextFormat(
        10, ("ham", "spam"), 500
    )


def test_reads_arrays_with_several_targets() -> None:
    found = read(kind="arrays", arrays=[X, Y, {"name": "z", "shape": [], "target": True}])
    assert isinstance(found, ArraysFormat)
    assert found.inputs == (DeclaredArray("x", "float32", (28, 28)),)
    assert found.targets == (
        DeclaredArray("y", "int32", (), classes=3, target=True),
        DeclaredArray("z", "float32", (), target=True),
    )
    assert found.classes == ()
    assert read(kind="arrays", arrays=[X, Y]).classes == ("0", "1", "2")


def test_reads_texts_in_cells_and_columns_that_are_only_checked() -> None:
    found = read(
        columns=[
            {"name": "id", "type": "text", "pattern": "P[0-9]{4}", "unique": True, "used": False},
            {"name": "note", "type": "text", "longest": 200, "optional": True},
            {**A, "optional": True},
            TARGET,
            {**A, "name": "z", "target": True},
        ]
    )
    assert isinstance(found, TableFormat)
    assert found.columns[:2] == (
        Column("id", "text", pattern="P[0-9]{4}", unique=True, used=False),
        Column("note", "text", longest=200, optional=True),
    )
    assert [column.name for column in found.inputs] == ["note", "a"]
    assert found.target_names == ("y", "z")
    assert found.target.name == "y"
    assert found.classes == ()
    assert read(columns=[A, TARGET]).classes == ("false", "true")


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"classes": ["a"]}, 'classes: must list two classes or more, as ["cat", "dog"]'),
        ({"classes": ["a", "a"]}, 'classes: lists "a" twice'),
        ({"classes": ["a", "b/c"]}, 'holds "b/c", which can be no folder\'s name'),
        ({"classes": ["a", ".."]}, 'holds "..", which can be no folder\'s name'),
        ({"classes": ["a", 1.5]}, "holds 1.5; a class is the name of its folder"),
        ({"height": 0}, "height: must be a whole number from 1 to 4096, not 0"),
        ({"channels": 2}, "channels: must be 1 (grey), 3 (colour) or 4"),
        ({"resize": "yes"}, "resize: must be true or false"),
        ({"columns": [A]}, 'columns: is unknown here: columns are those of kind = "table"'),
    ],
)
def test_says_what_is_wrong_in_a_section_of_pictures(section: dict[str, object], said: str) -> None:
    whole = {"kind": "images", "classes": ["a", "b"], "height": 8, "width": 8}
    (mistake,) = mistakes(**{**whole, **section})
    assert said in mistake


def test_tells_all_that_a_section_of_pictures_lacks_at_once() -> None:
    found = mistakes(kind="images", hight=3)
    assert [mistake.split(":")[0] for mistake in found] == [
        "[data] classes",
        "[data] hight",
        "[data] width",
    ]


@pytest.mark.parametrize(
    ("array", "said"),
    [
        ({**X, "dtype": "object"}, 'dtype: "object" is not known; it must be one of "float16"'),
        ({**X, "shape": [0]}, "shape: holds 0; list the sizes of one example's axes"),
        ({**X, "shape": [1 << 20, 1 << 20]}, "one example exceeds 1 GiB"),
        ({**X, "classes": 3}, "classes: is for whole numbers, not for float32"),
        ({**X, "minimum": 2, "maximum": 1}, "minimum: is 2, above the maximum 1"),
        ({**X, "name": "a/b"}, "cannot be the name of an array in a file"),
        ({**X, "name": "y"}, '"y" is also the name of another array'),
        ({**X, "target": True}, "there is no array besides the target to predict from"),
    ],
)
def test_says_what_is_wrong_in_an_array(array: object, said: str) -> None:
    (mistake,) = mistakes(kind="arrays", arrays=[Y, array])
    assert said in mistake


def test_says_that_an_array_is_the_target() -> None:
    (mistake,) = mistakes(kind="arrays", arrays=[X])
    assert "no array has target = true" in mistake


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ({"pattern": "("}, '"(" is no regular expression'),
        ({"pattern": "(?=a)"}, "looks ahead or behind, refers back or repeats more than 1000"),
        ({"pattern": r"(a)\1"}, "looks ahead or behind"),
        ({"pattern": "a{2000}"}, "repeats more than 1000 times"),
        ({"minimum": 1}, 'makes no sense for type "text"'),
        ({"allowed": ["x"]}, 'makes no sense for type "text"'),
        ({"target": True}, "a text cannot be predicted"),
        ({"type": "number", "longest": 3}, 'longest: is for type "text", not "number"'),
        ({"type": "number", "target": True, "optional": True}, "the target is needed in every row"),
        ({"type": "number", "target": True, "used": False}, "the model predicts this column"),
    ],
)
def test_says_what_is_wrong_in_a_text_column(column: dict[str, object], said: str) -> None:
    (mistake,) = mistakes(columns=[A, TARGET, {"name": "t", "type": "text", **column}])
    assert said in mistake


def test_reads_a_format_on_its_own_and_a_whole_problem(tmp_path: Path) -> None:
    path = tmp_path / "format.toml"
    path.write_text(
        '[data]\nkind = "text"\nclasses = ["a", "b"]\n[problem]\ntitle = "T"\n[rounds]\nx = 1\n'
    )
    found = read_format_file(path)
    assert (found.title, found.data) == ("T", TextFormat(10, ("a", "b")))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the section is missing"),
        (b"[data]\n", "[[data.columns]]"),
        (b"[data", "is not TOML in UTF-8"),
        (b"\xff\xfe[\0", "is not TOML in UTF-8"),
        (b"#" * (1 << 20) + b"##", "larger than 1 MiB"),
    ],
)
def test_says_what_is_wrong_with_a_format_file(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "format.toml"
    path.write_bytes(content)
    with pytest.raises(ProblemFileError) as caught:
        read_format_file(path)
    assert said in caught.value.public_message
    with pytest.raises(ProblemFileError) as caught:
        read_format_file(tmp_path / "nowhere.toml")
    assert "cannot be read" in caught.value.public_message
