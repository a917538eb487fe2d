"""What goes up: messages first, transfers one after the other, nothing lost unnoticed."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fedota_proto.records import ArrayBytes, Records
from fedota_proto.v1 import fl_intra_pb2 as intra
from fedota_proto.wire import read_selector_message
from fedota_selector.forwards import Forwards
from fedota_selector.uplink.backoff import Backoff
from fedota_selector.uplink.outbox import Outbox, Transfer


def held(task_id: int) -> intra.SelectorMessage:
    return intra.SelectorMessage(held=intra.Held(task_id=task_id))


def transfer(outbox: Outbox, chunks: list[bytes], ends: list[tuple[int, bool]]) -> int:
    transfer_id = outbox.new_transfer_id()
    first = intra.SelectorMessage(forward=intra.Forward(transfer_id=transfer_id))
    outbox.transfer(
        Transfer(
            transfer_id,
            first,
            iter([memoryview(chunk) for chunk in chunks]),
            lambda sent: ends.append((transfer_id, sent)),
        )
    )
    return transfer_id


def taken(outbox: Outbox) -> Any:
    message = outbox.take()
    return read_selector_message(message) if isinstance(message, bytes) else message


@given(
    st.lists(
        st.one_of(
            st.just("take"), st.just("put"), st.just("lost"), st.lists(st.binary(), max_size=3)
        ),
        max_size=50,
    )
)
def test_in_any_order_each_transfer_goes_whole_or_is_called_lost(steps: list[Any]) -> None:
    outbox = Outbox()
    ends: list[tuple[int, bool]] = []
    begun: dict[int, list[bytes]] = {}
    written: dict[int, list[bytes]] = {}
    messages = 0

    def take() -> bool:
        nonlocal messages
        message = taken(outbox)
        if message is None:
            return False
        if isinstance(message, intra.SelectorMessage) and message.HasField("held"):
            messages -= 1
        elif isinstance(message, intra.SelectorMessage):
            assert not messages
            written[message.forward.transfer_id] = []
        else:
            assert not messages
            written[message.transfer_id].append(bytes(message.data))
        return True

    for step in steps:
        if step == "take":
            take()
        elif step == "put":
            outbox.put(held(1))
            messages += 1
        elif step == "lost":
            outbox.lost()
            messages = 0
            assert {number for number, _ in ends} == set(begun)
        else:
            begun[transfer(outbox, step, ends)] = step
    while take():
        pass
    assert messages == 0
    assert sorted(number for number, _ in ends) == sorted(begun)
    for number, sent in ends:
        if sent:
            assert written[number] == begun[number]


def test_a_message_overtakes_the_chunks_of_a_transfer() -> None:
    outbox = Outbox()
    ends: list[tuple[int, bool]] = []
    number = transfer(outbox, [b"a", b"b"], ends)
    assert taken(outbox).forward.transfer_id == number
    assert taken(outbox).data == b"a"
    outbox.put(held(5))
    assert taken(outbox).held.task_id == 5
    assert taken(outbox).data == b"b"
    assert not ends  # the last chunk may still be on its way to the line
    assert outbox.take() is None
    assert ends == [(number, True)]


async def test_waiting_ends_when_there_is_something() -> None:
    outbox = Outbox()
    waiting = asyncio.ensure_future(outbox.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    outbox.put(held(1))
    async with asyncio.timeout(5):
        await waiting
        await outbox.wait()


def test_forwards_keep_their_place_until_they_are_sent() -> None:
    outbox = Outbox()
    forwards = Forwards(outbox)
    released: list[int] = []
    array = ArrayBytes("uint8", (), "numpy.ndarray", b"x" * 100_000)
    records = Records(arrays={"arrays": {"w": array}})

    def add(task_id: int) -> None:
        forwards.add(intra.Held(task_id=task_id), records, lambda: released.append(task_id))

    add(1)
    add(2)
    assert taken(outbox).forward.task_id == 1
    taken(outbox)
    outbox.lost()  # in the midst of the first one
    assert not released
    forwards.queue_again()
    first = taken(outbox)
    assert first.forward.task_id == 1
    assert taken(outbox).transfer_id == first.forward.transfer_id
    assert taken(outbox).forward.task_id == 2
    assert released == [1]
    assert not forwards.has(1)
    assert forwards.has(2)
    outbox.lost()
    forwards.clear()
    assert released == [1, 2]
    assert not len(forwards)


def test_pauses_grow_to_the_most_and_begin_again() -> None:
    backoff = Backoff(0.2, 5.0, lambda: 1.0)
    assert [backoff.next_s() for _ in range(7)] == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    backoff.succeeded()
    assert backoff.next_s() == 0.2
    assert Backoff(0.2, 5.0, lambda: 0.0).next_s() == 0.1
