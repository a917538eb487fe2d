"""New data without a target, and what a model's outputs mean."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fedota_client.personal.answers import class_columns, number_columns, target_columns
from fedota_client.personal.new_data import new_examples
from fedota_proto.errors import DataError
from fedota_proto.problem import Problem, parse_problem

HEAD = """
[problem]
title = "T"
model = "m.keras"
[strategy]
name = "FedAvg"
[rounds]
rounds = 1
goal_count = 3
reporting_deadline_s = 1
[data]
"""


def problem(data: str) -> Problem:
    return parse_problem(HEAD + data)


TABLE = """
[[data.columns]]
name = "a"
type = "number"
maximum = 9
[[data.columns]]
name = "b"
type = "number"
[[data.columns]]
name = "kind"
type = "category"
allowed = ["x", "y"]
target = true
"""


def test_tables_need_no_target_and_name_file_and_row(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("a,b\n1,2\n3,4\n")
    (tmp_path / "two.csv").write_text("b,kind,a\n6,x,5\n")
    pieces = list(new_examples(tmp_path, problem(TABLE).data))
    places = [place for piece in pieces for place in piece.places]
    assert places == [("one.csv", 1), ("one.csv", 2), ("two.csv", 1)]
    rows = np.concatenate([piece.examples.inputs[0].values[:] for piece in pieces])
    assert rows.tolist() == [[1, 2], [3, 4], [5, 6]]


def test_new_tables_keep_the_format_too(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("a,b\n10,2\n")
    with pytest.raises(DataError, match=r"one\.csv, row 2, column 'a': found 10"):
        list(new_examples(tmp_path, problem(TABLE).data))


PICTURES = 'kind = "images"\nclasses = ["cat", "dog"]\nheight = 2\nwidth = 2\nchannels = 1\n'


def test_pictures_lie_anywhere_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / "unsorted" / "2024").mkdir(parents=True)
    for name, grey in (("b.png", 7), ("unsorted/2024/a.png", 9)):
        Image.new("L", (2, 2), grey).save(tmp_path / name)
    (piece,) = new_examples(tmp_path, problem(PICTURES).data)
    assert piece.places == [("b.png", 0), ("unsorted/2024/a.png", 0)]
    assert piece.examples.inputs[0].values[:, 0, 0, 0].tolist() == [7, 9]
    (one,) = new_examples(tmp_path / "b.png", problem(PICTURES).data)
    assert one.places == [("b.png", 0)]


def test_new_pictures_need_no_labels(tmp_path: Path) -> None:
    labelled = PICTURES.replace('classes = ["cat", "dog"]\n', "") + "".join(
        f'[[data.targets]]\nname = "{name}"\ntype = "number"\n' for name in ("age", "size")
    )
    Image.new("L", (2, 2), 7).save(tmp_path / "b.png")
    (tmp_path / "labels.csv").write_text("file\nb.png\n")
    (piece,) = new_examples(tmp_path, problem(labelled).data)
    assert piece.places == [("b.png", 0)]
    assert piece.examples.targets[0].names == ("age", "size")
    assert piece.examples.targets[0].values.shape == (1, 2)


def test_no_picture_and_a_wrong_one(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="There is no PNG or JPEG file"):
        list(new_examples(tmp_path, problem(PICTURES).data))
    Image.new("L", (3, 2)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"a\.png"):
        list(new_examples(tmp_path, problem(PICTURES).data))


def test_a_name_that_no_text_can_hold(tmp_path: Path) -> None:
    Image.new("L", (2, 2)).save(tmp_path / os.fsdecode(b"gr\xfcn.png"))
    with pytest.raises(DataError, match=r"gr\\xfcn\.png has a name that is not UTF-8"):
        list(new_examples(tmp_path, problem(PICTURES).data))


def test_texts(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello\n")
    text = problem('kind = "text"\nclasses = ["ham", "spam"]\n').data
    (piece,) = new_examples(tmp_path, text)
    assert piece.places == [("a.txt", 0)]
    assert piece.examples.inputs[0].values[0, 0] == "hello"


def test_arrays_need_no_target(tmp_path: Path) -> None:
    arrays = problem(
        'kind = "arrays"\n[[data.arrays]]\nname = "x"\ndtype = "float32"\nshape = [2]\n'
        '[[data.arrays]]\nname = "y"\ndtype = "float32"\nshape = [1]\ntarget = true\n'
    ).data
    np.savez(tmp_path / "a.npz", x=np.array([[1, 2], [3, 4]], np.float32))
    (piece,) = new_examples(tmp_path, arrays)
    assert piece.places == [("a.npz", 1), ("a.npz", 2)]
    assert piece.examples.inputs[0].values[:].tolist() == [[1, 2], [3, 4]]
    assert piece.examples.targets[0].values.shape == (2, 1)


def test_classes_have_names_and_outputs_behind_them() -> None:
    names, columns = class_columns(np.array([[0.2, 0.8], [0.9, 0.1]]), ("cat", "dog"))
    assert names == ["prediction", "output cat", "output dog"]
    assert columns[0].tolist() == ["dog", "cat"]
    names, columns = class_columns(np.array([[0.2], [0.9]]), ("cat", "dog"))
    assert names == ["prediction", "output dog"]
    assert columns[0].tolist() == ["cat", "dog"]


def test_each_of_several_targets_is_told_by_its_name() -> None:
    outputs = [np.array([[1.5], [2.5]]), np.array([[0.2, 0.8], [0.9, 0.1]])]
    found = target_columns(outputs, ("size", "stage"), {"stage": ("I", "II"), "size": ()})
    assert found is not None
    names, columns = found
    assert names == ["prediction size", "prediction stage", "output stage I", "output stage II"]
    assert columns[0].tolist() == [1.5, 2.5]
    assert columns[1].tolist() == ["II", "I"]
    assert target_columns(outputs, ("a", "b"), {"stage": ("I", "II"), "size": ()}) is None


def test_numbers_bear_the_targets_names_where_they_fit() -> None:
    one = [np.array([[1.0], [2.0]])]
    assert number_columns(one, ("dose",), ("dense",))[0] == ["prediction dose"]
    two = [np.array([[1.0]]), np.array([[2.0]])]
    names, columns = number_columns(two, ("dose", "age"), ("age", "dose"))
    assert (names, columns[0].tolist()) == (["prediction age", "prediction dose"], [1.0])
    wide = [np.zeros((2, 3)), np.zeros((2, 1))]
    names, columns = number_columns(wide, ("dose",), ("a", "b"))
    assert names == ["output a 0", "output a 1", "output a 2", "output b"]
    assert len(columns) == 4
