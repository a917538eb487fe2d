"""One reader, any number of writers, two ways to end."""

from __future__ import annotations

import asyncio

from fedota_selector.mailbox import MOST, Mailbox


async def read(box: Mailbox[str]) -> list[str | None]:
    got: list[str | None] = []
    async with asyncio.timeout(5):
        while True:
            got.append(await box.get())
            if got[-1] is None:
                return got


async def test_items_come_in_order_and_the_newest_clock_behind_them() -> None:
    box: Mailbox[str] = Mailbox()
    box.put_newest("old clock")
    box.put("a")
    box.put_newest("clock")
    box.put("b")
    assert [await box.get() for _ in range(3)] == ["a", "b", "clock"]


async def test_a_waiting_reader_is_woken() -> None:
    box: Mailbox[str] = Mailbox()
    reading = asyncio.ensure_future(read(box))
    await asyncio.sleep(0)
    box.put("a")
    await asyncio.sleep(0)
    box.end("last")
    assert await reading == ["a", "last", None]


async def test_an_end_leaves_what_waits_or_drops_it() -> None:
    kind, sudden = Mailbox[str](), Mailbox[str]()
    for box in (kind, sudden):
        box.put("a")
        box.put_newest("clock")
    assert kind.end("last") == []
    assert sudden.end("last", at_once=True) == ["a"]
    for box in (kind, sudden):
        box.put("too late")
        box.put_newest("too late")
        assert box.end("never") == []
    assert await read(kind) == ["a", "last", None]
    assert await read(sudden) == ["last", None]


async def test_a_reader_that_does_not_read_is_ended() -> None:
    box: Mailbox[str] = Mailbox()
    for number in range(MOST + 5):
        box.put(str(number))
    assert box.overrun
    assert len(await read(box)) == MOST + 1


async def test_draining_takes_out_what_waits() -> None:
    box: Mailbox[str] = Mailbox()
    box.put("a")
    assert list(box.drain()) == ["a"]
    assert await box.get() is None
