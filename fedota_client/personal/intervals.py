"""How sure a measured number is.

Shares, as accuracy, get the exact interval of Clopper and Pearson; means, as loss and error, the
percentile interval of 2,000 bootstrap resamples. Both are 95% intervals.

References
----------
Clopper and Pearson, The Use of Confidence or Fiducial Limits Illustrated in the Case of the
Binomial, Biometrika 1934. Efron and Tibshirani, An Introduction to the Bootstrap, 1993.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv

CONFIDENCE = 0.95
RESAMPLES = 2_000
_AT_A_TIME = 64


@dataclass(frozen=True, slots=True)
class Interval:
    """A measured number and the bounds around it.

    Parameters
    ----------
    value, low, high
        In the number's own unit.
    """

    value: float
    low: float
    high: float

    def fields(self) -> dict[str, float]:
        """Write it as JSON fields."""
        return {"value": self.value, "low": self.low, "high": self.high}


def share_interval(hits: int, count: int) -> Interval:
    """Return the exact interval of a share.

    Parameters
    ----------
    hits, count
        `hits` of `count` at least one.
    """
    tail = (1.0 - CONFIDENCE) / 2.0
    low = 0.0 if hits == 0 else float(betaincinv(hits, count - hits + 1, tail))
    high = 1.0 if hits == count else float(betaincinv(hits + 1, count - hits, 1.0 - tail))
    return Interval(hits / count, low, high)


def mean_interval(values: np.ndarray, seed: int = 0) -> Interval:
    """Return the bootstrap interval of a mean.

    Parameters
    ----------
    values
        ``(examples,)``, at least one. Of the difference of two models on the same examples it is
        the paired bootstrap.
    seed
        The same seed draws the same resamples.
    """
    random = np.random.default_rng(seed)
    count = len(values)
    means = np.empty(RESAMPLES)
    for start in range(0, RESAMPLES, _AT_A_TIME):
        stop = min(start + _AT_A_TIME, RESAMPLES)
        rows = random.integers(0, count, size=(stop - start, count))
        means[start:stop] = values[rows].mean(axis=1)
    tail = 100.0 * (1.0 - CONFIDENCE) / 2.0
    low, high = np.percentile(means, [tail, 100.0 - tail])
    return Interval(float(values.mean()), float(low), float(high))
