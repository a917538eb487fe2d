"""From judged rows of a table to what the model is given."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from fedota_client.data.blocks import NUMBERS, column_codes, column_numbers, text_column
from fedota_client.data.column_rules import TRUE
from fedota_client.examples import Examples, Field
from fedota_proto.data_format import Column, TableFormat


def table_examples(table: pa.Table, data_format: TableFormat) -> Examples:
    """Turn rows that keep the format into examples.

    Parameters
    ----------
    table
        As `fedota_client.data.judge.TableJudge` returns it.
    data_format
        The problem's.

    Returns
    -------
    Examples
        Columns of numbers and codes as one field, each column of texts as its own.
    """
    numbers = [column for column in data_format.inputs if column.type != "text"]
    inputs = []
    if numbers:
        matrix = _matrix(table, numbers)
        inputs.append(Field(tuple(column.name for column in numbers), matrix))
    for column in data_format.inputs:
        if column.type == "text":
            texts = text_column(table, column).fill_null("").to_pylist()
            values = np.empty((len(texts), 1), object)
            values[:, 0] = texts
            inputs.append(Field((column.name,), values))
    targets = Field(data_format.target_names, _matrix(table, data_format.targets))
    return Examples(tuple(inputs), (targets,))


def _matrix(table: pa.Table, columns: list[Column] | tuple[Column, ...]) -> np.ndarray:
    matrix = np.empty((table.num_rows, len(columns)), np.float32)
    for number, column in enumerate(columns):
        matrix[:, number] = column_values(table, column)
    return matrix


def column_values(table: pa.Table, column: Column) -> np.ndarray:
    """Return one column as numbers, float64 ``(rows,)``.

    A missing value is NaN, or the index after the last allowed value.
    """
    if column.type in NUMBERS:
        values = column_numbers(table, column)
        if not column.allowed:
            return values
        order = np.argsort(column.allowed)
        allowed = np.array(column.allowed, dtype=np.float64)[order]
        places = np.minimum(np.searchsorted(allowed, values), len(allowed) - 1)
        return np.asarray(np.where(np.isnan(values), len(allowed), order[places]), np.float64)
    texts, indices = column_codes(table, column)
    if column.type == "boolean":
        codes, missing = [float(text in TRUE) for text in texts], np.nan
    else:
        index_of = {text: number for number, text in enumerate(column.classes)}
        codes, missing = [float(index_of.get(text, -1)) for text in texts], len(column.classes)
    return np.asarray(np.array([*codes, missing])[indices], dtype=np.float64)
