"""Examples made from a declared format."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedota_client.data.reading import read_examples
from fedota_client.declared_fields import input_fields, target_fields
from fedota_client.examples import Examples
from fedota_client.fake_data import fake_examples
from fedota_proto.data_format import (
    ArraysFormat,
    Column,
    DataFormat,
    DeclaredArray,
    ImagesFormat,
    TableFormat,
    TextFormat,
)

TARGET = Column("y", "category", allowed=("B", "M"), target=True)


def matrices(examples: Examples) -> tuple[np.ndarray, np.ndarray]:
    inputs, targets = examples.fields
    return np.asarray(inputs.values), np.asarray(targets.values)


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
    inputs, targets = matrices(examples)
    texts: dict[str, list[object]] = {
        column.name: [float(value) for value in inputs[:, i]]
        for i, column in enumerate(data_format.inputs)
    }
    texts["y"] = [TARGET.allowed[int(code)] for code in targets[:, 0]]
    texts["a"] = [(0.5, 1.5, 7.0)[int(code)] for code in inputs[:, -1]]
    texts["b"] = ["yes" if value else "no" for value in inputs[:, 5]]
    with (tmp_path / "a.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(texts)
        writer.writerows(zip(*texts.values(), strict=True))

    read = read_examples(tmp_path, data_format)

    again = matrices(read)
    assert (again[0] == inputs).all()
    assert (again[1] == targets).all()


def test_every_allowed_value_appears_and_the_same_seed_draws_the_same() -> None:
    data_format = TableFormat(1, (Column("n", "number"), TARGET))
    first, again, other = (fake_examples(data_format, 50, seed) for seed in (1, 1, 2))

    assert set(matrices(first)[1].ravel().tolist()) == {0, 1}
    assert (matrices(first)[0] == matrices(again)[0]).all()
    assert not (matrices(first)[0] == matrices(other)[0]).all()


@settings(max_examples=50)
@given(bounds=st.tuples(st.floats(-1e30, 1e30), st.floats(-1e30, 1e30)).map(sorted))
def test_numbers_keep_the_bounds_as_float32(bounds: list[float]) -> None:
    low, high = (float(np.float32(bound)) for bound in bounds)
    data_format = TableFormat(1, (Column("n", "number", minimum=low, maximum=high), TARGET))

    values, _ = matrices(fake_examples(data_format, 8, seed=0))

    assert (values >= low).all()
    assert (values <= high).all()


TARGET_ARRAY = DeclaredArray("label", "int32", (), classes=3, target=True)


@pytest.mark.parametrize(
    "data_format",
    [
        ImagesFormat(2, ("a", "b", "c"), 4, 5, 3),
        ImagesFormat(2, (), 4, 5, 3, targets=(TARGET,)),
        ImagesFormat(2, (), 4, 5, 3, targets=(TARGET, Column("n", "number", maximum=9))),
        TextFormat(2, ("a", "b"), longest=12),
        TableFormat(2, (Column("t", "text", longest=5), Column("n", "number"), TARGET)),
        ArraysFormat(
            2,
            (
                DeclaredArray("x", "float16", (3, 2), minimum=-1, maximum=2),
                DeclaredArray("few", "uint8", (2,), minimum=250),
                DeclaredArray("flags", "bool", (4,)),
                TARGET_ARRAY,
            ),
        ),
    ],
)
def test_every_kind_gives_the_fields_that_its_format_declares(data_format: DataFormat) -> None:
    examples = fake_examples(data_format, 40, seed=2)

    assert len(examples) == 40
    for declared, field in zip(
        input_fields(data_format) + target_fields(data_format), examples.fields, strict=True
    ):
        assert field.names == declared.names
        assert field.values.shape == (40, *declared.shape)
        if declared.is_text:
            texts = field.values[:, 0]
            longest = getattr(data_format, "longest", 5)
            assert all(0 < len(text) <= longest for text in texts)
    if data_format.classes:
        targets = examples.targets[0].values[:].ravel()
        assert set(targets.tolist()) == set(range(len(data_format.classes)))


def test_arrays_keep_their_bounds_and_dtypes() -> None:
    data_format = ArraysFormat(
        2, (DeclaredArray("x", "float16", (3,), minimum=-1, maximum=2), TARGET_ARRAY)
    )
    (x, label) = fake_examples(data_format, 100, seed=1).fields
    assert x.values.dtype == np.float16
    assert -1 <= x.values[:].min() < 0 < x.values[:].max() <= 2
    assert label.values.dtype == np.int32
