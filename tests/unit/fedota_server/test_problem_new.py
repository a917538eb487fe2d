"""A sample table becomes a problem.toml that is right at once."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedota_proto.data_format import TableFormat
from fedota_proto.errors import DataError, UsageError
from fedota_proto.problem import Problem, parse_problem
from fedota_server.problem_template import choose_target, problem_template
from fedota_server.table_sketch import ColumnSketch, sketch_table


def sketch(tmp_path: Path, text: str) -> list[ColumnSketch]:
    path = tmp_path / "sample.csv"
    path.write_text(text, encoding="utf-8")
    return sketch_table(path)


def problem_of(columns: list[ColumnSketch], target: str = "", title: str = "T") -> Problem:
    text = problem_template(
        title=title,
        model="m.keras",
        sample="sample.csv",
        columns=columns,
        target=choose_target(columns, target),
    )
    return parse_problem(text)


def table_of(problem: Problem) -> TableFormat:
    assert isinstance(problem.data, TableFormat)
    return problem.data


def test_types_ranges_and_classes_are_found(tmp_path: Path) -> None:
    columns = sketch(
        tmp_path,
        "radius,count,alive,diagnosis\n12.345,3,true,M\n8.0,1200,False,B\n\n9.5,0,true,B\n",
    )
    assert [(c.name, c.type) for c in columns] == [
        ("radius", "number"),
        ("count", "integer"),
        ("alive", "boolean"),
        ("diagnosis", "category"),
    ]
    assert (columns[0].minimum, columns[0].maximum) == (8.0, 12.4)
    assert (columns[1].minimum, columns[1].maximum) == (0.0, 1200.0)
    assert columns[3].classes == ("B", "M")


def test_the_written_file_is_a_right_problem(tmp_path: Path) -> None:
    columns = sketch(tmp_path, "a,b,y\n-1.5,2,x\n2.5,-3,z\n")
    problem = problem_of(columns, title='Wound “healing” \\ "1"')
    assert problem.title == 'Wound “healing” \\ "1"'
    assert table_of(problem).target.name == "y"
    assert table_of(problem).target.allowed == ("x", "z")
    assert [column.name for column in table_of(problem).inputs] == ["a", "b"]
    assert (table_of(problem).inputs[1].minimum, table_of(problem).inputs[1].maximum) == (-3.0, 2.0)


def test_another_target_may_be_named(tmp_path: Path) -> None:
    columns = sketch(tmp_path, "a,b\n1,2\n3,4\n")
    assert table_of(problem_of(columns, "a")).target.name == "a"
    with pytest.raises(UsageError, match="did you mean b"):
        choose_target(columns, "B")


def test_identifiers_and_free_text_are_left_out(tmp_path: Path) -> None:
    rows = "".join(f"{n},{n / 3:.3f},note {n},{n % 2}\n" for n in range(100))
    columns = sketch(tmp_path, "patient_id,size,notes,y\n" + rows)
    assert [c.type for c in columns] == [None, "number", None, "integer"]
    problem = problem_of(columns)
    assert [column.name for column in table_of(problem).columns] == ["size", "y"]
    with pytest.raises(UsageError, match="cannot be the target"):
        choose_target(columns, "notes")


def test_empty_cells_are_told(tmp_path: Path) -> None:
    columns = sketch(tmp_path, "a,b\n1,\n,4\n2,5\n")
    assert [c.empty_cells for c in columns] == [1, 1]
    text = problem_template(title="T", model="m.keras", sample="s", columns=columns, target="b")
    assert "# 1 rows of the sample have no value here" in text
    assert len(table_of(parse_problem(text)).columns) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "found no column"),
        ("a;b\n1;2\n", "found 1 column"),
        ("a,b\n", "no rows below"),
        ("a,a\n1,2\n", "there twice"),
        ("a,\n1,2\n", "column 2 has no name"),
        ("a,b\n1,2\n1,2,3\n", "row 3: found 3 cells"),
    ],
)
def test_a_table_that_is_none_is_refused_with_its_place(
    tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(DataError, match=said):
        sketch(tmp_path, text)


def test_a_missing_file_and_a_foreign_encoding_are_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        sketch_table(tmp_path / "none.csv")
    (tmp_path / "latin.csv").write_bytes("größe,b\n1,2\n".encode("latin-1"))
    with pytest.raises(DataError, match="UTF-8"):
        sketch_table(tmp_path / "latin.csv")


def test_numbers_with_underscores_and_nan_are_texts(tmp_path: Path) -> None:
    columns = sketch(tmp_path, "a,b,c\n1_000,nan,1\n2,1,2\n")
    assert [c.type for c in columns] == ["category", "category", "integer"]


CELLS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False, width=32).map(str),
    st.integers(-(10**9), 10**9).map(str),
    st.text(
        st.characters(categories=("L", "N", "P"), exclude_characters=',"'), min_size=1, max_size=9
    ),
)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=25))
def test_whatever_a_sample_holds_the_file_is_right_and_its_ranges_hold_it(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]]
) -> None:
    text = "first,second,third\n" + "".join(",".join(row) + "\n" for row in rows)
    columns = sketch(tmp_path_factory.mktemp("s"), text)
    problem = problem_of(columns)
    for place, column in enumerate(table_of(problem).columns):
        for row in rows:
            cell = row[place].strip()
            if column.type in ("number", "integer"):
                assert column.minimum is not None
                assert column.maximum is not None
                assert column.minimum <= float(cell) <= column.maximum
            elif column.type == "category":
                assert cell in column.allowed
