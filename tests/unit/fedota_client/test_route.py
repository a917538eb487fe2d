"""The order in which selectors are tried, and the pauses between."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from fedota_client.route import SelectorRoute


def seeded(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311


A, B, C = ("a:1", "selector-1"), ("b:1", "selector-2"), ("c:1", "selector-3")


def test_a_lap_visits_all_without_a_pause() -> None:
    route = SelectorRoute([A, B, C], seeded(1))
    lap = [route.next() for _ in range(3)]
    assert {address for address, _ in lap} == {A, B, C}
    assert [pause for _, pause in lap] == [0.0, 0.0, 0.0]


def test_the_invites_first_selector_comes_first_and_the_rest_in_random_order() -> None:
    seconds = set()
    for seed in range(30):
        route = SelectorRoute([B, A, C], seeded(seed))
        assert route.next()[0] == B
        seconds.add(route.next()[0])
    assert seconds == {A, C}


@given(st.integers(0, 1000))
def test_clients_that_lose_the_same_selector_spread_over_the_others(seed: int) -> None:
    rng = seeded(seed)
    chosen = set()
    for _ in range(30):
        route = SelectorRoute([B, A, C], rng)
        assert route.next()[0] == B
        route.succeeded()
        chosen.add(route.next()[0])
    assert chosen == {A, C}


@given(st.integers(0, 1000))
def test_pauses_double_up_to_their_most(seed: int) -> None:
    route = SelectorRoute([A], seeded(seed), first_s=1.0, most_s=4.0)
    pauses = [route.next()[1] for _ in range(6)]
    assert pauses[0] == 0.0
    for pause, most in zip(pauses[1:], [1.0, 2.0, 4.0, 4.0, 4.0], strict=True):
        assert most / 2 <= pause <= most


@given(st.integers(0, 1000))
def test_after_a_lost_stream_another_selector_comes_first(seed: int) -> None:
    route = SelectorRoute([A, B, C], seeded(seed))
    used, _ = route.next()
    route.succeeded()
    again, pause = route.next()
    assert again != used
    assert pause == 0.0


def test_told_addresses_come_first_and_the_invites_stay() -> None:
    route = SelectorRoute([A, B], seeded(1))
    route.learned([C, B])
    assert route.known() == (C, B, A)
    route.learned([])
    assert route.known() == (C, B, A)


@given(st.integers(0, 1000))
def test_the_last_resort_ends_every_lap(seed: int) -> None:
    last = ("web:1", "webserver")
    route = SelectorRoute([A, B], seeded(seed), last_resort=last)
    for _ in range(3):
        lap = [route.next()[0] for _ in range(3)]
        assert (set(lap[:2]), lap[2]) == ({A, B}, last)
        assert route.lap_over
    route.learned([C])
    assert route.known() == (C, A, B, last)
    assert [route.next()[0] for _ in range(4)][3] == last
