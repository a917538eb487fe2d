"""What noisy updates cost, ε, without Flower's accountant; a test holds the two together."""

from __future__ import annotations

import math

from fedota_proto.privacy_rules import PrivacyRules

# A clipped update lies within S of the received model, so two of them lie at most 2·S apart:
# noise of z·S is z/2 times what another data set could change.
SENSITIVITY = 2.0

# The orders α at which dp-accounting, which Flower's accountant asks, looks for the least ε.
_ORDERS = (
    *(1 + tenth / 10 for tenth in range(1, 100)),
    *map(float, range(11, 64)),
    *(128.0, 256.0, 512.0, 1024.0),
)


def epsilon_of(rules: PrivacyRules, updates: int) -> float:
    """Return ε of that many updates together, at the δ of the rules.

    Parameters
    ----------
    rules
        The noise that each of them got.
    updates
        How many left, counted or not.

    References
    ----------
    Mironov, Rényi Differential Privacy, CSF 2017, arXiv:1702.07476: the Gaussian mechanism.
    Canonne, Kamath and Steinke, The Discrete Gaussian for Differential Privacy, NeurIPS 2020,
    arXiv:2004.00010, Proposition 12: from Rényi divergence to ε.
    """
    sigma = rules.noise_multiplier / SENSITIVITY
    return max(0.0, min(_epsilon(updates, sigma, rules.delta, alpha) for alpha in _ORDERS))


def _epsilon(updates: int, sigma: float, delta: float, alpha: float) -> float:
    divergence = updates * alpha / (2 * sigma**2)
    if delta**2 + math.expm1(-divergence) > 0:
        return 0.0
    return divergence + math.log1p(-1 / alpha) - math.log(delta * alpha) / (alpha - 1)
