"""The files of the breast-cancer example: they keep their own format and hold the original rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer

from fedota_client.data.reading import read_examples
from fedota_client.examples import joined
from fedota_client.holdout import holdout_mask
from fedota_proto.data_format import TableFormat
from fedota_proto.model_file import check_model_file
from fedota_proto.problem import read_problem

FOLDER = Path(__file__).parents[2] / "examples" / "breast-cancer"
ROWS = {"north": (163, 6), "east": (79, 19), "south": (39, 37), "west": (4, 108)}


@pytest.mark.parametrize(("hospital", "rows"), ROWS.items())
def test_each_hospital_keeps_the_format_and_can_train_and_evaluate(
    hospital: str, rows: tuple[int, int]
) -> None:
    problem = read_problem(FOLDER)
    examples = read_examples(FOLDER / "data" / f"hospital-{hospital}", problem.data)
    held_out = holdout_mask(examples, problem.training.holdout_fraction)

    targets = np.asarray(examples.targets[0].values)
    assert ((targets == 0).sum(), (targets == 1).sum()) == rows
    assert 0.1 < held_out.mean() < 0.3
    assert set(targets[~held_out].ravel()) == {0, 1}


def test_all_files_together_are_the_569_original_rows() -> None:
    data_format = read_problem(FOLDER).data
    places = [FOLDER / "data" / f"hospital-{name}" for name in ROWS]
    examples = joined(
        [read_examples(p, data_format) for p in [*places, FOLDER / "data" / "test.csv"]]
    )
    original = load_breast_cancer()

    inputs, targets = (np.asarray(field.values) for field in examples.fields)
    ours = np.concatenate([inputs, 1 - targets], axis=1)
    theirs = np.concatenate([original.data, original.target[:, np.newaxis]], axis=1)
    assert sorted(map(tuple, ours.tolist())) == sorted(
        map(tuple, theirs.astype(np.float32).tolist())
    )


def test_the_model_passes_the_walk_and_fits_the_problem() -> None:
    summary = check_model_file(FOLDER / read_problem(FOLDER).model_file)

    assert [layer.class_name for layer in summary.layers][:2] == ["InputLayer", "Rescaling"]
    data_format = read_problem(FOLDER).data
    assert isinstance(data_format, TableFormat)
    assert summary.arrays[0].shape[0] == len(data_format.inputs)
    assert summary.parameters == 513
