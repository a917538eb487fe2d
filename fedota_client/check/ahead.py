"""Work on several pieces at the same time, in bounded memory."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import TypeVar

from fedota_client.thread_pool import thread_pool

THREADS_MOST = 4

Piece = TypeVar("Piece")
Done = TypeVar("Done")


def worked_ahead(work: Callable[[Piece], Done], pieces: Iterable[Piece]) -> Iterator[Done]:
    """Do `work` on every piece, in threads; the results come in the pieces' order.

    Parameters
    ----------
    work
        Several threads call it at the same time.
    pieces
        Taken one by one, at most a few ahead of what has been taken back.

    Yields
    ------
    Done
        What `work` returned.
    """
    threads = min(THREADS_MOST, len(os.sched_getaffinity(0)))
    waiting: deque[Future[Done]] = deque()
    with thread_pool(threads) as pool:
        for piece in pieces:
            waiting.append(pool.submit(work, piece))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
