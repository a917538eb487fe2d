"""What each message of the coordinator does to this selector."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from typing import Any

from fedota_proto.doorkeeper import MEMBERSHIP_OVER, check_version
from fedota_proto.errors import StreamError, UnreachableError
from fedota_proto.grpc_errors import from_refusal
from fedota_proto.v1 import fl_intra_pb2 as intra
from fedota_proto.v1 import fl_round_pb2 as pb
from fedota_proto.wire import TransferPiece, to_wire
from fedota_selector.rounds import Rounds
from fedota_selector.state import SelectorState
from fedota_selector.uplink.stream import FromCoordinator

_log = logging.getLogger(__name__)


class Inbound:
    """Serves the uplink (`fedota_selector.uplink.stream.Attachable`)."""

    def __init__(self, state: SelectorState) -> None:
        self._state = state
        self._rounds = rounds = Rounds(state)
        self._instance_id = secrets.token_bytes(16)
        self._epoch = 0
        self._run_id = b""
        self._handlers: dict[str, Callable[[Any], None]] = {
            "verdict": self._on_verdict,
            "content": state.contents.begin,
            "hand_out": rounds.on_hand_out,
            "cancel": rounds.on_cancel,
            "settled": rounds.on_settled,
            "close": rounds.on_close,
            "to_client": rounds.on_to_client,
            "binding": self._on_binding,
            "selectors": self._on_selectors,
            "finished": self._on_finished,
            "refuse": self._on_refuse,
            "clock": self._on_clock,
            "drop": rounds.on_drop,
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
            self._rounds.expect(expected, session)
        for task_id in verdict.held_elsewhere:
            state.tasks.note_held_elsewhere(task_id, session.node_id)
        if state.finished is not None:
            session.mailbox.end(pb.ServerMessage(finished=state.finished))

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

    async def _on_answer(self, answer: intra.Answer) -> None:
        refusal = None
        if answer.HasField("refusal"):
            told = answer.refusal
            refusal = from_refusal(told.code, told.reason, told.retry_after_s)
        await self._state.asks.answer(answer, refusal)


def _revoked() -> pb.Refusal:
    return pb.Refusal(code="invite", reason=MEMBERSHIP_OVER)


def replaced_refusal() -> pb.Refusal:
    """Write why an older stream ends."""
    return pb.Refusal(
        code="replaced", reason="The same client has opened a newer stream in place of this one."
    )
