"""The update that an honest scripted client computes: a function of its seed and the round."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import numpy as np


def change(name: str, shape: tuple[int, ...], seed: int, server_round: int) -> np.ndarray:
    """Draw what one client changes in one array in one round.

    Returns
    -------
    np.ndarray
        float32, normal with deviation 0.1; other numbers for other names, seeds and rounds.
    """
    rng = np.random.default_rng([zlib.crc32(name.encode()), seed, server_round])
    return (0.1 * rng.standard_normal(shape)).astype(np.float32)


def honest_update(
    arrays: Mapping[str, np.ndarray], seed: int, server_round: int
) -> dict[str, np.ndarray]:
    """Return the arrays that a client sends back for those that it got, in their dtypes."""
    return {
        name: array + change(name, array.shape, seed, server_round).astype(array.dtype)
        for name, array in arrays.items()
    }


def mean_update(
    arrays: Mapping[str, np.ndarray], clients: Mapping[int, float], server_round: int
) -> dict[str, np.ndarray]:
    """Return the weighted mean of honest updates, in float64.

    Parameters
    ----------
    arrays
        What all of them got.
    clients
        Each one's weight by its seed.
    server_round
        Whose.
    """
    total = sum(clients.values())
    updates = {seed: honest_update(arrays, seed, server_round) for seed in clients}
    return {
        name: sum(
            (updates[seed][name].astype(np.float64) * weight for seed, weight in clients.items()),
            start=np.zeros(array.shape),
        )
        / total
        for name, array in arrays.items()
    }
