"""The C library's heap, told to give back what a process no longer uses.

Each function does nothing where the C library cannot be told so (it is not glibc).
"""

from __future__ import annotations

import ctypes

# From glibc's malloc.h.
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8
MMAP_FROM_BYTES = 4 << 20
ARENAS = 2


def share_arenas() -> None:
    """Let all threads share a few arenas; to be called before there are any.

    gRPC's threads allocate what the loop's thread frees, and glibc would keep it for each of them:
    a fifth of a selector's memory at the peak.
    """
    mallopt = _find("mallopt")
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, ARENAS)


def give_back_large_blocks() -> None:
    """Have blocks from 4 MiB on returned to the system when they are freed.

    glibc raises that limit up to 32 MiB by itself as soon as larger blocks are freed, and then
    keeps what Flower needed for a moment while it wrote an array.
    """
    mallopt = _find("mallopt")
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, MMAP_FROM_BYTES)


def trim() -> None:
    """Give free pages back to the kernel; takes milliseconds."""
    malloc_trim = _find("malloc_trim")
    if malloc_trim is not None:
        malloc_trim(ctypes.c_size_t(0))


def _find(name: str) -> ctypes._NamedFuncPointer | None:
    return getattr(ctypes.CDLL(None), name, None)
