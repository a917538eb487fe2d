"""Threads for a generator that its reader may leave half-way."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager


@contextmanager
def thread_pool(threads: int) -> Iterator[ThreadPoolExecutor]:
    """Give threads that end without being waited for; what they have not begun is dropped.

    Whoever stops reading a generator leaves its end to the garbage collector, which may come by in
    one of the pool's own threads: it must not wait for itself.

    Parameters
    ----------
    threads
        How many at the most.

    Yields
    ------
    ThreadPoolExecutor
        To be used until the block is left.
    """
    pool = ThreadPoolExecutor(threads)
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
