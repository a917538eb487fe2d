"""What each message of the coordinator does to this selector."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from fedota_proto.errors import StreamError, UnreachableError
from fedota_proto.grpc_errors import from_refusal
from fedota_proto.records import Records, to_payload
from fedota_proto.v1 import fl_intra_pb2 as intra
from fedota_proto.v1 import fl_round_pb2 as pb
from fedota_proto.wire import TransferPiece, to_wire
from fedota_selector.aggregation import ClosedPartial
from fedota_selector.doorkeeper import check_version
from fedota_selector.downlink.content import Content
from fedota_selector.sessions import Delivery, Session
from fedota_selector.state import SelectorState
from fedota_selector.tasks import Exchange, RoundName, Task, TaskState, expected_arrays
from fedota_selector.uplink.outbox import Transfer
from fedota_selector.uplink.stream import FromCoordinator

PARTIAL_RECORD = "arrays"
CLOSED = "The round takes no more updates."

_log = logging.getLogger(__name__)


class Inbound:
    """Serves the uplink (`fedota_selector.uplink.stream.Attachable`)."""

    def __init__(self, state: SelectorState) -> None:
        self._state = state
        self._instance_id = secrets.token_bytes(16)
        self._epoch = 0
        self._run_id = b""
        self._handlers: dict[str, Callable[[Any], None]] = {
            "verdict": self._on_verdict,
            "content": state.contents.begin,
            "hand_out": self._on_hand_out,
            "cancel": self._on_cancel,
            "settled": self._on_settled,
            "close": self._on_close,
            "to_client": self._on_to_client,
            "binding": self._on_binding,
            "selectors": self._on_selectors,
            "finished": self._on_finished,
            "refuse": self._on_refuse,
            "clock": self._on_clock,
            "drop": self._on_drop,
        }

    def attaching(self) -> intra.Attaching:
        """Say who attaches."""
        return intra.Attaching(
            version=self._state.version,
            instance_id=self._instance_id,
            address=self._state.address,
            epoch=self._epoch,
        )

    async def attached(self, attached: intra.Attached) -> None:
        """Take the greeting in, and tell the coordinator what it may not know.

        In the same epoch that is everything held and not settled; in a new one all of that is
        void. The clients stay in either case.

        Raises
        ------
        VersionError
            It speaks another protocol.
        StreamError
            It serves another problem.
        """
        state = self._state
        check_version(
            attached.version, peer="coordinator", us="selector", release=state.version.release
        )
        if attached.problem_id != state.problem_id:
            raise StreamError(
                f"The coordinator serves the problem {attached.problem_id}, "
                f"this selector {state.problem_id}: start it with the right address."
            )
        goes_on = (attached.run_id, attached.epoch) == (self._run_id, self._epoch)
        self._run_id, self._epoch = attached.run_id, attached.epoch
        if not goes_on:
            self._forget_tasks()
        state.checks = attached.checks
        state.selectors = list(attached.selectors)
        state.doorkeeper.learn(attached.bindings, attached.invite_public_key)
        state.files.expect_model(attached.model_sha256)
        if attached.finished and state.finished is None:
            state.finished = pb.Finished(reason="The problem is completed.")
        elif not attached.finished:
            state.finished = None
        state.outbox.lost()
        state.set_attached(True)
        for task in state.tasks:
            state.tell_state(task)
        for message in state.admission.reattached(same_epoch=goes_on):
            if isinstance(message, intra.ClientGone):
                state.tell(client_gone=message)
            else:
                state.tell(client_open=message)
        state.forwards.queue_again()
        self._end_revoked()
        _log.info(
            "attached as epoch %d (%s) with %d clients",
            self._epoch,
            "going on" if goes_on else "new",
            len(state.admission),
        )

    async def receive(self, message: FromCoordinator) -> None:
        """Take one message in.

        Raises
        ------
        StreamError
            It makes no sense: the next attachment is that of a new instance, of which the
            coordinator assumes nothing.
        """
        try:
            if isinstance(message, TransferPiece):
                self._state.contents.feed(*message)
                return
            kind = message.WhichOneof("body")
            if kind == "answer":
                await self._on_answer(message.answer)
            elif kind in self._handlers:
                self._handlers[kind](getattr(message, kind))
        except StreamError:
            self._instance_id, self._epoch = secrets.token_bytes(16), 0
            raise

    def detached(self) -> None:
        """Take note that the stream is gone."""
        state = self._state
        state.set_attached(False)
        state.contents.break_off()
        lost = UnreachableError(
            "The problem's coordinator does not answer at present: try again in a minute."
        )
        state.asks.fail_all(lost)
        for future in state.binds.values():
            if not future.done():
                future.set_exception(lost)
        state.binds.clear()

    def _forget_tasks(self) -> None:
        state = self._state
        state.interrupt(state.tasks.clear())
        state.aggregation.clear()
        state.forwards.clear()
        state.files.forget_rounds()

    def _end_revoked(self) -> None:
        for session in list(self._state.admission):
            if self._state.doorkeeper.is_revoked(session.node_id):
                session.end(pb.ServerMessage(refusal=_revoked()))

    def _on_verdict(self, verdict: intra.Verdict) -> None:
        state = self._state
        future = state.binds.pop(verdict.stream_id, None)
        if future is not None:
            if not future.done():
                future.set_result(verdict)
            return
        if not verdict.accepted:
            refused = state.admission.refuse(verdict.stream_id)
            if refused is not None:
                refused.end(pb.ServerMessage(refusal=verdict.refusal))
            return
        session, replaced = state.admission.accept(verdict.stream_id)
        if replaced is not None:
            replaced.end(pb.ServerMessage(refusal=replaced_refusal()))
        if session is None:
            return
        state.doorkeeper.bind(intra.Binding(node_id=session.node_id, public_key=session.public_key))
        if session.welcomed():
            session.mailbox.put(state.welcome())
        for outcome in verdict.outcomes:
            session.task_over(outcome.task_id)
            session.mailbox.put(pb.ServerMessage(outcome=outcome))
        for expected in verdict.expected:
            self._expect(expected, session)
        for task_id in verdict.held_elsewhere:
            state.tasks.note_held_elsewhere(task_id, session.node_id)
        if state.finished is not None:
            session.mailbox.end(pb.ServerMessage(finished=state.finished))

    def _on_hand_out(self, hand_out: intra.HandOut) -> None:
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

    def _on_cancel(self, cancel: intra.CancelTasks) -> None:
        self._tell_to_stop(self._state.tasks.cancel(cancel.task_ids, cancel.reason), cancel.reason)

    def _tell_to_stop(self, tasks: Iterable[Task], reason: str) -> None:
        """Interrupt what arrives of these tasks, and tell their clients that it is not wanted."""
        for task in self._stopped(tasks):
            session = self._state.admission.admitted(task.node_id)
            if session is not None:
                session.task_over(task.task_id)
                stop = pb.Cancel(task_ids=[task.task_id], reason=reason)
                session.mailbox.put(pb.ServerMessage(cancel=stop))

    def _on_settled(self, settled: intra.Settled) -> None:
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

    def _on_close(self, close: intra.ClosePartial) -> None:
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

    def _on_to_client(self, message: intra.ToClient) -> None:
        session = self._state.admission.admitted(message.node_id)
        self._expect(message.expected, session)

    def _expect(self, expected: intra.ExpectedTask, session: Session | None) -> None:
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

    def _on_binding(self, change: intra.BindingChange) -> None:
        self._state.doorkeeper.bind(change.binding)
        if change.binding.revoked:
            self._end_revoked()

    def _on_selectors(self, message: intra.SelectorList) -> None:
        self._state.selectors = list(message.selectors)
        for session in self._state.admission.all_admitted():
            session.mailbox.put(self._state.welcome())

    def _on_finished(self, finished: pb.Finished) -> None:
        self._state.finished = finished
        for session in self._state.admission.all_admitted():
            session.mailbox.end(pb.ServerMessage(finished=finished))

    def _on_refuse(self, refuse: intra.RefuseClients) -> None:
        admission = self._state.admission
        if refuse.node_ids:
            named = [admission.admitted(node_id) for node_id in refuse.node_ids]
            sessions = [session for session in named if session is not None]
        else:
            sessions = [s for s in admission.all_admitted() if not s.open_tasks]
        for session in sessions:
            session.end(pb.ServerMessage(refusal=refuse.refusal))

    def _on_clock(self, clock: pb.Clock) -> None:
        message = to_wire(pb.ServerMessage(clock=clock))
        for session in self._state.admission.all_admitted():
            session.mailbox.put_newest(message)

    def _on_drop(self, drop: intra.DropTasks) -> None:
        round_name = RoundName.of(drop.round)
        self._state.interrupt(self._state.tasks.drop(round_name))
        self._state.aggregation.drop(round_name)

    async def _on_answer(self, answer: intra.Answer) -> None:
        refusal = None
        if answer.HasField("refusal"):
            told = answer.refusal
            refusal = from_refusal(told.code, told.reason, told.retry_after_s)
        await self._state.asks.answer(answer, refusal)

    def _stopped(self, tasks: Iterable[Task]) -> list[Task]:
        stopped = list(tasks)
        self._state.interrupt(stopped)
        return stopped


def _revoked() -> pb.Refusal:
    return pb.Refusal(
        code="invite",
        reason="The membership of this client has been revoked: ask the problem's setter.",
    )


def replaced_refusal() -> pb.Refusal:
    """Write why an older stream ends."""
    return pb.Refusal(
        code="replaced", reason="The same client has opened a newer stream in place of this one."
    )
