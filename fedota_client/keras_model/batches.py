"""Batches of examples: in which order, and read ahead where they come from files."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from fedota_client.examples import Values
from fedota_client.failures import TaskFailedError

SHUFFLED_AT_ONCE = 1 << 22
_BLOCK_ROWS = 1_024
# What evaluation batches and batches that are read ahead may take: pictures are large.
BATCH_BYTES = 64 << 20
_READ_AHEAD_MOST = 4
_TEXT_BYTES = 1_000

Batch = tuple[np.ndarray, ...]


def evaluation_batch(tensors: Sequence[Values], most: int) -> int:
    """Return how many examples are evaluated at a time: up to `most`, fewer if they are large."""
    return max(1, min(most, BATCH_BYTES // _example_bytes(tensors)))


def in_order(count: int, batch_size: int) -> Iterator[slice]:
    """Cut `count` examples into batches, in their order."""
    for start in range(0, count, batch_size):
        yield slice(start, start + batch_size)


def shuffled(count: int, batch_size: int, random: np.random.Generator) -> Iterator[np.ndarray]:
    """Draw batches at random, each example once.

    Up to `SHUFFLED_AT_ONCE` examples are shuffled all together. Of more, blocks of neighbouring
    examples are shuffled, and the examples of as many blocks at a time, so that neither memory nor
    the file has to serve every example from anywhere.

    Parameters
    ----------
    count
        Of the examples.
    batch_size
        Examples in a batch; the last one may have fewer.
    random
        Decides the order.

    Yields
    ------
    np.ndarray
        int64 ``(chosen,)``.
    """
    left = np.empty(0, np.int64)
    for rows in _windows(count, random):
        rows = np.concatenate([left, rows]) if left.size else rows
        whole = len(rows) // batch_size * batch_size
        for start in range(0, whole, batch_size):
            yield rows[start : start + batch_size]
        left = rows[whole:]
    if left.size:
        yield left


def _windows(count: int, random: np.random.Generator) -> Iterator[np.ndarray]:
    if count <= SHUFFLED_AT_ONCE:
        yield random.permutation(count)
        return
    blocks = random.permutation(-(-count // _BLOCK_ROWS))
    at_a_time = SHUFFLED_AT_ONCE // _BLOCK_ROWS
    for start in range(0, len(blocks), at_a_time):
        some = blocks[start : start + at_a_time]
        rows = (some[:, np.newaxis] * _BLOCK_ROWS + np.arange(_BLOCK_ROWS)).ravel()
        yield random.permutation(rows[rows < count])


def read_batches(
    tensors: Sequence[Values], chosen: Iterator[slice] | Iterator[np.ndarray], batch_size: int
) -> Iterator[Batch]:
    """Read batches: arrays at once, what comes from files ahead of its use.

    Parameters
    ----------
    tensors
        Inputs and targets of all examples.
    chosen
        The examples of each batch.
    batch_size
        How many there are in each, at most.

    Yields
    ------
    tuple of np.ndarray or tf.Tensor
        One for each tensor.

    Raises
    ------
    TaskFailedError
        The files are no longer what they were.
    """
    if all(isinstance(tensor, np.ndarray) for tensor in tensors):
        for rows in chosen:
            yield tuple(tensor[rows] for tensor in tensors)
        return
    failed: list[TaskFailedError] = []

    def read() -> Iterator[Batch]:
        try:
            for rows in chosen:
                yield tuple(tensor[rows] for tensor in tensors)
        except TaskFailedError as error:
            failed.append(error)  # TensorFlow would wrap it; it ends the data instead

    signature = tuple(tf.TensorSpec((None, *one.shape[1:]), one.dtype) for one in tensors)
    dataset = tf.data.Dataset.from_generator(read, output_signature=signature)
    ahead = BATCH_BYTES // (_example_bytes(tensors) * batch_size)
    yield from dataset.prefetch(max(1, min(_READ_AHEAD_MOST, ahead)))
    if failed:
        raise failed[0]


def _example_bytes(tensors: Sequence[Values]) -> int:
    return sum(
        math.prod(one.shape[1:]) * (_TEXT_BYTES if one.dtype == object else one.dtype.itemsize)
        for one in tensors
    )
