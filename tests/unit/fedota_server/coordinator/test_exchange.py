"""An exchange hands out, closes by the rules, and counts each update once over its selectors.

The selectors here are scripted: they do with the coordinator's messages what real ones do, in the
order that a test asks for, and no socket is opened.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedota_proto.errors import RoundAbandonedError
from fedota_proto.records import ArrayBytes, Arrays, Records
from fedota_proto.v1 import fl_intra_pb2 as pb
from fedota_server.coordinator.contents import Content
from fedota_server.coordinator.exchange import Exchange
from fedota_server.coordinator.link import SelectorLink
from fedota_server.coordinator.membership import Session
from fedota_server.coordinator.messages import (
    Addressee,
    Arrival,
    ExchangeOver,
    ExchangePlan,
    PartialArrived,
    ReplyArrived,
    ReplyFailed,
)
from fedota_server.coordinator.round_key import RoundKey
from fedota_server.coordinator.round_stage import RoundStage
from fedota_server.coordinator.tasks import Entry, Task, TaskState

KEY = RoundKey(0, 3, 1)
MEAN: Arrays = {"w": ArrayBytes.from_numpy(np.ones(2, np.float32))}


class RecordingLink(SelectorLink):
    """Keeps what would be written."""

    def __init__(self, epoch: int) -> None:
        super().__init__(epoch, epoch, f"host:{epoch}", 0.0)
        self.sent: list[pb.CoordinatorMessage] = []

    def send(self, message: pb.CoordinatorMessage | bytes) -> None:
        assert isinstance(message, pb.CoordinatorMessage)
        self.sent.append(message)

    def take(self, kind: str) -> list[pb.CoordinatorMessage]:
        """Take the messages of this kind that were sent since the last time."""
        found = [message for message in self.sent if message.WhichOneof("body") == kind]
        self.sent = [message for message in self.sent if message.WhichOneof("body") != kind]
        return found


class FakeHost:
    """An engine without sockets; `clock` is turned by hand."""

    def __init__(self, *epochs: int) -> None:
        self.clock = 0.0
        self.links = {epoch: RecordingLink(epoch) for epoch in epochs}
        self.sessions: dict[int, Session] = {}
        self.exchange: Exchange | None = None
        self.rejections: list[Entry] = []
        self._ids = itertools.count(1000)

    def now(self) -> float:
        return self.clock

    def new_id(self) -> int:
        return next(self._ids)

    def link(self, epoch: int) -> RecordingLink | None:
        return self.links.get(epoch)

    def reachable(self, node_id: int) -> Session | None:
        session = self.sessions.get(node_id)
        return session if session is not None and session.epoch in self.links else None

    def selector_order(self, epochs: Iterable[int]) -> list[int]:
        return sorted(epochs)

    def entered(self, exchange: Exchange, task: Task) -> None:
        pass

    def wake_at(self, exchange: Exchange, when: float) -> None:
        pass

    def watch_close(self, exchange: Exchange) -> None:
        pass

    def rejected(self, exchange: Exchange, task: Task, entry: Entry) -> None:
        self.rejections.append(entry)

    def progress(self) -> None:
        pass

    def connect(self, node: int, epoch: int) -> Session:
        """Have a client checked in with this epoch's selector."""
        session = Session(node, b"s" * 16, node, epoch, 0.0, 0.0)
        self.sessions[node] = session
        return session


class Round:
    """An exchange between scripted selectors."""

    def __init__(
        self,
        at: dict[int, int],
        *,
        goal: int,
        minimum: int,
        mean: bool = True,
        nodes: Iterable[int] | None = None,
        epochs: Iterable[int] = (1, 2),
    ) -> None:
        self.host = FakeHost(*epochs)
        self.at = dict(at)
        for node, epoch in at.items():
            self.host.connect(node, epoch)
        self.arrivals: list[Arrival] = []
        content = Content(1, Records(arrays={"arrays": MEAN}))
        addressees = [Addressee(node, f"m{node}", "") for node in (nodes or at)]
        plan = ExchangePlan(
            KEY, "train", mean, True, goal, minimum, 100.0, (), [(content, addressees)]
        )
        stage = RoundStage(goal=goal, minimum=minimum, now=0.0)
        stage.configure(0.0)
        self.exchange = Exchange(plan, stage, self.host, self.arrivals.append)
        self.exchange.start()

    def task(self, node: int) -> Task:
        """Return the newest task of a node."""
        return [task for task in self.exchange.book.all() if task.node_id == node][-1]

    def hold(self, node: int, epoch: int | None = None) -> None:
        """Have a selector say that it holds a node's update."""
        self.exchange.held(
            epoch or self.at[node],
            pb.Held(
                task_id=self.task(node).task_id,
                node_id=node,
                weight=10.0 * node,
                update_sha256=bytes([node]) * 32,
                size_bytes=8,
            ),
        )

    def close_id(self, epoch: int) -> int:
        """Return the id of the close that a selector was last asked for."""
        return self.host.links[epoch].take("close")[-1].close.close_id

    def partial(self, epoch: int, *nodes: int, close_id: int = 0) -> None:
        """Have a selector answer the close with these nodes' updates."""
        entries = [
            pb.PartialEntry(
                node_id=node,
                task_id=self.task(node).task_id,
                weight=10.0 * node,
                update_sha256=bytes([node]) * 32,
            )
            for node in nodes
        ]
        message = pb.Partial(
            close_id=close_id or self.close_id(epoch),
            entries=entries,
            weight=10.0 * sum(nodes),
        )
        self.exchange.partial(epoch, message, MEAN if nodes else None)

    @property
    def folded(self) -> list[list[int]]:
        """The nodes of each partial that was let through, in order."""
        return [
            [entry.node_id for entry in arrival.entries]
            for arrival in self.arrivals
            if isinstance(arrival, PartialArrived)
        ]

    @property
    def end(self) -> ExchangeOver | None:
        """How it ended, None while it is open."""
        last = self.arrivals[-1] if self.arrivals else None
        return last if isinstance(last, ExchangeOver) else None

    @property
    def failures(self) -> dict[int, str]:
        """The code of each message that brought nothing, by node."""
        return {a.node_id: a.code for a in self.arrivals if isinstance(a, ReplyFailed)}


def test_a_content_goes_once_to_each_selector_with_its_own_tasks() -> None:
    one = Round({1: 1, 2: 1, 3: 2}, goal=3, minimum=2)
    for epoch, nodes in ((1, [1, 2]), (2, [3])):
        link = one.host.links[epoch]
        (content,) = link.take("content")
        (hand_out,) = link.take("hand_out")
        assert hand_out.hand_out.content_id == content.content.content_id
        assert [task.node_id for task in hand_out.hand_out.tasks] == nodes
        assert hand_out.hand_out.deadline_s == 100.0


def test_it_folds_in_the_selectors_order_and_ends() -> None:
    one = Round({1: 1, 2: 1, 3: 2}, goal=3, minimum=2)
    for node in (3, 1, 2):
        one.hold(node)
    one.partial(2, 3)
    assert one.folded == []
    one.partial(1, 1, 2)
    assert one.folded == [[1, 2], [3]]
    assert one.end == ExchangeOver()
    assert one.exchange.over


def test_who_still_computes_at_the_goal_is_told_to_stop() -> None:
    one = Round({1: 1, 2: 1, 3: 2}, goal=2, minimum=2)
    one.hold(1)
    one.hold(2)
    (cancel,) = one.host.links[2].take("cancel")
    assert list(cancel.cancel.task_ids) == [one.task(3).task_id]
    one.partial(1, 1, 2)
    assert one.end is None, "selector 2 may be merging an update right now"
    one.hold(3)
    one.partial(2, 3)
    assert one.folded == [[1, 2], [3]], "checked before the close counts"
    assert one.end == ExchangeOver()


def test_late_ones_come_back_as_such() -> None:
    one = Round({1: 1, 2: 1, 3: 2}, goal=2, minimum=2)
    one.hold(1)
    one.hold(2)
    one.partial(1, 1, 2)
    one.partial(2)
    assert one.end == ExchangeOver()
    assert one.failures == {3: "late"}
    assert one.task(3).state is TaskState.OVER


def test_a_message_to_a_member_that_left_fails_at_once() -> None:
    one = Round({1: 1, 2: 1}, goal=3, minimum=2, nodes=[1, 2, 3])
    assert one.failures == {3: "gone"}
    one.hold(1)
    one.hold(2)
    assert one.host.links[1].take("close"), "nobody else can report"


def test_below_the_minimum_it_is_abandoned_at_the_deadline() -> None:
    one = Round({1: 1, 2: 1, 3: 2}, goal=3, minimum=2)
    one.hold(1)
    one.host.clock = 100.0
    one.exchange.consider()
    assert one.end is not None
    error = one.end.error
    assert isinstance(error, RoundAbandonedError)
    assert (error.got, error.minimum, error.stage) == (1, 2, "reporting")
    assert one.host.links[1].take("drop")
    assert one.host.links[2].take("drop")


def test_a_lost_selector_in_reporting_voids_what_it_held() -> None:
    one = Round({1: 1, 2: 1, 3: 2}, goal=3, minimum=2)
    one.hold(1)
    one.hold(2)
    del one.host.links[1]
    one.host.connect(1, 2)
    one.exchange.epoch_ended(1)
    (again,) = one.host.links[2].take("to_client")
    assert (again.to_client.node_id, again.to_client.expected.resend) == (1, True)
    # The other client comes later.
    session = one.host.connect(2, 2)
    expected, lacking = one.exchange.client_back(session, {one.task(2).task_id: True})
    assert [(e.node_id, e.resend) for e in expected] == [(2, True)]
    assert lacking == []
    for node in (1, 2, 3):
        one.hold(node, 2)
    one.partial(2, 1, 2, 3)
    assert one.folded == [[1, 2, 3]]
    assert one.end == ExchangeOver()


def test_a_selector_lost_while_it_closes_opens_reporting_again() -> None:
    one = Round({1: 1, 2: 1, 3: 2}, goal=3, minimum=2)
    for node in (1, 2, 3):
        one.hold(node)
    one.partial(2, 3)
    del one.host.links[1]
    one.host.connect(1, 2)
    one.exchange.epoch_ended(1)
    assert one.end is None
    # What selector 2 had closed begins anew there, and takes the resent update.
    assert one.host.links[2].take("drop")
    assert [m.to_client.node_id for m in one.host.links[2].take("to_client")] == [1]
    one.hold(1, 2)
    one.exchange.client_absent(2)
    one.partial(2, 1)
    assert one.folded == [[3], [1]]
    assert one.end == ExchangeOver()


def test_with_enough_counted_nobody_waits_for_a_lost_selector() -> None:
    one = Round({1: 1, 2: 2, 3: 2}, goal=3, minimum=2)
    for node in (1, 2, 3):
        one.hold(node)
    one.partial(2, 2, 3)
    one.host.sessions.clear()
    del one.host.links[1]
    one.exchange.epoch_ended(1)
    assert one.end is None, "the client may send again until the deadline"
    one.host.clock = 100.0
    one.exchange.consider()
    assert one.folded == [[2, 3]]
    assert one.end == ExchangeOver()


def test_an_update_merged_in_two_selectors_is_dropped_in_one() -> None:
    one = Round({1: 1, 2: 1, 3: 2}, goal=3, minimum=2)
    one.hold(2)
    session = one.host.connect(1, 2)
    expected, _ = one.exchange.client_back(session, {one.task(1).task_id: True})
    assert [e.node_id for e in expected] == [1]
    (cancel,) = one.host.links[1].take("cancel")
    assert list(cancel.cancel.task_ids) == [one.task(1).task_id]
    one.hold(1, 2)
    # It had been merged in selector 1 as well, whose word was on the way.
    one.hold(1, 1)
    assert one.host.links[1].take("drop")
    (again,) = one.host.links[1].take("to_client")
    assert (again.to_client.node_id, again.to_client.expected.resend) == (2, True)
    one.hold(2, 1)
    one.hold(3)
    one.partial(1, 2)
    one.partial(2, 1, 3)
    assert one.folded == [[2], [1, 3]]
    assert one.end == ExchangeOver()


def test_a_stale_partial_of_dropped_updates_is_refused_whole() -> None:
    one = Round({1: 1, 2: 1, 3: 2}, goal=3, minimum=2)
    one.hold(1)
    one.hold(2)
    one.hold(3)
    close_id = one.close_id(1)
    one.hold(1, 2)  # selector 2 merged node 1's update too
    assert one.host.links[2].take("drop")
    one.partial(2, 1, 3)
    one.partial(1, 1, 2, close_id=close_id)
    assert one.folded == [[1, 2]]
    assert one.end is None, "node 3 sends again"
    assert [m.to_client.node_id for m in one.host.links[2].take("to_client")] == [3]
    one.hold(3)
    one.partial(2, 3)
    assert one.folded == [[1, 2], [3]]
    assert one.end == ExchangeOver()


def test_a_client_that_comes_back_without_its_task_gets_it_again() -> None:
    one = Round({1: 1, 2: 1}, goal=2, minimum=2)
    one.host.links[2].sent.clear()
    session = one.host.connect(1, 2)
    expected, lacking = one.exchange.client_back(session, {})
    assert [task.node_id for task in lacking] == [1]
    assert [e.resend for e in expected] == [True]
    one.exchange.hand_out_again(one.host.links[2], lacking)
    (hand_out,) = one.host.links[2].take("hand_out")
    assert [task.node_id for task in hand_out.hand_out.tasks] == [1]


def test_what_never_reached_its_client_waits_for_it_as_another_task() -> None:
    one = Round({1: 1, 2: 1}, goal=2, minimum=2)
    before = one.task(1)
    one.exchange.failed(
        1, pb.TaskFailed(task_id=before.task_id, node_id=1, code="not-delivered", reason="…")
    )
    assert before.state is TaskState.FAILED
    assert one.failures == {}
    assert one.task(1).task_id != before.task_id
    _, lacking = one.exchange.client_back(one.host.connect(1, 1), {})
    assert lacking == [one.task(1)]
    one.hold(1)
    one.hold(2)
    one.partial(1, 1, 2)
    assert one.end == ExchangeOver()


def test_rejections_are_told_once_and_end_the_task() -> None:
    one = Round({1: 1, 2: 1, 3: 2}, goal=3, minimum=2)
    rejected = pb.Rejected(
        task_id=one.task(1).task_id, node_id=1, code="not-finite", reason="NaN", weight=5.0
    )
    one.exchange.rejected(1, rejected)
    one.exchange.rejected(1, rejected)
    assert [entry.weight for entry in one.host.rejections] == [5.0]
    assert one.failures == {1: "not-finite"}
    one.hold(2)
    one.hold(3)
    one.partial(1, 2)
    one.partial(2, 3)
    assert one.end == ExchangeOver()


def test_a_rejection_of_another_nodes_task_is_not_heard() -> None:
    one = Round({1: 1, 2: 1}, goal=2, minimum=2)
    one.exchange.rejected(
        1, pb.Rejected(task_id=one.task(1).task_id, node_id=2, code="not-yours", reason="…")
    )
    assert one.task(1).state is TaskState.PENDING
    assert one.host.rejections == []


def test_a_member_that_ends_cannot_report() -> None:
    one = Round({1: 1, 2: 1, 3: 2}, goal=3, minimum=2)
    one.hold(1)
    one.hold(2)
    one.exchange.member_ended(3, "The membership has ended.")
    assert one.host.links[2].take("cancel")
    one.partial(1, 1, 2)
    assert one.end == ExchangeOver()
    assert one.failures == {3: "left"}


def test_forwarded_replies_come_as_they_arrive() -> None:
    one = Round({1: 1, 2: 1, 3: 2}, goal=2, minimum=2, mean=False)
    for node in (2, 1):
        one.exchange.forwarded(
            1,
            pb.Forward(task_id=one.task(node).task_id, node_id=node, weight=10.0),
            Records(arrays={"arrays": MEAN}),
        )
    replies = [a.message_id for a in one.arrivals if isinstance(a, ReplyArrived)]
    assert replies == ["m2", "m1"]
    assert one.end == ExchangeOver()
    assert one.host.links[1].take("close") == []
    assert one.failures == {3: "late"}


def test_a_forwarded_update_that_is_held_is_waited_for() -> None:
    one = Round({1: 1, 2: 2}, goal=2, minimum=2, mean=False)
    one.hold(1)
    one.hold(2)
    assert one.end is None
    assert one.exchange.awaited == {1, 2}
    for node in (2, 1):
        forward = pb.Forward(task_id=one.task(node).task_id, node_id=node, weight=10.0)
        one.exchange.forwarded(node, forward, Records())
    assert one.end == ExchangeOver()


def test_an_interrupted_exchange_ends_with_that_error() -> None:
    one = Round({1: 1, 2: 1}, goal=2, minimum=2)
    one.hold(1)
    error = RoundAbandonedError("The problem was stopped.")
    one.exchange.interrupt(error)
    assert one.end == ExchangeOver(error)
    one.exchange.interrupt(RoundAbandonedError("again"))
    assert one.end == ExchangeOver(error)
    one.hold(2)
    assert one.task(2).state is TaskState.OVER


def test_nothing_that_was_sent_is_kept_alive_by_what_is_over() -> None:
    one = Round({1: 1}, goal=1, minimum=1)
    one.hold(1)
    one.partial(1, 1)
    assert one.exchange.over
    assert not one.exchange._contents


class MergingSelector:
    """Merges what its clients send, and tells the coordinator when the schedule lets it."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.expected: set[int] = set()
        self.merged: list[int] = []
        self.outbox: list[tuple[str, int]] = []


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_over_any_schedule_each_update_is_folded_once(data: st.DataObject) -> None:
    """Clients move and send twice, selectors die: the fold holds every node at most once."""
    nodes = [1, 2, 3, 4]
    one = Round(
        {node: 1 + node % 2 for node in nodes}, goal=4, minimum=2, epochs=[1, 2], nodes=nodes
    )
    selectors = {epoch: MergingSelector(epoch) for epoch in (1, 2)}
    for node in nodes:
        selectors[one.at[node]].expected.add(node)
    newest = 2
    for link in one.host.links.values():
        link.sent.clear()
    steps = ["send", "send", "talk", "talk", "listen", "move", "die", "wait"]
    for _ in range(data.draw(st.integers(20, 80))):
        if one.end is not None:
            break
        epoch = data.draw(st.sampled_from(sorted(selectors)))
        node = data.draw(st.sampled_from(nodes))
        step = data.draw(st.sampled_from(steps))
        selector = selectors[epoch]
        if step == "send" and node in selector.expected and node not in selector.merged:
            selector.merged.append(node)
            selector.outbox.append(("held", node))
        elif step == "talk" and selector.outbox:
            kind, value = selector.outbox.pop(0)
            if kind == "held":
                one.hold(value, epoch)
            else:
                one.partial(epoch, *selector.merged, close_id=value)
        elif step == "move":
            session = one.host.connect(node, epoch)
            task_id = one.task(node).task_id
            expected, _ = one.exchange.client_back(session, {task_id: True})
            selector.expected.update(e.node_id for e in expected)
        elif step == "die" and len(selectors) > 1:
            newest += 1
            del selectors[epoch], one.host.links[epoch]
            selectors[newest] = MergingSelector(newest)
            one.host.links[newest] = RecordingLink(newest)
            one.exchange.epoch_ended(epoch)
        elif step == "wait":
            one.host.clock += 10.0
            one.exchange.consider()
        elif step == "listen":
            messages = one.host.links[epoch].sent
            one.host.links[epoch].sent = []
            for message in messages:
                obey(selector, message, one)
    folded = Counter(itertools.chain.from_iterable(one.folded))
    assert all(count == 1 for count in folded.values()), folded
    counted = {t.node_id for t in one.exchange.book.all() if t.state is TaskState.COUNTED}
    assert set(folded) <= counted
    if one.end is not None and one.end.error is None:
        assert counted == set(folded)
        assert len(folded) >= 2


def obey(selector: MergingSelector, message: pb.CoordinatorMessage, one: Round) -> None:
    """Do what a selector does with a message."""
    kind = message.WhichOneof("body")
    node_of = {task.task_id: task.node_id for task in one.exchange.book.all()}
    if kind == "drop":
        selector.merged.clear()
        selector.expected.clear()
        selector.outbox = [o for o in selector.outbox if o[0] == "held"]
    elif kind == "to_client":
        selector.expected.add(message.to_client.node_id)
    elif kind == "hand_out":
        selector.expected.update(task.node_id for task in message.hand_out.tasks)
    elif kind == "cancel":
        selector.expected -= {node_of[task_id] for task_id in message.cancel.task_ids}
    elif kind == "close":
        selector.expected.clear()
        selector.outbox.append(("partial", message.close.close_id))


@pytest.mark.parametrize("mean", [True, False])
def test_the_stage_and_the_book_agree_at_the_end(mean: bool) -> None:
    one = Round({1: 1, 2: 2}, goal=2, minimum=1, mean=mean)
    one.exchange.failed(
        1, pb.TaskFailed(task_id=one.task(1).task_id, node_id=1, code="worker", reason="oom")
    )
    if mean:
        one.hold(2)
        one.partial(2, 2)
    else:
        forward = pb.Forward(task_id=one.task(2).task_id, node_id=2, weight=20.0)
        one.exchange.forwarded(2, forward, Records())
    assert one.end == ExchangeOver()
    assert one.exchange.stage.reported == {one.task(2).task_id}
    assert one.failures == {1: "worker"}
