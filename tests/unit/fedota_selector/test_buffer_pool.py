"""Buffers that come back by themselves."""

from __future__ import annotations

import threading

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fedota_selector.buffer_pool import PAGE_BYTES, POOLED_FROM_BYTES, BufferPool

LARGE = POOLED_FROM_BYTES + 7
WHOLE = POOLED_FROM_BYTES + PAGE_BYTES


def test_a_buffer_is_used_again_once_its_last_view_is_gone() -> None:
    pool = BufferPool(4 * WHOLE)
    taken = pool.take(LARGE)
    assert taken.nbytes == LARGE
    taken[:3] = b"abc"
    part = np.frombuffer(taken[1:3], np.uint8)
    del taken
    assert (pool.taken_bytes, pool.idle_bytes) == (WHOLE, 0)
    del part
    assert (pool.taken_bytes, pool.idle_bytes) == (0, WHOLE)
    again = pool.take(LARGE)
    assert bytes(again[:3]) == b"abc"
    assert pool.idle_bytes == 0


def test_views_that_live_together_never_share_memory() -> None:
    pool = BufferPool(4 * WHOLE)
    first, second = pool.take(LARGE), pool.take(LARGE)
    first[:], second[:] = b"a" * LARGE, b"b" * LARGE
    assert bytes(first) == b"a" * LARGE


def test_a_view_may_end_in_another_thread() -> None:
    pool = BufferPool(4 * WHOLE)
    views = [pool.take(LARGE)]
    ending = threading.Thread(target=views.clear)
    ending.start()
    ending.join(10)
    assert (pool.taken_bytes, pool.idle_bytes) == (0, WHOLE)


def test_small_ones_are_not_pooled() -> None:
    pool = BufferPool(4 * WHOLE)
    small = pool.take(100)
    assert small.nbytes == 100
    assert pool.taken_bytes == 0
    assert pool.take(0).nbytes == 0


def test_what_is_idle_for_a_whole_tick_is_freed() -> None:
    pool = BufferPool(4 * WHOLE)
    assert not pool.tick()
    pool.take(LARGE).release()
    assert not pool.tick()
    assert pool.idle_bytes == WHOLE
    assert pool.tick()
    assert pool.idle_bytes == 0
    assert not pool.tick()


def test_it_rests_not_before_everything_has_come_back() -> None:
    pool = BufferPool(4 * WHOLE)
    taken = pool.take(LARGE)
    assert [pool.tick(), pool.tick()] == [False, False]
    taken.release()
    assert pool.tick()


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 6)), max_size=20))
def test_never_more_is_kept_than_the_bound_leaves_beside_what_is_taken(
    steps: list[tuple[bool, int]],
) -> None:
    most_bytes = 6 * POOLED_FROM_BYTES
    pool = BufferPool(most_bytes)
    held: list[memoryview] = []
    for take, number in steps:
        if take:
            held.append(pool.take(number * POOLED_FROM_BYTES))
        elif held:
            held.pop(number % len(held))
        assert pool.taken_bytes == sum(view.nbytes for view in held)
        assert not pool.idle_bytes or pool.idle_bytes + pool.taken_bytes <= most_bytes
