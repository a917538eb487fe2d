"""The one seam between Flower's blocking world and the event loop."""

from __future__ import annotations

import gc
import itertools
import queue
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from flwr.app import Message, MetricRecord, RecordDict
from flwr.serverapp import Grid

from fedota_proto.errors import FedotaError, InternalError, UsageError
from fedota_proto.flower import records_to_flower
from fedota_proto.v1 import fl_records_pb2
from fedota_server.coordinator import flower_private
from fedota_server.coordinator.contents import Content, digested_records, table_key
from fedota_server.coordinator.engine import Engine
from fedota_server.coordinator.exchange import Exchange
from fedota_server.coordinator.facts import plain_weight
from fedota_server.coordinator.flower_private import NodeInfo, Run
from fedota_server.coordinator.folded_array import folded_record
from fedota_server.coordinator.messages import (
    Addressee,
    Arrival,
    ExchangeOver,
    ExchangePlan,
    PartialArrived,
    ReplyArrived,
    ReplyFailed,
)
from fedota_server.coordinator.partials import PartialFold
from fedota_server.coordinator.round_key import RoundKey
from fedota_server.coordinator.round_stage import RoundStage

METRICS_KEY = "metrics"
CLOSE_MARGIN_S = 120.0
COLLECT_FROM_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms messages of one type go out.

    Parameters
    ----------
    key, mean, checked, goal, minimum, deadline_s, expect
        As in `ExchangePlan`.
    stage
        The round's, in configuration.
    settle_at_once
        Whether every update that arrives counts as soon as the exchange is over.
    """

    key: RoundKey
    stage: RoundStage
    mean: bool
    checked: bool
    goal: int
    minimum: int
    deadline_s: float
    expect: tuple[fl_records_pb2.ArraySpec, ...] = ()
    settle_at_once: bool = False


@dataclass(slots=True)
class Sending:
    """Messages of one type, ready to go out."""

    message_type: str
    messages: list[Message]
    batches: list[tuple[Content, list[Addressee]]] = field(default_factory=list)


class GridRules(ABC):
    """Who takes part, and on what terms: a problem's rounds, or an app's own loop."""

    @abstractmethod
    def node_ids(self) -> list[int]:
        """Name the nodes that messages may go to; may block.

        Raises
        ------
        FedotaError
            There will be none.
        """

    @abstractmethod
    def terms(self, sending: Sending, deadline_s: float | None, *, may_fold: bool) -> Terms:
        """Say on what terms these messages go out.

        Parameters
        ----------
        sending
            The messages and their contents.
        deadline_s
            What the caller allows, None for no limit of its own.
        may_fold
            Whether one folded reply may stand for all.
        """

    @abstractmethod
    def over(self, exchange: Exchange) -> None:
        """Note that an exchange is over; called in the event loop."""


class SelectorGrid(Grid):
    """Flower's Grid, over selectors: what many messages share goes once to each of them.

    Its methods may be called from any thread but the event loop's, also several at a time, and
    block. In mean mode the selectors' partials are folded in the selectors' fixed order into one
    ordinary reply whose ``num-examples`` is the sum; `push_messages` never folds, since its caller
    waits for every single reply.

    Parameters
    ----------
    engine
        The event loop's side.
    rules
        Who takes part, and on what terms.
    weight_key
        Name of the metric that is an update's weight.
    views
        Let replies' arrays be views of what arrived, which Flower's own strategies read well;
        an app gets ``bytes``.
    """

    def __init__(
        self, engine: Engine, rules: GridRules, *, weight_key: str = "num-examples", views: bool
    ) -> None:
        self._engine = engine
        self._loop = engine.loop
        self._rules = rules
        self._weight_key = weight_key
        self._views = views
        self._run: Run | None = None
        self._names = itertools.count(1)
        self._content_ids = itertools.count(1)
        self._lock = threading.Lock()
        self._pushed: dict[str, Message] = {}
        self._mailbox: dict[str, ReplyArrived | ReplyFailed] = {}

    def set_run(self, run: Run) -> None:
        """Set the run."""
        if not isinstance(run, Run):
            raise TypeError(f"`run` must be an instance of Run, got {type(run).__name__}")
        self._run = run

    @property
    def run(self) -> Run:
        """A copy of the run's information."""
        if self._run is None:
            raise InternalError("The Grid was given no run.")
        return Run(**vars(self._run))

    def create_message(
        self,
        content: RecordDict,
        message_type: str,
        dst_node_id: int,
        group_id: str,
        ttl: float | None = None,
    ) -> Message:
        """Create a message, as `flwr.app.Message` does."""
        return Message(content, dst_node_id, message_type, ttl=ttl, group_id=group_id)

    def get_node_ids(self) -> Iterable[int]:
        """Name the nodes: the round's cohort, or for an app all that are connected; may block."""
        return self._rules.node_ids()

    def get_nodes(self) -> Iterable[NodeInfo]:
        """Describe the nodes of `get_node_ids`."""
        return [NodeInfo(node_id=node_id) for node_id in self.get_node_ids()]

    # Sending.

    def _prepare(self, messages: Iterable[Message]) -> list[Sending]:
        """Name messages, and gather those of one type with each distinct content once."""
        sendings: dict[str, Sending] = {}
        by_object: dict[int, tuple[Content, bytes, RecordDict]] = {}
        by_table: dict[tuple[str, bytes], list[Addressee]] = {}
        for message in messages:
            if message.has_error():
                raise UsageError("Messages to nodes carry a content, not an error.")
            content = message.content
            if id(content) not in by_object:
                records = digested_records(content)
                made = Content(next(self._content_ids), records)
                by_object[id(content)] = made, table_key(records), content
            shared, table, _ = by_object[id(content)]
            metadata = message.metadata
            flower_private.name_message(message, f"{metadata.run_id:x}-{next(self._names):x}")
            sending = sendings.setdefault(metadata.message_type, Sending(metadata.message_type, []))
            sending.messages.append(message)
            key = metadata.message_type, table
            if key not in by_table:
                by_table[key] = []
                sending.batches.append((shared, by_table[key]))
            by_table[key].append(
                Addressee(metadata.dst_node_id, metadata.message_id, metadata.group_id)
            )
        return list(sendings.values())

    def _open(self, sending: Sending, terms: Terms, sink: Callable[[Arrival], None]) -> None:
        """Hand messages out, in the event loop."""
        plan = ExchangePlan(
            terms.key,
            sending.message_type,
            terms.mean,
            terms.checked,
            terms.goal,
            terms.minimum,
            terms.deadline_s,
            terms.expect,
            sending.batches,
        )

        def arrived(arrival: Arrival) -> None:
            if isinstance(arrival, ExchangeOver):
                self._rules.over(exchange)
                if terms.settle_at_once:
                    self._loop.call_soon(self._settle_now, exchange, arrival.error)
            sink(arrival)

        exchange = Exchange(plan, terms.stage, self._engine, arrived)
        self._engine.carry(exchange)

    def _settle_now(self, exchange: Exchange, error: FedotaError | None) -> None:
        reason = error.public_message if error is not None else ""
        self._engine.settle(exchange, completed=error is None, reason=reason)

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        """Send messages without waiting for their replies.

        Returns
        -------
        list of str
            The messages' ids, for `pull_messages`.

        Raises
        ------
        StreamError
            A content cannot be sent.
        """
        message_ids: list[str] = []
        for sending in self._prepare(messages):
            stubs = {m.metadata.message_id: flower_private.emptied(m) for m in sending.messages}
            message_ids += stubs
            with self._lock:
                self._pushed.update(stubs)
            terms = self._rules.terms(sending, _ttl_s(sending), may_fold=False)
            self._loop.call_soon_threadsafe(self._open, sending, terms, self._put)
        return message_ids

    def _put(self, arrival: Arrival) -> None:
        if isinstance(arrival, ReplyArrived | ReplyFailed):
            with self._lock:
                self._mailbox[arrival.message_id] = arrival

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        """Take the replies that have come to pushed messages; does not wait.

        Returns
        -------
        list of Message
            Each reply once; a node that is gone or failed brings an error in its place.
        """
        taken: list[tuple[Message, ReplyArrived | ReplyFailed]] = []
        with self._lock:
            for message_id in message_ids:
                arrival = self._mailbox.pop(message_id, None)
                if arrival is not None:
                    taken.append((self._pushed.pop(message_id), arrival))
        return [self._reply(to, arrival) for to, arrival in taken]

    def send_and_receive(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> Iterable[Message]:
        """Send messages and wait until their exchange is over.

        Parameters
        ----------
        messages
            To the nodes of `get_node_ids`.
        timeout
            In seconds; nodes that have not answered then come back as error replies.

        Returns
        -------
        list of Message
            Replies in the order in which they came, or the one folded reply, and an error for
            each message that brought nothing.

        Raises
        ------
        RoundAbandonedError
            The round ended below its minimum.
        FedotaError
            What the round was interrupted with.
        """
        arrivals: _Arrivals = queue.SimpleQueue()
        receipts: list[_Receipt] = []
        sendings = self._prepare(messages)
        del messages
        for sending in sendings:
            ttl_s = _ttl_s(sending)
            deadline_s = ttl_s if timeout is None else min(timeout, ttl_s)
            terms = self._rules.terms(sending, deadline_s, may_fold=True)
            receipt = _Receipt(sending, terms, arrivals)
            receipts.append(receipt)
            self._loop.call_soon_threadsafe(self._open, sending, terms, receipt.sink)
        large = sum(content.size_bytes for one in sendings for content, _ in one.batches)
        sendings.clear()
        if large >= COLLECT_FROM_BYTES:
            # Flower's records leave cycles behind that keep the replies of the round before; now,
            # while clients work, is the time to let go of them.
            gc.collect()
        return self._collect(arrivals, receipts)

    def _collect(self, arrivals: _Arrivals, receipts: Sequence[_Receipt]) -> list[Message]:
        bound_s = max((r.terms.deadline_s for r in receipts), default=0.0) + CLOSE_MARGIN_S
        waiting = len(receipts)
        failed: FedotaError | None = None
        while waiting:
            try:
                receipt, arrival = arrivals.get(timeout=bound_s)
            except queue.Empty:
                raise InternalError("An exchange did not end after its deadline.") from None
            if isinstance(arrival, ExchangeOver):
                waiting -= 1
                failed = failed or arrival.error
            elif isinstance(arrival, PartialArrived):
                receipt.fold.add(arrival)
            else:
                receipt.replies.append(self._reply(receipt.stubs[arrival.message_id], arrival))
            del arrival
        if failed is not None:
            raise failed
        replies: list[Message] = []
        for receipt in receipts:
            if receipt.fold.count:
                replies.append(self._folded(receipt))
            replies += receipt.replies
        return replies

    def _reply(self, to: Message, arrival: ReplyArrived | ReplyFailed) -> Message:
        name = f"{to.metadata.message_id}-reply"
        if isinstance(arrival, ReplyArrived):
            content = records_to_flower(arrival.records, views=self._views)
            return flower_private.reply_with(to, content, name)
        error = flower_private.error_of(arrival.code, arrival.reason)
        return flower_private.error_reply(to, error, name)

    def _folded(self, receipt: _Receipt) -> Message:
        """Make the one reply that stands for every update in the partials."""
        fold = receipt.fold
        content = RecordDict({receipt.record_name: folded_record(fold.arrays())})
        metrics = MetricRecord({self._weight_key: plain_weight(fold.weight)})
        metrics.update(fold.metrics)
        content[METRICS_KEY] = metrics
        first = receipt.of_node[fold.nodes[0]]
        return flower_private.reply_with(first, content, f"{first.metadata.message_id}-folded")


class _Receipt:
    """What has come to messages that wait for their replies."""

    def __init__(self, sending: Sending, terms: Terms, arrivals: _Arrivals) -> None:
        stubs = [flower_private.emptied(message) for message in sending.messages]
        self.stubs = {stub.metadata.message_id: stub for stub in stubs}
        self.of_node = {stub.metadata.dst_node_id: stub for stub in stubs}
        self.terms = terms
        self.fold = PartialFold(terms.expect)
        self.replies: list[Message] = []
        names = [name for content, _ in sending.batches for name in content.records.arrays]
        self.record_name = names[0] if names else ""
        self._arrivals = arrivals

    def sink(self, arrival: Arrival) -> None:
        """Take an arrival, in the event loop."""
        self._arrivals.put((self, arrival))


_Arrivals = queue.SimpleQueue[tuple[_Receipt, Arrival]]


def _ttl_s(sending: Sending) -> float:
    return max(message.metadata.ttl for message in sending.messages)
