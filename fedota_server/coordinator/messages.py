"""What passes between Flower's thread and the event loop: plans go in, arrivals come out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from fedota_proto.errors import FedotaError
from fedota_proto.records import Arrays, Records
from fedota_proto.v1 import fl_intra_pb2, fl_records_pb2
from fedota_server.coordinator.contents import Content
from fedota_server.coordinator.round_key import RoundKey
from fedota_server.coordinator.tasks import Entry


@dataclass(frozen=True, slots=True)
class Addressee:
    """One message: to which node, and Flower's names for it."""

    node_id: int
    message_id: str
    group_id: str


@dataclass(frozen=True, slots=True)
class ExchangePlan:
    """Messages to be sent together, and when their exchange is over.

    Parameters
    ----------
    key
        The round that they belong to.
    message_type
        Flower's: train, evaluate, query, train.name …
    mean
        Updates are averaged in the selectors; otherwise each comes up as it is.
    checked
        Selectors check updates; otherwise they pass unread.
    goal
        Reports wanted.
    minimum
        Fewest reports with which it may close.
    deadline_s
        From the hand-out.
    expect
        Arrays that every update must bring, in order.
    batches
        Each content with those who get it.
    """

    key: RoundKey
    message_type: str
    mean: bool
    checked: bool
    goal: int
    minimum: int
    deadline_s: float
    expect: tuple[fl_records_pb2.ArraySpec, ...]
    batches: Sequence[tuple[Content, Sequence[Addressee]]]


@dataclass(frozen=True, slots=True)
class PartialArrived:
    """A selector's weighted mean over everything in `entries`, by itself counted already."""

    arrays: Arrays
    entries: tuple[Entry, ...]
    weight: float
    metrics: tuple[fl_intra_pb2.MetricMean, ...]


@dataclass(frozen=True, slots=True)
class ReplyArrived:
    """One forwarded reply."""

    message_id: str
    records: Records


@dataclass(frozen=True, slots=True)
class ReplyFailed:
    """A message that brought nothing, and why."""

    message_id: str
    node_id: int
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class ExchangeOver:
    """Nothing more comes.

    Parameters
    ----------
    error
        Why it was abandoned, None if it closed by its rules.
    """

    error: FedotaError | None = None


Arrival = PartialArrived | ReplyArrived | ReplyFailed | ExchangeOver


@dataclass(slots=True)
class ExchangeTotals:
    """What an exchange came to, for the round's report."""

    admitted: int = 0
    reported: int = 0
    failed: int = 0
    rejected: int = 0
    weight: float = 0.0
    received_bytes: int = 0
    sent_bytes: int = 0
    counted_nodes: list[int] = field(default_factory=list)
