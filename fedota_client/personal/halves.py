"""The parts into which a holder's examples fall: each example's content decides where it goes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fedota_client.examples import Examples
from fedota_client.holdout import content_hashes
from fedota_proto.errors import DataError

MEASURED_MOST = 10_000
_VALIDATION_OF_256 = 38


@dataclass(frozen=True, slots=True)
class Parts:
    """Examples with different jobs.

    Parameters
    ----------
    train
        Tuned on.
    validation
        Of those that may be trained on, the ones that say when to stop; the same as `train` where
        there are too few to part with.
    choice
        Half of the held-out examples: which model is the best.
    report
        The other half: what the best is worth. Nothing was decided by them.
    """

    train: Examples
    validation: Examples
    choice: Examples
    report: Examples


def parts_of(train: Examples, held_out: Examples) -> Parts:
    """Divide a holder's examples.

    Equal examples come to the same side, so that nothing is measured on what it was chosen by.

    Parameters
    ----------
    train, held_out
        As `fedota_client.holdout` divides them.

    Raises
    ------
    DataError
        There are too few held-out examples for two halves.
    """
    hashes = content_hashes(held_out)
    first = hashes & np.uint64(1) == 0
    if first.all() or not first.any():
        raise DataError(
            f"There are only {len(held_out)} held-out examples here, too few to choose a model by "
            "one half and to report on the other: more data are needed."
        )
    # The held-out are those with the lowest hashes: what decides here is the other end.
    picked = (content_hashes(train) & np.uint64(0xFF)) < np.uint64(_VALIDATION_OF_256)
    enough = picked.any() and not picked.all()
    return Parts(
        train=train.take(~picked) if enough else train,
        validation=train.take(picked) if enough else train,
        choice=_few(held_out, first, hashes),
        report=_few(held_out, ~first, hashes),
    )


def _few(examples: Examples, mask: np.ndarray, hashes: np.ndarray) -> Examples:
    """Take the masked examples; of very many, those with the lowest hashes."""
    rows = np.flatnonzero(mask)
    if len(rows) > MEASURED_MOST:
        rows = np.sort(rows[np.argsort(hashes[rows], kind="stable")[:MEASURED_MOST]])
    return examples.take(rows)
