"""Examples made from a declared format."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fedota_client.fake_data import fake_examples
from fedota_client.table_data import read_tables
from fedota_proto.data_format import Column, TableFormat

TARGET = Column("y", "category", allowed=("B", "M"), target=True)


def test_fake_examples_are_read_back_as_real_ones(tmp_path: Path) -> None:
    data_format = TableFormat(
        20,
        (
            Column("n", "number", minimum=0.1, maximum=0.3),
            Column("free", "number"),
            Column("low", "number", minimum=5),
            Column("high", "integer", maximum=-5),
            Column("i", "integer", minimum=-2.5, maximum=2.5),
            Column("b", "boolean"),
            TARGET,
            Column("a", "number", allowed=(0.5, 1.5, 7.0)),
        ),
    )
    examples = fake_examples(data_format, 20, seed=3)
    texts: dict[str, list[object]] = {
        column.name: [float(value) for value in examples.inputs[:, i]]
        for i, column in enumerate(data_format.inputs)
    }
    texts["y"] = [TARGET.allowed[int(code)] for code in examples.targets[:, 0]]
    texts["a"] = [(0.5, 1.5, 7.0)[int(code)] for code in examples.inputs[:, -1]]
    texts["b"] = ["yes" if value else "no" for value in examples.inputs[:, 5]]
    with (tmp_path / "a.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(texts)
        writer.writerows(zip(*texts.values(), strict=True))

    read = read_tables(tmp_path, data_format)

    assert (read.inputs == examples.inputs).all()
    assert (read.targets == examples.targets).all()


def test_every_allowed_value_appears_and_the_same_seed_draws_the_same() -> None:
    data_format = TableFormat(1, (Column("n", "number"), TARGET))
    first, again, other = (fake_examples(data_format, 50, seed) for seed in (1, 1, 2))

    assert set(first.targets.ravel().tolist()) == {0, 1}
    assert (first.inputs == again.inputs).all()
    assert not (first.inputs == other.inputs).all()


@settings(max_examples=50)
@given(bounds=st.tuples(st.floats(-1e30, 1e30), st.floats(-1e30, 1e30)).map(sorted))
def test_numbers_keep_the_bounds_as_float32(bounds: list[float]) -> None:
    low, high = (float(np.float32(bound)) for bound in bounds)
    data_format = TableFormat(1, (Column("n", "number", minimum=low, maximum=high), TARGET))

    values = fake_examples(data_format, 8, seed=0).inputs

    assert (values >= low).all()
    assert (values <= high).all()
