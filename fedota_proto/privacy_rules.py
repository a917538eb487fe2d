"""The noise that every client adds to its update before it leaves the holder's machine."""

from __future__ import annotations

from dataclasses import dataclass

from fedota_proto.toml_reader import TableReader

DELTA = 1e-5


@dataclass(frozen=True, slots=True)
class PrivacyRules:
    """The Gaussian mechanism at the client: clip what training changed, then add noise.

    Parameters
    ----------
    clipping_norm
        S: what a round's training changed is scaled down to this L2 norm, over all trainable
        arrays together.
    noise_multiplier
        z: each element then gets noise of the normal distribution with standard deviation z·S.
    delta
        δ at which ε is told.

    References
    ----------
    McMahan, Ramage, Talwar and Zhang, Learning Differentially Private Recurrent Language Models,
    ICLR 2018, arXiv:1710.06963: clipping and noise at the level of a user's update. There the
    server adds the noise once to the sum; here each client adds it to its own update, so that
    nobody need be trusted with the update as it was.
    """

    clipping_norm: float
    noise_multiplier: float
    delta: float = DELTA


def read_privacy(reader: TableReader) -> PrivacyRules:
    """Read the section ``[privacy]``; mistakes are noted in `reader`."""
    return PrivacyRules(
        clipping_norm=reader.number("clipping_norm", above=0.0, maximum=1e9),
        noise_multiplier=reader.number("noise_multiplier", above=0.0, maximum=1e6),
        delta=reader.number("delta", above=0.0, maximum=0.1, default=DELTA),
    )
