"""Clipping and Gaussian noise on one update, before it leaves the machine.

What it protects: whoever sees the update, and everything made of it, can tell the holder's data
from any other data only as far as ε and δ allow (local differential privacy, at the level of the
holder's whole data set). What it does not: the number of examples and the metrics, which leave as
the holder shares them. Arrays that the optimizer does not train, as BatchNormalization's
statistics, do not leave at all: they are sent back as they came, since noise could make a variance
negative.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Collection, Mapping

import numpy as np

from fedota_client.failures import TaskFailedError
from fedota_proto.privacy_rules import PrivacyRules

_SEED_BITS = 256
_WIDE = np.dtype(np.float64)


class NoisyUpdates:
    """Clips and noises updates.

    Parameters
    ----------
    rules
        Norm and noise.
    rng
        Draws the noise; None seeds one from the system's secret randomness, as must be where the
        noise is to protect anything.

    References
    ----------
    Dwork and Roth, The Algorithmic Foundations of Differential Privacy, 2014: the Gaussian
    mechanism. McMahan et al., ICLR 2018, arXiv:1710.06963: clipping a user's update.
    """

    def __init__(self, rules: PrivacyRules, rng: np.random.Generator | None = None) -> None:
        self.rules = rules
        self._rng = rng or np.random.default_rng(secrets.randbits(_SEED_BITS))

    def apply(
        self,
        received: Mapping[str, np.ndarray],
        trained: Mapping[str, np.ndarray],
        trainable: Collection[str],
    ) -> dict[str, np.ndarray]:
        """Return what may leave in place of the trained arrays.

        Parameters
        ----------
        received, trained
            The model as it came and as it was trained: floating-point arrays of the same names,
            dtypes and shapes.
        trainable
            Names of the arrays that the optimizer trains.

        Returns
        -------
        dict
            ``received + min(1, S/‖Δ‖)·Δ + N(0, (z·S)²)`` for each trainable array, the received
            array for each other; in the received dtypes and the order of `trained`.

        Raises
        ------
        TaskFailedError
            ``diverged``: what was trained is not finite.
        """
        deltas = {
            name: trained[name].astype(_WIDE) - received[name].astype(_WIDE)
            for name in trained
            if name in trainable
        }
        norm = math.sqrt(sum(float(np.sum(np.square(delta))) for delta in deltas.values()))
        if not math.isfinite(norm):
            raise TaskFailedError(
                "diverged", "The training diverged: its arrays are no longer finite numbers."
            )
        scale = min(1.0, self.rules.clipping_norm / norm) if norm else 1.0
        deviation = self.rules.clipping_norm * self.rules.noise_multiplier
        sent: dict[str, np.ndarray] = {}
        for name in trained:
            came = received[name]
            if name not in deltas:
                sent[name] = np.array(came)
                continue
            noise = self._rng.normal(0.0, deviation, size=came.shape)
            sent[name] = (came.astype(_WIDE) + scale * deltas[name] + noise).astype(came.dtype)
        return sent
