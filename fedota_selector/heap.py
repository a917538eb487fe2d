"""The C library's heap, told to give back what a selector no longer uses."""

from __future__ import annotations

import ctypes

# From glibc's malloc.h.
_M_ARENA_MAX = -8
ARENAS = 2


def share_arenas() -> None:
    """Let all threads share a few arenas; to be called before there are any.

    gRPC's threads allocate what the loop's thread frees, and glibc would keep it for each of them:
    a fifth of the memory at the peak. Another C library needs no telling.
    """
    mallopt = _find("mallopt")
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, ARENAS)


def trim() -> None:
    """Give free pages back to the kernel; takes milliseconds."""
    malloc_trim = _find("malloc_trim")
    if malloc_trim is not None:
        malloc_trim(ctypes.c_size_t(0))


def _find(name: str) -> ctypes._NamedFuncPointer | None:
    return getattr(ctypes.CDLL(None), name, None)
