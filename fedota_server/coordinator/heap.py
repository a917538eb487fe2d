"""How the C library keeps memory that was freed."""

from __future__ import annotations

import ctypes

_M_MMAP_THRESHOLD = -3
MMAP_FROM_BYTES = 4 << 20


def give_back_large_blocks() -> bool:
    """Have blocks from 4 MiB on returned to the system when they are freed.

    glibc raises that limit up to 32 MiB by itself as soon as larger blocks are freed, and then
    keeps what Flower needed for a moment while it wrote an array.

    Returns
    -------
    bool
        Whether this C library can be told so.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, MMAP_FROM_BYTES))
