"""How columns become a model's inputs."""

from __future__ import annotations

import numpy as np
import pytest

from fedota_client.examples import Examples
from fedota_client.model_inputs import InputLayout
from fedota_proto.data_format import Column, TableFormat
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
    inputs=np.array([[50.5, 0], [60, 1]], dtype=np.float32),
    targets=np.array([[2], [0]], dtype=np.float32),
)
OUTPUT = [ManifestInput("out", "float32", (3,))]


def test_one_input_takes_all_columns_in_declared_order() -> None:
    layout = InputLayout(FORMAT, [ManifestInput("anything", "float32", (2,))], OUTPUT)

    (x,), (y,) = layout.arrange(EXAMPLES)

    assert x.tolist() == EXAMPLES.inputs.tolist()
    assert y.tolist() == [[2], [0]]


def test_inputs_named_like_columns_get_their_own_in_their_dtype() -> None:
    inputs = [ManifestInput("sex", "int32", (1,)), ManifestInput("age", "float32", ())]

    (sex, age), _ = InputLayout(FORMAT, inputs, OUTPUT).arrange(EXAMPLES)

    assert sex.dtype == np.int32
    assert sex.tolist() == [[0], [1]]
    assert age.tolist() == [[50.5], [60]]


def test_a_sequence_of_single_numbers_takes_all_columns() -> None:
    layout = InputLayout(FORMAT, [ManifestInput("x", "float32", (2, 1))], OUTPUT)

    assert layout.arrange(EXAMPLES)[0][0].shape == (2, 2)


@pytest.mark.parametrize(
    ("inputs", "outputs", "said"),
    [
        ([("x", "float32", (3,))], OUTPUT, "takes 3 numbers, but [data] declares 2 columns"),
        ([("x", "float32", (4, 4))], OUTPUT, "takes -1 numbers"),
        (
            [("age", "float32", (1,)), ("other", "float32", (1,))],
            OUTPUT,
            "has 2 inputs ('age', 'ot",
        ),
        ([("x", "string", (2,))], OUTPUT, "takes string, but columns become numbers"),
        ([("x", "float32", (2,))], OUTPUT * 2, "has 2 outputs, but a problem has one target"),
        (
            [("x", "float32", (2,))],
            [ManifestInput("out", "float32", (2,))],
            "tells 2 classes apart, but the column 'risk' has 3 allowed values",
        ),
    ],
)
def test_a_model_that_does_not_fit_is_refused_with_what_to_change(
    inputs: list[tuple[str, str, tuple[int, ...]]], outputs: list[ManifestInput], said: str
) -> None:
    with pytest.raises(ModelFileError) as caught:
        InputLayout(FORMAT, [ManifestInput(*one) for one in inputs], outputs)

    assert said in caught.value.public_message
