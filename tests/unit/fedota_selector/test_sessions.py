"""What is remembered of one client."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fedota_client.array_cache import ArrayCache
from fedota_proto.records import ArrayBytes, Records
from fedota_proto.v1 import fl_round_pb2 as pb
from fedota_selector.sessions import HAVE_MOST, ClientArrays, Session

digests = st.frozensets(st.integers(0, 6).map(lambda n: bytes([n]) * 32), max_size=4)


def records(names: frozenset[bytes]) -> Records:
    arrays = {name.hex(): ArrayBytes("uint8", (), "numpy.ndarray", name, name) for name in names}
    return Records(arrays={"arrays": arrays})


@given(st.lists(st.lists(digests, max_size=4), max_size=4))
def test_the_client_has_whatever_the_selector_counts_on(
    streams: list[list[frozenset[bytes]]],
) -> None:
    """Held against the client's own cache: nothing is left out that it could not fill in."""
    cache = ArrayCache()
    for tasks in streams:
        arrays = ClientArrays(cache.announce())
        for task in tasks:
            assert arrays.has() <= set(cache.known())
            arrays.task_sent(task)
            cache.remember(records(task))


def test_what_was_announced_counts_until_two_tasks_have_come() -> None:
    one, two, three = (frozenset([bytes([n]) * 32]) for n in (1, 2, 3))
    arrays = ClientArrays(one)
    arrays.task_sent(two)
    assert arrays.has() == one | two
    arrays.task_sent(three)
    assert arrays.has() == two | three
    arrays.task_sent(three)
    assert arrays.has() == three


def test_whoever_announces_too_much_announces_nothing() -> None:
    assert not ClientArrays([bytes(32)] * (HAVE_MOST + 1)).has()


def test_open_tasks_are_told_as_they_are_known() -> None:
    request = pb.CheckInRequest(
        open_tasks=[pb.OpenTask(task_id=1, update_ready=True)], wants_outcome=[1, 2]
    )
    session = Session(7, b"s" * 16, b"k" * 32, request, invite="fedota1:x")
    session.task_handed(3)
    session.update_held(3)
    session.update_held(99)
    session.task_over(1)
    opened = session.client_open()
    assert list(opened.open_tasks) == [pb.OpenTask(task_id=3, update_ready=True)]
    assert list(opened.wants_outcome) == [2]
    assert opened.invite == "fedota1:x"
    assert session.welcomed()
    assert not session.welcomed()
    assert not session.client_open().invite
