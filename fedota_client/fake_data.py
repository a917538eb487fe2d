"""Examples made from a declared format, where no real ones may be had."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from fedota_client.examples import Examples, Field
from fedota_proto.data_format import (
    ArraysFormat,
    Column,
    DataFormat,
    DeclaredArray,
    ImagesFormat,
    TableFormat,
)
from fedota_proto.data_format.images import INPUT_NAME as IMAGE
from fedota_proto.data_format.text import INPUT_NAME as TEXT

_SPREAD = 100.0
_WORDS = "the a one of and to in is was not good bad old new red blue time day house water"
_WORDS_MOST = 40


def fake_examples(data_format: DataFormat, count: int, seed: int) -> Examples:
    """Draw examples that keep a declared format: each part on its own, evenly over its range.

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
    if isinstance(data_format, TableFormat):
        return _fake_table(data_format, count, random)
    if isinstance(data_format, ArraysFormat):
        return Examples(
            tuple(_fake_array(array, count, random) for array in data_format.inputs),
            tuple(_fake_array(array, count, random) for array in data_format.targets),
        )
    if isinstance(data_format, ImagesFormat) and data_format.targets:
        targets = _matrix(_fake_numbers(data_format.targets, count, random), data_format.targets)
    else:
        classes = random.integers(0, len(data_format.classes), (count, 1)).astype(np.float32)
        targets = Field(data_format.target_names, classes)
    if isinstance(data_format, ImagesFormat):
        pixels = random.integers(0, 256, (count, *data_format.shape), np.uint8)
        values = Field((IMAGE,), pixels)
    else:
        values = Field((TEXT,), _fake_texts(count, data_format.longest, random))
    return Examples((values,), (targets,))


def _fake_table(data_format: TableFormat, count: int, random: np.random.Generator) -> Examples:
    numbers = _fake_numbers(data_format.columns, count, random)
    plain = [column for column in data_format.inputs if column.type != "text"]
    inputs = [_matrix(numbers, plain)] if plain else []
    inputs += [
        Field((column.name,), _fake_texts(count, column.longest, random))
        for column in data_format.inputs
        if column.type == "text"
    ]
    return Examples(tuple(inputs), (_matrix(numbers, data_format.targets),))


def _fake_numbers(
    columns: Sequence[Column], count: int, random: np.random.Generator
) -> dict[str, np.ndarray]:
    return {
        column.name: _draw(column, count, random).astype(np.float32)
        for column in columns
        if column.type != "text"
    }


def _matrix(numbers: Mapping[str, np.ndarray], columns: Sequence[Column]) -> Field:
    values = np.stack([numbers[column.name] for column in columns], axis=1)
    return Field(tuple(column.name for column in columns), values)


def _fake_texts(count: int, longest: int, random: np.random.Generator) -> np.ndarray:
    texts = np.empty((count, 1), object)
    for number in range(count):
        words = random.choice(_WORDS.split(), random.integers(1, _WORDS_MOST, endpoint=True))
        text = " ".join(words)
        texts[number, 0] = text[:longest].strip() or "a" if longest else text
    return texts


def _fake_array(array: DeclaredArray, count: int, random: np.random.Generator) -> Field:
    shape = (count, *(array.shape or (1,)))
    low = 0 if array.classes else array.minimum
    high = array.classes - 1 if array.classes else array.maximum
    if array.dtype == "bool":
        return Field((array.name,), random.integers(0, 2, shape).astype(bool))
    if "int" in array.dtype:
        least, most = np.iinfo(array.dtype).min, np.iinfo(array.dtype).max
        first = max(least, 0 if low is None else int(np.ceil(low)))
        last = min(most, first + int(_SPREAD) if high is None else int(np.floor(high)))
        drawn = random.integers(min(first, last), last, shape, endpoint=True)
        return Field((array.name,), drawn.astype(array.dtype))
    bounds = _range(Column(array.name, "number", minimum=low, maximum=high))
    drawn_floats = random.uniform(*bounds, shape).astype(array.dtype)
    return Field((array.name,), np.clip(drawn_floats, *bounds).astype(array.dtype))


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
