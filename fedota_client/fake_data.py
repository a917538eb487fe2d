"""Examples made from a declared format, where no real ones may be had."""

from __future__ import annotations

import numpy as np

from fedota_client.examples import Examples
from fedota_proto.data_format import Column, TableFormat

_SPREAD = 100.0


def fake_examples(data_format: TableFormat, count: int, seed: int) -> Examples:
    """Draw examples that keep a declared format: each column on its own, evenly over its range.

    Parameters
    ----------
    data_format
        The problem's.
    count
        How many.
    seed
        The same seed draws the same examples; at least 0.

    Returns
    -------
    Examples
        `count` of them.
    """
    random = np.random.default_rng(seed)
    columns = {
        column.name: _draw(column, count, random).astype(np.float32)
        for column in data_format.columns
    }
    return Examples(
        inputs=np.stack([columns[column.name] for column in data_format.inputs], axis=1),
        targets=columns[data_format.target.name][:, np.newaxis],
    )


def _draw(column: Column, count: int, random: np.random.Generator) -> np.ndarray:
    if column.allowed:
        return random.integers(0, len(column.allowed), count)
    if column.type == "boolean":
        return random.integers(0, 2, count)
    low, high = _range(column)
    if column.type == "integer":
        return random.integers(int(np.ceil(low)), int(np.floor(high)), count, endpoint=True)
    # Rounding to float32 must not leave the range.
    return np.clip(random.uniform(low, high, count).astype(np.float32), low, high)


def _range(column: Column) -> tuple[float, float]:
    low, high = column.minimum, column.maximum
    if low is None and high is None:
        return 0.0, 1.0 if column.type == "number" else _SPREAD
    if low is not None:
        return low, low + _SPREAD if high is None else high
    return (high or 0.0) - _SPREAD, high or 0.0
