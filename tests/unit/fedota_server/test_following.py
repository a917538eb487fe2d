"""Following a problem to its end, and its clients out of the door."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, cast

from fedota_proto.v1 import fl_status_pb2 as pb
from fedota_server.commands.following import until_clients_left, until_finished
from fedota_server.status_host import StatusServicer


class ScriptedMessages:
    """Tells what it is given, and counts what was read."""

    def __init__(self, *messages: pb.WatchMessage) -> None:
        self.store = self
        self.last_seq = 0
        self.read = 0
        self._messages = messages

    async def messages(self, after_seq: int) -> AsyncIterator[pb.WatchMessage]:
        for message in self._messages:
            self.read += 1
            yield message

    def as_servicer(self) -> StatusServicer:
        return cast(StatusServicer, cast(Any, self))


def clock(state: str, *held: int) -> pb.WatchMessage:
    selectors = [pb.SelectorState(held_clients=count) for count in held]
    return pb.WatchMessage(clock=pb.StatusClock(state=state, selectors=selectors))


async def test_a_clock_of_before_the_end_says_nothing_of_who_is_left() -> None:
    told = ScriptedMessages(
        clock("running", 0, 0),
        clock("completed"),
        clock("completed", 0, 2),
        clock("completed", 0, 0),
        clock("completed", 0, 0),
    )
    await until_clients_left(told.as_servicer())
    assert told.read == 4


async def test_the_end_is_heard_from_an_event_or_a_clock() -> None:
    ended = pb.WatchMessage(event=pb.Event(state=pb.StateChanged(state="failed")))
    taken: list[pb.WatchMessage] = []
    told = ScriptedMessages(clock("running", 1), ended, clock("completed"))
    assert await until_finished(told.as_servicer(), taken.append, 0) == "failed"
    assert taken == [clock("running", 1), ended]
