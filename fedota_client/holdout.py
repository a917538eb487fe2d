"""Which examples a holder never trains on."""

from __future__ import annotations

import hashlib

import numpy as np

from fedota_client.examples import Examples

_HASH_BYTES = 8


def holdout_mask(examples: Examples, fraction: float) -> np.ndarray:
    """Choose the held-out examples by a hash of each example's content.

    The choice depends on nothing else: it is the same in every round, after a restart and in every
    later comparison; it stays when other examples are added, moved or removed; and equal examples
    are on the same side. Where a side would be empty though there are different examples, the
    nearest one by its hash goes over; where all are equal, none is held out.

    Parameters
    ----------
    examples
        In the declared format.
    fraction
        Share to be held out, in [0, 1); what is held out comes near it as the examples grow many.

    Returns
    -------
    np.ndarray
        bool ``(examples,)``, True where held out.
    """
    if fraction <= 0 or len(examples) == 0:
        return np.zeros(len(examples), dtype=bool)
    hashes = content_hashes(examples)
    mask = hashes < np.uint64(round(fraction * 2.0**64))
    if not mask.any():
        mask = hashes == hashes.min()
    elif mask.all():
        mask = hashes != hashes.max()
    return mask if hashes.min() != hashes.max() else np.zeros_like(mask)


def content_hashes(examples: Examples) -> np.ndarray:
    """Hash the content of each example: its inputs and its target as little-endian float32.

    Parameters
    ----------
    examples
        In the declared format.

    Returns
    -------
    np.ndarray
        uint64 ``(examples,)``.
    """
    content = np.concatenate([examples.inputs, examples.targets], axis=1).astype("<f4")
    content += 0.0  # so that -0.0 and 0.0 are the same content
    hashes = b"".join(
        hashlib.blake2b(row.tobytes(), digest_size=_HASH_BYTES).digest() for row in content
    )
    return np.frombuffer(hashes, dtype="<u8").astype(np.uint64)
