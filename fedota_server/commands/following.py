"""Following a problem that this process serves, until it is finished."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NoReturn

from fedota_proto.v1 import fl_status_pb2 as pb
from fedota_server.status_host import StatusServicer

Take = Callable[[pb.WatchMessage], None]

COMPLETED, FAILED = "completed", "failed"
_FAREWELL_S = 15.0


async def follow(servicer: StatusServicer, take: Take, after_seq: int) -> NoReturn:
    """Pass every message after an event's number on, each once, until it is cancelled."""
    async for message in servicer.messages(after_seq):
        take(message)
    raise AssertionError("messages never end")


async def until_finished(servicer: StatusServicer, take: Take, after_seq: int) -> str:
    """Pass every message on until the problem is completed or failed.

    Parameters
    ----------
    servicer
        Of this process.
    take
        Gets each message once.
    after_seq
        Number of the newest event that is known already.

    Returns
    -------
    str
        ``completed`` or ``failed``.
    """
    async for message in servicer.messages(after_seq):
        take(message)
        state = message.clock.state or message.event.state.state
        if state in (COMPLETED, FAILED):
            return state
    raise AssertionError("messages never end")


async def until_clients_left(servicer: StatusServicer) -> None:
    """Wait until no selector holds a client any more, a short while at most.

    Clients end by themselves when they hear that the problem is finished. A clock of before that
    says nothing about them.
    """
    try:
        async with asyncio.timeout(_FAREWELL_S):
            async for message in servicer.messages(servicer.store.last_seq):
                clock = message.clock
                held = [selector.held_clients for selector in clock.selectors]
                if clock.state in (COMPLETED, FAILED) and held and not any(held):
                    return
    except TimeoutError:
        return
