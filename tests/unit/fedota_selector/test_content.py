"""Contents: one copy kept, and only what is lacking travels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedota_proto.errors import StreamError
from fedota_proto.records import ArrayBytes, PayloadReader, Records, npy_view, to_payload
from fedota_proto.v1 import fl_intra_pb2 as intra
from fedota_selector.downlink.content import KEPT, Content, ContentStore


def records(*values: int, size: int = 50) -> Records:
    arrays = {
        f"array-{place}": ArrayBytes.from_numpy(np.full(size, value, np.float32))
        for place, value in enumerate(values)
    }
    for array in arrays.values():
        array.digest()
    return Records(arrays={"arrays": arrays}, config={"config": {"values": list(values)}})


def values_of(got: Records) -> list[float]:
    return [float(npy_view(array)[0]) for array in got.all_arrays()]


class Sender:
    """Counts on the receiver exactly as the coordinator does."""

    def __init__(self, store: ContentStore) -> None:
        self.store = store
        self.contents: list[frozenset[bytes]] = []
        self.sent_bytes = 0

    def send(self, number: int, content: Records, inline_bytes: int = 0) -> None:
        have = frozenset().union(*self.contents[-KEPT:])
        payload, chunks = to_payload(content, have=have, inline_bytes=inline_bytes, chunk_bytes=100)
        self.store.begin(intra.Content(transfer_id=number, content_id=number, payload=payload))
        for chunk in chunks:
            self.store.feed(number, chunk)
            self.sent_bytes += chunk.nbytes
        self.contents.append(frozenset(a.digest() for a in content.all_arrays()))


@settings(deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 5), max_size=3), min_size=1, max_size=6),
    st.sampled_from([0, 1 << 16]),
)
def test_every_content_arrives_whole_and_reaches_every_client(
    contents: list[list[int]], inline_bytes: int
) -> None:
    store = ContentStore()
    sender = Sender(store)
    client_has: dict[bytes, ArrayBytes] = {}
    for number, values in enumerate(contents, start=1):
        sender.send(number, records(*values), inline_bytes)
        content = store.get(number)
        assert content is not None
        parcel = content.parcel(frozenset(client_has))
        reader = PayloadReader(parcel.payload, known=client_has)
        for chunk in parcel.chunks():
            reader.feed(chunk)
        got = reader.finish()
        assert values_of(got) == values
        assert got.config == {"config": {"values": values}}
        client_has.update({array.sha256: array for array in got.all_arrays()})


def test_what_is_known_does_not_travel_again() -> None:
    store = ContentStore()
    sender = Sender(store)
    sender.send(1, records(1, 2))
    first = sender.sent_bytes
    sender.send(2, records(1, 2))
    assert sender.sent_bytes == first
    sender.send(3, records(2, 3))
    assert sender.sent_bytes == first * 3 // 2


def test_the_newest_two_are_kept() -> None:
    store = ContentStore()
    sender = Sender(store)
    for number in (1, 2, 3):
        sender.send(number, records(number))
    assert store.get(1) is None
    assert len(store.known()) == 2


def test_calls_wait_until_everything_has_come() -> None:
    store = ContentStore()
    called: list[str] = []
    payload, chunks = to_payload(records(1), inline_bytes=0, chunk_bytes=100)
    store.begin(intra.Content(transfer_id=9, content_id=1, payload=payload))
    content = store.get(1)
    assert content is not None
    content.when_whole(lambda: called.append("waited"))
    with pytest.raises(StreamError, match="before it had come"):
        content.parcel(frozenset())
    for chunk in chunks:
        assert not called
        store.feed(9, chunk)
    assert called == ["waited"]
    content.when_whole(lambda: called.append("at once"))
    assert called == ["waited", "at once"]


def test_parcels_are_shared_and_large_ones_made_anew() -> None:
    small, large = Content(1), Content(2)
    small.complete(records(1))
    large.complete(records(1, 2, size=100_000))
    unknown = frozenset([bytes(32)])
    for content in (small, large):
        assert content.parcel(frozenset()) is content.parcel(unknown)
        assert content.parcel(content.digests) is not content.parcel(frozenset())
    assert not list(small.parcel(frozenset()).chunks())
    parcel = large.parcel(frozenset())
    sizes = [sum(chunk.nbytes for chunk in parcel.chunks()) for _ in range(2)]
    assert sizes == [large.records.size_bytes()] * 2 if large.records else False


def test_what_makes_no_sense_is_refused() -> None:
    store = ContentStore()
    with pytest.raises(StreamError, match="unknown"):
        store.feed(1, memoryview(b"x"))
    payload, _ = to_payload(records(1), have=[a.digest() for a in records(1).all_arrays()])
    with pytest.raises(StreamError, match="known here"):
        store.begin(intra.Content(transfer_id=1, content_id=1, payload=payload))


def test_a_lost_stream_takes_what_was_arriving_with_it() -> None:
    store = ContentStore()
    Sender(store).send(1, records(1))
    payload, _ = to_payload(records(2), inline_bytes=0)
    store.begin(intra.Content(transfer_id=2, content_id=2, payload=payload))
    store.break_off()
    assert store.get(2) is None
    assert store.get(1) is not None
    with pytest.raises(StreamError):
        store.feed(2, memoryview(b"x"))
