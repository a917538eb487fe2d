"""Rounds as the coordinator runs them: tasks out, partials up, outcomes down."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fedota_proto.errors import StreamError
from fedota_proto.records import Records, to_payload
from fedota_proto.v1 import fl_intra_pb2 as intra
from fedota_proto.v1 import fl_round_pb2 as pb
from fedota_selector.aggregation import ClosedPartial
from fedota_selector.downlink.content import Content
from fedota_selector.sessions import Delivery, Session
from fedota_selector.state import SelectorState
from fedota_selector.tasks import Exchange, RoundName, Task, TaskState, expected_arrays
from fedota_selector.uplink.outbox import Transfer

PARTIAL_RECORD = "arrays"
CLOSED = "The round takes no more updates."


class Rounds:
    """What the coordinator's messages about tasks do."""

    def __init__(self, state: SelectorState) -> None:
        self._state = state

    def on_hand_out(self, hand_out: intra.HandOut) -> None:
        """Hand tasks out, as soon as their content has come whole.

        Raises
        ------
        StreamError
            Their content is none that is kept here.
        """
        state = self._state
        content = state.contents.get(hand_out.content_id)
        if content is None:
            raise StreamError(
                f"Content {hand_out.content_id} is handed out, which is not kept here."
            )
        exchange = Exchange(RoundName.of(hand_out.round), hand_out.message_type)
        expect = expected_arrays(hand_out.expect)
        deadline = state.clock() + hand_out.deadline_s
        for item in hand_out.tasks:
            session = state.admission.admitted(item.node_id)
            task = state.tasks.add(
                Task(
                    item.task_id,
                    item.node_id,
                    session.session_id if session else b"",
                    exchange,
                    deadline,
                    hand_out.mean,
                    hand_out.checked,
                    expect,
                )
            )
            if task.state in (TaskState.FAILED, TaskState.OVER):
                state.tasks.reopen(task)
            if task.state is not TaskState.OPEN:
                state.tell_state(task)  # the coordinator has not heard
            elif session is None:
                state.fail_undelivered(task)
            else:
                session.task_handed(item.task_id)
        content.when_whole(lambda: self._deliver(content, hand_out))

    def _deliver(self, content: Content, hand_out: intra.HandOut) -> None:
        state = self._state
        for item in hand_out.tasks:
            task = state.tasks.get(item.task_id)
            session = state.admission.admitted(item.node_id)
            if task is None or task.state is not TaskState.OPEN:
                continue
            if session is None:
                state.fail_undelivered(task)
                continue
            head = pb.Task(
                task_id=item.task_id,
                round=hand_out.round,
                message_type=hand_out.message_type,
                message_id=item.message_id,
                group_id=item.group_id,
            )
            session.mailbox.put(Delivery(task, head, content))

    def on_cancel(self, cancel: intra.CancelTasks) -> None:
        """End tasks that are not wanted any more."""
        self._tell_to_stop(self._state.tasks.cancel(cancel.task_ids, cancel.reason), cancel.reason)

    def _tell_to_stop(self, tasks: Iterable[Task], reason: str) -> None:
        """Interrupt what arrives of these tasks, and tell their clients that it is not wanted."""
        for task in self._stopped(tasks):
            session = self._state.admission.admitted(task.node_id)
            if session is not None:
                session.task_over(task.task_id)
                stop = pb.Cancel(task_ids=[task.task_id], reason=reason)
                session.mailbox.put(pb.ServerMessage(cancel=stop))

    def on_settled(self, settled: intra.Settled) -> None:
        """Forget tasks whose outcome is known, and tell it to their clients."""
        state = self._state
        for item in settled.outcomes:
            outcome = item.outcome
            task = state.tasks.settle(item.node_id, outcome)
            if task is not None:
                state.interrupt([task])
            if outcome.kind != pb.REJECTED:
                exchange = Exchange(RoundName.of(outcome.round), outcome.message_type)
                state.aggregation.release(exchange)
            session = state.admission.admitted(item.node_id)
            if session is not None:
                session.task_over(outcome.task_id)
                session.mailbox.put(pb.ServerMessage(outcome=outcome))

    def on_close(self, close: intra.ClosePartial) -> None:
        """Take no more of an exchange, and send its partial up."""
        exchange = Exchange(RoundName.of(close.round), close.message_type)
        self._tell_to_stop(self._state.tasks.close(exchange), CLOSED)
        self._send_partial(close.close_id, self._state.aggregation.close(exchange))

    def _send_partial(self, close_id: int, partial: ClosedPartial) -> None:
        outbox = self._state.outbox
        message = intra.Partial(
            transfer_id=outbox.new_transfer_id(),
            close_id=close_id,
            round=partial.exchange.round.to_key(),
            weight=partial.weight,
        )
        for entry in partial.entries:
            message.entries.add(
                node_id=entry.node_id,
                task_id=entry.task_id,
                weight=entry.weight,
                update_sha256=entry.update_sha256,
            )
        for name, metric in partial.metrics.items():
            message.metrics.add(
                name=name, mean=metric.mean, weight=metric.weight, count=metric.count
            )
        chunks: Iterator[memoryview] = iter(())
        if partial.entries:
            payload, chunks = to_payload(Records(arrays={PARTIAL_RECORD: partial.arrays}))
            message.payload.CopyFrom(payload)
        outbox.transfer(
            Transfer(
                message.transfer_id,
                intra.SelectorMessage(partial=message),
                chunks,
                lambda sent: None,
            )
        )

    def on_to_client(self, message: intra.ToClient) -> None:
        """Take a single task over, or again."""
        session = self._state.admission.admitted(message.node_id)
        self.expect(message.expected, session)

    def expect(self, expected: intra.ExpectedTask, session: Session | None) -> None:
        """Take a task over, and ask its client for the update where the coordinator lacks it."""
        state = self._state
        task = state.tasks.add(
            Task(
                expected.task_id,
                expected.node_id,
                session.session_id if session else b"",
                Exchange(RoundName.of(expected.round), expected.message_type),
                state.clock() + expected.deadline_s,
                expected.mean,
                expected.checked,
                expected_arrays(expected.expect),
            )
        )
        lost = (
            task.state is TaskState.HELD and not task.mean and not state.forwards.has(task.task_id)
        )
        if expected.resend and (lost or task.state is TaskState.OVER):
            state.tasks.reopen(task)
        if task.state is not TaskState.OPEN:
            state.tell_state(task)
            return
        if session is not None:
            session.open_tasks.setdefault(task.task_id, False)
            if expected.resend:
                session.mailbox.put(pb.ServerMessage(resend=pb.Resend(task_id=task.task_id)))

    def on_drop(self, drop: intra.DropTasks) -> None:
        """Forget a round, and what was merged for it."""
        round_name = RoundName.of(drop.round)
        self._state.interrupt(self._state.tasks.drop(round_name))
        self._state.aggregation.drop(round_name)

    def _stopped(self, tasks: Iterable[Task]) -> list[Task]:
        stopped = list(tasks)
        self._state.interrupt(stopped)
        return stopped
