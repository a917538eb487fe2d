"""The byte budget: first come, first served, never exceeded but by one alone."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from fedota_selector.byte_budget import ByteBudget, Reservation

TOTAL = 100


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 250)), max_size=60))
def test_any_order_of_asking_and_giving_back_keeps_the_bound(
    steps: list[tuple[bool, int]],
) -> None:
    budget = ByteBudget(TOTAL)
    held: list[Reservation] = []
    asked: list[Reservation] = []
    for ask, number in steps:
        if ask:
            held.append(budget.ask(number))
            asked.append(held[-1])
        elif held:
            budget.release(held.pop(number % len(held)))
        granted = [r for r in held if r.granted]
        waiting = [r for r in held if not r.granted]
        assert budget.used_bytes == sum(r.size_bytes for r in granted)
        assert budget.waiting == len(waiting)
        large = [r for r in granted if r.size_bytes > TOTAL]
        assert budget.used_bytes <= TOTAL or (
            len(large) == 1 and budget.used_bytes == large[0].size_bytes
        )
        # in order: whoever waits came later than all who were ever granted
        order = {id(r): place for place, r in enumerate(asked)}
        if waiting and granted:
            assert max(order[id(r)] for r in granted) < min(order[id(r)] for r in waiting)
        # nobody waits without a reason
        if waiting:
            first = min(waiting, key=lambda r: order[id(r)])
            assert budget.used_bytes + first.size_bytes > TOTAL
            assert budget.used_bytes > 0
    for reservation in held:
        budget.release(reservation)
    assert (budget.used_bytes, budget.waiting) == (0, 0)


def test_giving_back_twice_counts_once() -> None:
    budget = ByteBudget(TOTAL)
    first, second = budget.ask(60), budget.ask(30)
    budget.release(first)
    budget.release(first)
    assert budget.used_bytes == second.size_bytes


def test_a_larger_one_than_the_budget_is_alone() -> None:
    budget = ByteBudget(TOTAL)
    small, huge, behind = budget.ask(10), budget.ask(500), budget.ask(1)
    assert (small.granted, huge.granted, behind.granted) == (True, False, False)
    budget.release(small)
    assert (huge.granted, behind.granted) == (True, False)
    budget.release(huge)
    assert behind.granted


def test_what_is_given_back_early_lets_the_next_one_in() -> None:
    budget = ByteBudget(TOTAL)
    first, second = budget.ask(80), budget.ask(40)
    budget.shrink(first, 60)
    assert second.granted
    assert budget.used_bytes == 100
    budget.release(first)
    assert budget.used_bytes == 40


async def test_waiting_ends_with_the_grant_and_leaving_the_queue_lets_others_on() -> None:
    budget = ByteBudget(TOTAL)
    first, second, third = budget.ask(100), budget.ask(100), budget.ask(5)
    await first.wait()
    waits = [asyncio.ensure_future(r.wait()) for r in (second, third)]
    await asyncio.sleep(0)
    assert not any(wait.done() for wait in waits)
    waits[0].cancel()
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    budget.release(second)
    assert not third.granted
    budget.release(first)
    async with asyncio.timeout(5):
        await waits[1]
    assert budget.used_bytes == 5
