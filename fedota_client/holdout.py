"""Which examples a holder never trains on."""

from __future__ import annotations

import hashlib

import numpy as np

from fedota_client.examples import Examples, slices

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
    mask = below(hashes, fraction)
    if not mask.any():
        mask = hashes == hashes.min()
    elif mask.all():
        mask = hashes != hashes.max()
    return mask if hashes.min() != hashes.max() else np.zeros_like(mask)


def below(hashes: np.ndarray, fraction: float) -> np.ndarray:
    """Say which hashes lie in the share that is held out, whatever the others are."""
    return hashes < np.uint64(round(fraction * 2.0**64))


def content_hashes(examples: Examples) -> np.ndarray:
    """Hash the content of each example: its inputs and its targets, little-endian.

    Parameters
    ----------
    examples
        In the declared format.

    Returns
    -------
    np.ndarray
        uint64 ``(examples,)``.
    """
    if examples.hashes is not None:
        return examples.hashes
    found = np.empty(len(examples), np.uint64)
    for rows in slices(len(examples)):
        found[rows] = _hashed([field.values[rows] for field in examples.fields])
    return found


def _hashed(fields: list[np.ndarray]) -> np.ndarray:
    numbers = [_row_bytes(values) for values in fields if values.dtype != object]
    content = np.ascontiguousarray(np.concatenate(numbers, axis=1))
    texts = [values[:, 0] for values in fields if values.dtype == object]
    digests = bytearray()
    for number, row in enumerate(content):
        digest = hashlib.blake2b(row.data, digest_size=_HASH_BYTES)
        for column in texts:
            digest.update(b"\0" + column[number].encode())
        digests += digest.digest()
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


def _row_bytes(values: np.ndarray) -> np.ndarray:
    """Return the bytes of each example, uint8 ``(examples, bytes)``."""
    plain = np.asarray(values, values.dtype.newbyteorder("<"), order="C")
    if plain.dtype.kind == "f":
        plain = plain + plain.dtype.type(0)  # so that -0.0 and 0.0 are the same content
    return plain.reshape(len(plain), -1).view(np.uint8)
