"""What `fedota status` shows: events and clocks folded into one picture."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from fedota_proto.units import size_words
from fedota_proto.v1 import fl_records_pb2 as records_pb
from fedota_proto.v1 import fl_round_pb2 as round_pb
from fedota_proto.v1 import fl_status_pb2 as pb
from fedota_server.event_lines import back_words, metrics_words, short_name

_ROUNDS_KEPT = 1_000
_GONE = frozenset({"gone", "away", "left", "revoked"})


@dataclass
class RoundSeen:
    """One round that ended.

    Parameters
    ----------
    key
        Its name.
    ended
        How it ended.
    evaluated
        What its evaluation brought, once it did.
    superseded
        Whether a roll-back left it behind.
    """

    key: tuple[int, int, int]
    ended: pb.RoundEnded
    evaluated: pb.Evaluated | None = None
    superseded: bool = False


@dataclass
class StatusView:
    """Folds the messages of Watch; a plain class without clock or wire.

    Parameters
    ----------
    title
        The problem's.
    names
        Of the data holders, by node id.
    now
        Monotonic seconds, for the round clock between two messages.
    """

    title: str
    names: Mapping[int, str]
    now: Callable[[], float] = time.monotonic
    state: str = ""
    reason: str = ""
    clock: pb.StatusClock | None = None
    clock_at: float = 0.0
    seq: int = 0
    completed: int = 0
    rounds: OrderedDict[tuple[int, int, int], RoundSeen] = field(default_factory=OrderedDict)
    members: dict[int, str] = field(default_factory=dict)
    ready: set[int] = field(default_factory=set)
    away_until_unix_s: dict[int, float] = field(default_factory=dict)

    def take(self, message: pb.WatchMessage) -> None:
        """Take one message of Watch."""
        if message.HasField("clock"):
            self.clock, self.clock_at = message.clock, self.now()
            self.state = message.clock.state or self.state
            return
        event = message.event
        self.seq = max(self.seq, event.seq)
        match event.WhichOneof("body"):
            case "state":
                self.state, self.reason = event.state.state, event.state.reason
            case "round":
                self._round(event.round)
            case "evaluated":
                seen = self.rounds.get(_key(event.evaluated.round))
                if seen is not None:
                    seen.evaluated = event.evaluated
            case "member":
                self._member(event.member)
            case "rolled_back":
                self.completed = event.rolled_back.to_round
                for seen in self.rounds.values():
                    if seen.key[1] > event.rolled_back.to_round:
                        seen.superseded = True
            case _:
                pass

    @property
    def connected(self) -> int:
        """How many members are connected, by the events."""
        return sum(1 for change in self.members.values() if change not in _GONE | {"bound"})

    def _member(self, member: pb.MemberChanged) -> None:
        if member.change == "ready":
            self.ready.add(member.node_id)
            self.members.setdefault(member.node_id, "bound")
            return
        self.members[member.node_id] = member.change
        self.away_until_unix_s.pop(member.node_id, None)
        if member.change == "away" and member.away_until_unix_s:
            self.away_until_unix_s[member.node_id] = member.away_until_unix_s

    def _round(self, ended: pb.RoundEnded) -> None:
        key = _key(ended.round)
        self.rounds[key] = RoundSeen(key, ended)
        if ended.completed:
            self.completed = ended.round.server_round
        while len(self.rounds) > _ROUNDS_KEPT:
            self.rounds.popitem(last=False)

    def as_json(self) -> dict[str, Any]:
        """Return everything as JSON values, for scripts."""
        clock = self.clock.clock if self.clock else round_pb.Clock()
        return {
            "title": self.title,
            "state": self.state,
            "reason": self.reason,
            "completed_round": self.completed,
            "clock": {
                "server_round": clock.round.server_round,
                "attempt": clock.round.attempt,
                "generation": clock.round.generation,
                "stage": clock.stage,
                "rounds": clock.rounds,
                "waiting": clock.waiting,
                "cohort": clock.cohort,
                "reported": clock.reported,
                "goal": clock.goal,
                "minimum": clock.minimum,
                "closes_in_s": clock.closes_in_s,
            },
            "selectors": [
                {
                    "name": selector.name,
                    "address": selector.address,
                    "attached": selector.attached,
                    "held_clients": selector.held_clients,
                    "received_bytes": selector.received_bytes,
                    "sent_bytes": selector.sent_bytes,
                }
                for selector in (self.clock.selectors if self.clock else ())
            ],
            "members_bound": self.clock.members_bound if self.clock else 0,
            "members": [
                {
                    "node_id": node_id,
                    "name": self.names.get(node_id, ""),
                    "last": change,
                    "ready": node_id in self.ready,
                    "away_until_unix_s": self.away_until_unix_s.get(node_id),
                }
                for node_id, change in sorted(self.members.items())
            ],
            "rounds": [_round_json(seen) for seen in self.rounds.values()],
        }

    def render(self, most_rounds: int = 12) -> RenderableType:
        """Draw it: a heading, the round clock, the selectors, the newest rounds."""
        parts: list[RenderableType] = [self._heading()]
        if self.clock is not None:
            if self.clock.clock.closes_in_s > 0:
                parts.append(self._round_clock(self.clock.clock))
            parts.append(_selector_table(self.clock))
        if self.rounds:
            parts.append(_round_table(list(self.rounds.values())[-most_rounds:]))
        return Group(*parts)

    def _heading(self) -> Text:
        text = Text.assemble((self.title, "bold"), ": ", (self.state or "starting", "cyan"))
        if self.reason:
            text.append(f" ({self.reason})")
        clock = self.clock.clock if self.clock else None
        if clock is not None and clock.stage:
            text.append(f"\nround {clock.round.server_round} of {clock.rounds or '…'}")
            if clock.round.attempt > 1:
                text.append(f", attempt {clock.round.attempt}")
            text.append(f": {clock.stage}")
            if clock.stage in ("selection", "waiting"):
                text.append(f", {clock.waiting} of {clock.minimum} needed clients are here")
            elif clock.stage != "paused":
                text.append(f", {clock.reported} of {clock.cohort} reported, goal {clock.goal}")
        if standing := self._attendance():
            text.append(f"\n{standing}")
        if self.clock is not None and self.clock.detail not in ("", self.reason):
            text.append(f"\n{self.clock.detail}")
        return text

    def _attendance(self) -> str:
        """Say who is ready, as long as that is all there is, and who is away until when."""
        parts = []
        if self.ready and not self.rounds:
            parts.append(f"{len(self.ready)} of {len(self.members)} clients are ready")
        for node_id, change in sorted(self.members.items()):
            if change == "away":
                name = self.names.get(node_id, f"client {node_id}")
                back = back_words(self.away_until_unix_s.get(node_id, 0.0))
                parts.append(f"{name} is away{back}")
        return "; ".join(parts)

    def _round_clock(self, clock: round_pb.Clock) -> RenderableType:
        left = max(0.0, clock.closes_in_s - (self.now() - self.clock_at))
        line = Table.grid(padding=(0, 1))
        total = max(clock.closes_in_s, 1e-9)
        line.add_row(
            f"{clock.stage} closes in {left:.0f} s",
            ProgressBar(total=total, completed=total - left, width=40),
        )
        return line


def _key(key: records_pb.RoundKey) -> tuple[int, int, int]:
    return key.generation, key.server_round, key.attempt


def _round_json(seen: RoundSeen) -> dict[str, Any]:
    ended = seen.ended
    return {
        "generation": seen.key[0],
        "server_round": seen.key[1],
        "attempt": seen.key[2],
        "completed": ended.completed,
        "superseded": seen.superseded,
        "reason": ended.reason,
        "admitted": ended.admitted,
        "reported": ended.reported,
        "failed": ended.failed,
        "rejected": ended.rejected,
        "weight": ended.weight,
        "train_metrics": {value.name: value.value for value in ended.train_metrics},
        "stage_s": {value.name: value.value for value in ended.stage_s},
        "evaluation": (
            {value.name: value.value for value in seen.evaluated.metrics}
            if seen.evaluated
            else None
        ),
    }


def _selector_table(clock: pb.StatusClock) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("selector", "address", "clients", "in", "out"):
        table.add_column(heading, style="dim" if heading == "address" else "")
    for one in clock.selectors:
        table.add_row(
            short_name(one.name) + ("" if one.attached else " (lost)"),
            one.address,
            str(one.held_clients),
            size_words(one.received_bytes),
            size_words(one.sent_bytes),
        )
    return table


def _round_table(rounds: list[RoundSeen]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("round", "result", "reported", "weight", "seconds", "training", "evaluation"):
        table.add_column(heading)
    for seen in rounds:
        ended = seen.ended
        result = "completed" if ended.completed else f"abandoned: {ended.reason}"
        name = str(seen.key[1]) if seen.key[2] <= 1 else f"{seen.key[1]}, attempt {seen.key[2]}"
        table.add_row(
            name,
            f"{result}, superseded" if seen.superseded else result,
            f"{ended.reported} of {ended.admitted}",
            f"{ended.weight:g}",
            f"{sum(value.value for value in ended.stage_s):.2f}",
            metrics_words(ended.train_metrics),
            metrics_words(seen.evaluated.metrics) if seen.evaluated else "",
            style="dim" if seen.superseded or not ended.completed else None,
        )
    return table
