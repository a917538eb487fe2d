"""The job ``predict``: what a model says of new data, as a table."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fedota_client.declared_fields import target_classes
from fedota_client.jobs.loading import failing_as, load_model
from fedota_client.model_inputs import InputLayout
from fedota_client.personal.answers import class_columns, number_columns, target_columns
from fedota_client.personal.new_data import new_examples
from fedota_client.whole_file import whole_file
from fedota_proto.data_format import read_format_file
from fedota_proto.errors import DataError, FolderError


def main(arguments: Sequence[str]) -> int:
    """Run ``predict --problem TOML --model M --data PATH --out CSV``.

    Parameters
    ----------
    arguments
        The command line.

    Returns
    -------
    int
        0; ``{"result": {"rows": n}}`` stands on standard output.

    Raises
    ------
    FedotaError
        Problem, model or data are refused, or do not go together; nothing is written then.
    """
    parser = argparse.ArgumentParser(prog="fedota-client job predict", description=__doc__)
    parser.add_argument(
        "--problem", type=Path, required=True, help="the problem.toml or format.toml"
    )
    parser.add_argument("--model", type=Path, required=True, help="a .keras file")
    parser.add_argument("--data", type=Path, required=True, help="a folder or file of new data")
    parser.add_argument("--out", type=Path, required=True, help="CSV file for the predictions")
    given = parser.parse_args(arguments)
    rows = predict(given.problem, given.model, given.data, given.out)
    sys.stdout.write(json.dumps({"result": {"rows": rows}}) + "\n")
    return 0


def predict(problem_file: Path, model_file: Path, data: Path, out: Path) -> int:
    """Write one row for each new example: where it is, and what the model says of it.

    Parameters
    ----------
    problem_file, model_file
        The problem's format, and the model.
    data
        A folder or file.
    out
        Written beside and renamed.

    Returns
    -------
    int
        Rows written.

    Raises
    ------
    FedotaError
        As `main`.
    """
    data_format = read_format_file(problem_file).data
    model = load_model(model_file)
    layout = InputLayout(data_format, model.inputs, model.outputs)
    count = 0
    try:
        with (
            whole_file(out) as beside,
            beside.open("w", newline="", encoding="utf-8") as file,
        ):
            table = csv.writer(file)
            for piece in new_examples(data, data_format):
                inputs, _ = layout.arrange(piece.examples)
                with failing_as("The model cannot be run on these data"):
                    outputs = model.predict(inputs)
                if data_format.classes:
                    names, columns = class_columns(outputs[0], data_format.classes)
                else:
                    outs = [one.name for one in model.outputs]
                    names, columns = target_columns(
                        outputs, outs, target_classes(data_format)
                    ) or number_columns(outputs, data_format.target_names, outs)
                if not count:
                    table.writerow(["file", "row", *names])
                for (name, row), values in zip(piece.places, _rows(columns), strict=True):
                    table.writerow([name, row or "", *values])
                count += len(piece.places)
            if not count:
                raise DataError(f"There is no example in {data}.")
    except OSError as error:
        raise FolderError(
            f"{out} cannot be written ({error.strerror}): check its folder and free space."
        ) from error
    return count


def _rows(columns: Sequence[np.ndarray]) -> list[list[str]]:
    return [
        [f"{value:.7g}" if isinstance(value, float) else str(value) for value in row]
        for row in zip(*(column.tolist() for column in columns), strict=True)
    ]
