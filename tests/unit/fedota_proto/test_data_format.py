"""Columns of a table, as problem.toml declares them."""

from __future__ import annotations

import pytest

from fedota_proto.data_format import Column, TableFormat, read_data_format
from fedota_proto.errors import ProblemFileError
from fedota_proto.toml_reader import Mistakes, TableReader

TARGET = {"name": "y", "type": "boolean", "target": True}


def read(*columns: object, **settings: object) -> TableFormat:
    mistakes = Mistakes("p")
    table = {"columns": list(columns), **settings}
    found = read_data_format(TableReader(table, "[data]", mistakes))
    mistakes.raise_if_any()
    assert isinstance(found, TableFormat)
    return found


def mistakes(*columns: object, **settings: object) -> tuple[str, ...]:
    with pytest.raises(ProblemFileError) as caught:
        read(*columns, **settings)
    return tuple(mistake.removeprefix("p: ") for mistake in caught.value.mistakes)


def test_reads_every_type_of_column() -> None:
    columns = (
        {"name": "age", "type": "integer", "unit": "years", "minimum": 0, "maximum": 120},
        {"name": "dose", "type": "number", "minimum": 0.5},
        {"name": "grade", "type": "integer", "allowed": [1, 2, 3]},
        {"name": "smoker", "type": "boolean"},
        {"name": "site", "type": "category", "allowed": ["left", "right", 3]},
        {**TARGET, "unit": ""},
    )
    assert read(*columns, minimum_examples=5) == TableFormat(
        5,
        (
            Column("age", "integer", "years", 0.0, 120.0),
            Column("dose", "number", "", 0.5),
            Column("grade", "integer", allowed=(1.0, 2.0, 3.0)),
            Column("smoker", "boolean"),
            Column("site", "category", allowed=("left", "right", "3")),
            Column("y", "boolean", target=True),
        ),
    )


def test_the_target_may_stand_anywhere() -> None:
    found = read(TARGET, {"name": "a", "type": "number"})
    assert [column.name for column in found.inputs] == ["a"]
    assert found.target.name == "y"


A = {"name": "a", "type": "number"}


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ({"type": "number"}, "number 1 name: is missing; it must be a text in quotes"),
        ({"name": "a"}, '"a" type: is missing; it must be one of "number", "integer", "category"'),
        ({**A, "type": "float"}, '"float" is not known; it must be one of'),
        ({**A, "name": " a"}, "begins or ends with a blank"),
        ({**A, "name": "a\n"}, "holds a character that cannot be shown"),
        ({**A, "name": 3}, "number 1 name: must be a text in quotes, not 3"),
        ({**A, "name": "y"}, 'number 2 name: "y" is also the name of number 1'),
        ({**A, "min": 0}, '"a" min: is unknown; did you mean "minimum"?'),
        ({**A, "minimum": "0"}, '"a" minimum: must be a number, not "0"'),
        ({**A, "minimum": 10**400}, "must be a number, not a number of more than 30 digits"),
        ({**A, "minimum": 2, "maximum": 1}, '"a" minimum: is 2, above the maximum 1'),
        ({**A, "type": "boolean", "minimum": 0}, 'makes no sense for type "boolean"; leave it out'),
        ({**A, "type": "boolean", "allowed": [0]}, 'makes no sense for type "boolean"'),
        ({**A, "type": "category"}, 'allowed: is missing; list the values of the category, as ["B'),
        ({**A, "type": "category", "allowed": []}, "allowed: is missing"),
        ({**A, "type": "category", "allowed": ["x", "x"]}, 'lists "x" twice'),
        ({**A, "type": "category", "allowed": ["1", 1]}, 'lists "1" twice'),
        ({**A, "type": "category", "allowed": [1.5]}, "holds 1.5; a category's values are texts"),
        ({**A, "type": "category", "allowed": [True]}, "holds true; a category's values are texts"),
        ({**A, "type": "category", "allowed": [" x"]}, 'holds " x"; a value has 1 to 200 visible'),
        ({**A, "type": "category", "allowed": "x"}, 'must be a list in square brackets, not "x"'),
        ({**A, "type": "category", "allowed": ["x"] * 10_001}, "lists 10001 values, at most 10000"),
        ({**A, "type": "integer", "allowed": [1.5]}, "holds 1.5, which is no integer"),
        ({**A, "allowed": ["x"]}, 'holds "x", which is no number'),
        ({**A, "allowed": [1, 1.0]}, "lists 1 twice"),
        ("a", 'number 1: must be a table with name and type, not "a"'),
    ],
)
def test_says_what_is_wrong_in_a_column(column: object, said: str) -> None:
    named_as_target = isinstance(column, dict) and column.get("name") == "y"
    columns = (TARGET, column) if named_as_target else (column, TARGET)
    (mistake,) = mistakes(*columns)
    assert mistake.startswith("[[data.columns]] ")
    assert said in mistake


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ([], "[data] columns: is missing; write one [[data.columns]] for each column"),
        ([A], "[[data.columns]]: no column has target = true; mark the one that the model pred"),
        ([TARGET], "[[data.columns]]: there is no column besides the target to predict it from"),
        ([A] * 10_001, "[data] columns: has 10001 columns, at most 10000 are allowed"),
    ],
)
def test_says_what_is_wrong_in_the_table(columns: list[object], said: str) -> None:
    (mistake,) = mistakes(*columns)
    assert said in mistake


def test_says_what_is_wrong_in_the_section() -> None:
    assert mistakes(A, TARGET, minimum_examples=0, rows=3) == (
        "[data] minimum_examples: must be a whole number from 2 to 1000000000, not 0",
        "[data] rows: is unknown; known keys are kind, minimum_examples, columns",
    )
    assert mistakes(A, TARGET, kind="image", minimum_examples=0) == (
        '[data] kind: "image" is not known; did you mean "images"?',
        "[data] minimum_examples: must be a whole number from 2 to 1000000000, not 0",
    )
    (mistake,) = mistakes(columns=3)
    assert mistake == "[data] columns: must be a list in square brackets, not 3"
