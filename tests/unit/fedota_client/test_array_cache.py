"""The client never holds less than a selector may count on."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fedota_client.array_cache import ArrayCache
from fedota_proto.records import ArrayBytes, Records


def content(names: frozenset[int]) -> Records:
    arrays = {
        f"a{name}": ArrayBytes("float32", (1,), "numpy.ndarray", b"x", bytes([name]) * 32)
        for name in sorted(names)
    }
    return Records(arrays={"arrays": arrays}, order=["arrays"])


CONTENTS = st.frozensets(st.integers(1, 5), max_size=3)


@given(st.lists(st.none() | CONTENTS, max_size=12))
def test_what_was_announced_and_the_last_two_tasks_are_known(
    events: list[frozenset[int] | None],
) -> None:
    """A selector counts on the check-in's list until two tasks have come, then on those two."""
    cache = ArrayCache()
    announced = set(cache.announce())
    tasks: list[set[bytes]] = []
    for event in events:
        if event is None:
            announced = set(cache.announce())
            tasks = []
        else:
            cache.remember(content(event))
            tasks.append({bytes([name]) * 32 for name in event})
        counted_on = set().union(*tasks[-2:])
        if len(tasks) < 2:
            counted_on |= announced
        assert counted_on <= set(cache.known())


def test_no_more_than_two_contents_are_announced() -> None:
    cache = ArrayCache()
    for name in (1, 2, 3):
        cache.remember(content(frozenset({name})))
    assert cache.announce() == [b"\2" * 32, b"\3" * 32]
    assert cache.announce() == [b"\2" * 32, b"\3" * 32]


def test_arrays_without_a_name_are_not_held() -> None:
    cache = ArrayCache()
    array = ArrayBytes("float32", (1,), "numpy.ndarray", b"x")
    cache.remember(Records(arrays={"arrays": {"a": array}}, order=["arrays"]))
    assert not cache.known()
