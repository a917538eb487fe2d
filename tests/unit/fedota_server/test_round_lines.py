"""The lines of fast rounds: the newest once a second, nothing lost that matters."""

from __future__ import annotations

from fedota_proto.v1 import fl_status_pb2 as pb
from fedota_server.commands.round_lines import RoundLines

COMPLETED = pb.Event(round=pb.RoundEnded(completed=True))
ABANDONED = pb.Event(round=pb.RoundEnded(completed=False))
EVALUATED = pb.Event(evaluated=pb.Evaluated())
STATE = pb.Event(state=pb.StateChanged(state="completed"))


class Told:
    """Lines and a clock of their own."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.now_s = 0.0
        self.rounds = RoundLines(self.lines.append, clock=lambda: self.now_s)


def test_the_first_round_is_told_at_once_and_then_the_newest_once_a_second() -> None:
    told = Told()
    for number in range(1, 21):
        told.rounds.say(f"{number} completed", COMPLETED)
        told.rounds.say(f"{number} evaluated", EVALUATED)
        told.now_s += 0.125
    assert told.lines == [
        "1 completed",
        "8 evaluated",
        "9 completed",
        "16 evaluated",
        "17 completed",
    ]


def test_what_is_held_is_told_in_its_time_and_before_anything_else() -> None:
    told = Told()
    told.rounds.say("1 completed", COMPLETED)
    told.rounds.say("2 completed", COMPLETED)
    told.rounds.tick()
    assert told.lines == ["1 completed"]
    told.now_s = 1.0
    told.rounds.tick()
    assert told.lines == ["1 completed", "2 completed"]
    told.rounds.say("3 completed", COMPLETED)
    told.rounds.say("finished", STATE)
    assert told.lines[2:] == ["3 completed", "finished"]


def test_an_abandoned_round_is_told_at_once() -> None:
    told = Told()
    told.rounds.say("1 completed", COMPLETED)
    told.rounds.say("2 abandoned", ABANDONED)
    told.rounds.say("3 abandoned", ABANDONED)
    assert told.lines == ["1 completed", "2 abandoned", "3 abandoned"]


async def test_the_last_line_is_told_at_the_end() -> None:
    told = Told()
    async with told.rounds.running():
        told.rounds.say("1 completed", COMPLETED)
        told.rounds.say("2 completed", COMPLETED)
    assert told.lines == ["1 completed", "2 completed"]
