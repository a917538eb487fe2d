"""How a round is named: generation, server round, attempt."""

from __future__ import annotations

from typing import NamedTuple

from fedota_proto.v1 import fl_records_pb2


class RoundKey(NamedTuple):
    """A roll-back opens a generation, a repetition an attempt; server rounds count from 1."""

    generation: int
    server_round: int
    attempt: int

    @classmethod
    def from_proto(cls, key: fl_records_pb2.RoundKey) -> RoundKey:
        """Read the wire's form."""
        return cls(key.generation, key.server_round, key.attempt)

    def to_proto(self) -> fl_records_pb2.RoundKey:
        """Write the wire's form."""
        return fl_records_pb2.RoundKey(
            generation=self.generation, server_round=self.server_round, attempt=self.attempt
        )

    def __str__(self) -> str:
        """Say it to people: only what differs from the usual."""
        text = f"round {self.server_round}"
        if self.attempt > 1:
            text += f", attempt {self.attempt}"
        if self.generation > 0:
            text += f", generation {self.generation}"
        return text
