"""How columns become a model's inputs."""

from __future__ import annotations

import numpy as np
import pytest

from fedota_client.examples import Examples, Field
from fedota_client.model_inputs import InputLayout
from fedota_proto.data_format import Column, ImagesFormat, TableFormat
from fedota_proto.errors import ModelFileError
from fedota_proto.manifest import ManifestInput

FORMAT = TableFormat(
    1,
    (
        Column("age", "number"),
        Column("risk", "category", allowed=("low", "middle", "high"), target=True),
        Column("sex", "category", allowed=("f", "m")),
    ),
)
EXAMPLES = Examples(
    (Field(("age", "sex"), np.array([[50.5, 0], [60, 1]], dtype=np.float32)),),
    (Field(("risk",), np.array([[2], [0]], dtype=np.float32)),),
)
OUTPUT = [ManifestInput("out", "float32", (3,))]
WIDE = ManifestInput("out", "float32", (9,))
TARGET = Column("y", "number", target=True)


def test_one_input_takes_all_columns_in_declared_order() -> None:
    layout = InputLayout(FORMAT, [ManifestInput("anything", "float32", (2,))], OUTPUT)

    (x,), (y,) = layout.arrange(EXAMPLES)

    assert x[:].tolist() == [[50.5, 0], [60, 1]]
    assert y[:].tolist() == [[2], [0]]


def test_inputs_named_like_columns_get_their_own_in_their_dtype() -> None:
    inputs = [ManifestInput("sex", "int32", (1,)), ManifestInput("age", "float32", ())]

    (sex, age), _ = InputLayout(FORMAT, inputs, OUTPUT).arrange(EXAMPLES)

    assert sex.dtype == np.int32
    assert sex[:].tolist() == [[0], [1]]
    assert age[:].tolist() == [[50.5], [60]]


def test_a_sequence_of_single_numbers_takes_all_columns() -> None:
    layout = InputLayout(FORMAT, [ManifestInput("x", "float32", (2, 1))], OUTPUT)

    assert layout.arrange(EXAMPLES)[0][0].shape == (2, 2)


@pytest.mark.parametrize(
    ("inputs", "outputs", "said"),
    [
        ([("x", "float32", (3,))], OUTPUT, "takes 3 numbers, but [data] declares 2 columns"),
        (
            [("x", "float32", (4, 4))],
            OUTPUT,
            "takes the shape (4, 4), but [data] declares 2 columns",
        ),
        (
            [("age", "float32", (1,)), ("other", "float32", (1,))],
            OUTPUT,
            "has 2 inputs ('age', 'ot",
        ),
        ([("x", "string", (2,))], OUTPUT, "takes texts, but [data] declares none for it"),
        (
            [("x", "float32", (2,))],
            OUTPUT * 2,
            "has 2 outputs, but [data] declares one target ('risk')",
        ),
        (
            [("x", "float32", (2,))],
            [ManifestInput("out", "float32", (2,))],
            "tells 2 classes apart, but 'risk' has 3 values",
        ),
    ],
)
def test_a_model_that_does_not_fit_is_refused_with_what_to_change(
    inputs: list[tuple[str, str, tuple[int, ...]]], outputs: list[ManifestInput], said: str
) -> None:
    with pytest.raises(ModelFileError) as caught:
        InputLayout(FORMAT, [ManifestInput(*one) for one in inputs], outputs)

    assert said in caught.value.public_message


def test_an_output_among_several_that_tells_too_few_classes_apart_is_refused() -> None:
    stage = Column("stage", "category", allowed=("I", "II", "III"), target=True)
    size = Column("size", "number", target=True)
    data_format = TableFormat(1, (Column("a", "number"), stage, size))
    outputs = [ManifestInput("size", "float32", (1,)), ManifestInput("stage", "float32", (2,))]
    with pytest.raises(ModelFileError, match="'stage' tells 2 classes apart, but 'stage' has 3"):
        InputLayout(data_format, [ManifestInput("x", "float32", (1,))], outputs)


def test_texts_and_numbers_of_a_table_go_to_inputs_of_their_own() -> None:
    data_format = TableFormat(
        1, (Column("note", "text"), Column("a", "number"), Column("b", "number"), TARGET)
    )
    inputs = [ManifestInput("note", "string", (1,)), ManifestInput("numbers", "float32", (2,))]
    note = np.array([["x"], ["y"]], dtype=object)
    numbers = np.array([[1, 2], [3, 4]], dtype=np.float32)
    examples = Examples(
        (Field(("a", "b"), numbers), Field(("note",), note)),
        (Field(("y",), np.zeros((2, 1), np.float32)),),
    )

    (first, second), _ = InputLayout(data_format, inputs, [WIDE]).arrange(examples)

    assert first[:].tolist() == [["x"], ["y"]]
    assert second[:].tolist() == [[1, 2], [3, 4]]


def test_several_targets_go_to_one_output_or_to_one_each() -> None:
    both = TableFormat(1, (Column("a", "number"), TARGET, Column("z", "number", target=True)))
    a = [ManifestInput("a", "float32", (1,))]
    targets = np.array([[1, 10], [2, 20]], dtype=np.float32)
    examples = Examples(
        (Field(("a",), np.zeros((2, 1), np.float32)),), (Field(("y", "z"), targets),)
    )

    _, (one,) = InputLayout(both, a, [ManifestInput("out", "float32", (2,))]).arrange(examples)
    _, (z, y) = InputLayout(
        both, a, [ManifestInput("z", "float32", (1,)), ManifestInput("y", "float32", (1,))]
    ).arrange(examples)

    assert one[:].tolist() == [[1, 10], [2, 20]]
    assert (z[:].tolist(), y[:].tolist()) == ([[10], [20]], [[1], [2]])
    with pytest.raises(ModelFileError, match="has the shape \\(3,\\), but \\[data\\] declares the"):
        InputLayout(both, a, [ManifestInput("out", "float32", (3,))])


def test_pictures_and_arrays_are_given_whole() -> None:
    pictures = ImagesFormat(1, ("a", "b"), 4, 5, 3)
    image = Field(("image",), np.full((2, 4, 5, 3), 7, np.uint8))
    examples = Examples((image,), (Field(("class",), np.zeros((2, 1), np.float32)),))

    (x,), _ = InputLayout(
        pictures, [ManifestInput("any", "float32", (None, None, 3))], [WIDE]
    ).arrange(examples)

    assert x.dtype == np.float32
    assert x.shape == (2, 4, 5, 3)
    with pytest.raises(ModelFileError, match="declares 'image' with"):
        InputLayout(pictures, [ManifestInput("any", "float32", (4, 5, 1))], [WIDE])


@pytest.mark.parametrize(
    ("columns", "inputs", "said"),
    [
        ((Column("t", "text"), TARGET), [("t", "float32", (1,))], "but 't' is a text: let it"),
        (
            (Column("a", "number", optional=True), TARGET),
            [("a", "int32", (1,))],
            "a missing number becomes NaN",
        ),
    ],
)
def test_an_input_of_the_wrong_kind_is_told(
    columns: tuple[Column, ...], inputs: list[tuple[str, str, tuple[int, ...]]], said: str
) -> None:
    with pytest.raises(ModelFileError, match=said):
        InputLayout(TableFormat(1, columns), [ManifestInput(*one) for one in inputs], [WIDE])


def test_what_is_read_from_files_stays_there_until_it_is_needed() -> None:
    class Counting:
        shape, dtype, reads = (3, 2), np.dtype(np.float32), 0

        def __len__(self) -> int:
            return 3

        def __getitem__(self, rows: slice) -> np.ndarray:
            Counting.reads += 1
            return np.array([[1, 0], [2, 1], [3, 0]], np.float32)[rows]

    targets = Field(("risk",), np.zeros((3, 1), np.float32))
    examples = Examples((Field(("age", "sex"), Counting()),), (targets,))
    inputs = [ManifestInput("sex", "int32", (1,)), ManifestInput("age", "float32", (1,))]

    (sex, age), _ = InputLayout(FORMAT, inputs, OUTPUT).arrange(examples)

    assert Counting.reads == 0
    assert sex.shape == age.shape == (3, 1)
    assert sex[1:].tolist() == [[1], [0]]
    assert Counting.reads == 1
