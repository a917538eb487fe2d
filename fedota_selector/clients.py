"""What clients ask of this selector, apart from their updates."""

from __future__ import annotations

import asyncio

from fedota_proto.doorkeeper import Caller
from fedota_proto.errors import BusyError, InternalError, UnreachableError
from fedota_proto.grpc_errors import from_refusal
from fedota_proto.v1 import fl_intra_pb2 as intra
from fedota_proto.v1 import fl_round_pb2 as pb
from fedota_selector.file_cache import SpooledFile
from fedota_selector.inbound import replaced_refusal
from fedota_selector.sessions import Session
from fedota_selector.state import SelectorState

STOP_RETRY_S = 2.0
_GONE_REASONS = {
    pb.TellRequest.STOPPING: "stopping",
    pb.TellRequest.AWAY: "away",
    pb.TellRequest.LEAVING: "leaving",
}


class Clients:
    """Opens and ends sessions, and passes questions on."""

    def __init__(self, state: SelectorState) -> None:
        self._state = state

    def open(self, caller: Caller, request: pb.CheckInRequest) -> Session:
        """Take a check-in in; its verdict comes into its mailbox.

        Raises
        ------
        BusyError
            This selector is full, or stopping.
        SessionInUseError
            Another process of this client is checking in.
        """
        state = self._state
        if state.draining:
            raise BusyError(
                "This selector is stopping: go to another one.", retry_after_s=STOP_RETRY_S
            )
        session = Session(
            caller.node_id,
            caller.session_id,
            caller.public_key,
            request,
            opened_unix_s=state.unix_clock(),
            invite=caller.invite,
        )
        message, replaced = state.admission.open(session)
        if replaced is not None:
            replaced.end(pb.ServerMessage(refusal=replaced_refusal()))
        state.tell(client_open=message)
        return session

    def gone(self, session: Session) -> None:
        """Take note that a session's stream has ended; what it did not get has failed."""
        state = self._state
        message = state.admission.gone(session)
        if message is not None:
            state.tell(client_gone=message)
        for task in session.undelivered:
            state.fail_undelivered(task)

    def drain(self) -> None:
        """Let nobody in any more, and send everyone to another selector."""
        self._state.draining = True
        refusal = pb.Refusal(
            code="stopping",
            reason="This selector is stopping: go to another one, or come back.",
            retry_after_s=STOP_RETRY_S,
        )
        for session in list(self._state.admission):
            session.end(pb.ServerMessage(refusal=refusal))

    async def describe(self, caller: Caller) -> pb.DescribeReply:
        """Pass on the question what the problem is.

        Raises
        ------
        FedotaError
            The coordinator refused, or did not answer in time.
        """
        answer = await self._ask(intra.Ask(node_id=caller.node_id, describe=True))
        return answer.describe

    async def tell(self, caller: Caller, request: pb.TellRequest) -> pb.TellReply:
        """Pass on what a client says of itself; its key is bound by now.

        Raises
        ------
        FedotaError
            The coordinator refused, or did not answer in time.
        """
        session = self._state.admission.admitted(caller.node_id)
        if session is not None and session.session_id == caller.session_id:
            session.gone_reason = _GONE_REASONS.get(request.kind, session.gone_reason)
            session.away_until_unix_s = request.away_until_unix_s
        answer = await self._ask(intra.Ask(node_id=caller.node_id, tell=request))
        return answer.tell

    async def bind(self, caller: Caller) -> None:
        """Have the coordinator bind a key whose invite has been checked.

        Raises
        ------
        InviteError
            It does not.
        UnreachableError
            It did not answer in time.
        """
        state = self._state
        await state.until_attached(state.limits.ask_timeout_s)
        stream_id = state.admission.new_stream_id()
        future: asyncio.Future[intra.Verdict] = asyncio.get_running_loop().create_future()
        state.binds[stream_id] = future
        state.tell(
            client_open=intra.ClientOpen(
                stream_id=stream_id,
                node_id=caller.node_id,
                session_id=caller.session_id,
                public_key=caller.public_key,
                invite=caller.invite,
                bind_only=True,
            )
        )
        try:
            async with asyncio.timeout(state.limits.ask_timeout_s):
                verdict = await future
        except TimeoutError:
            raise _no_answer() from None
        finally:
            state.binds.pop(stream_id, None)
        if not verdict.accepted:
            told = verdict.refusal
            raise from_refusal(told.code, told.reason, told.retry_after_s)

    async def fetch(self, caller: Caller, request: pb.FetchRequest) -> SpooledFile:
        """Find a file here, or ask the coordinator for it once for all who want it.

        Raises
        ------
        UnreachableError
            The file is not here and the coordinator is away.
        """
        state = self._state
        file = state.files.get(request)
        if file is None:
            await state.until_attached(state.limits.ask_timeout_s)
            file = state.files.get(request)
        if file is None:
            file = state.files.begin(request)
            ask_id = state.asks.expect_file(file)
            state.tell(ask=intra.Ask(ask_id=ask_id, node_id=caller.node_id, fetch=request))
        return file

    async def _ask(self, ask: intra.Ask) -> intra.Answer:
        state = self._state
        await state.until_attached(state.limits.ask_timeout_s)
        ask.ask_id, future = state.asks.expect_answer()
        state.tell(ask=ask)
        try:
            async with asyncio.timeout(state.limits.ask_timeout_s):
                answer = await future
        except TimeoutError:
            raise _no_answer() from None
        finally:
            state.asks.forget(ask.ask_id)
        if answer.WhichOneof("what") != ask.WhichOneof("what"):
            raise InternalError("The coordinator answered something else than it was asked.")
        return answer


def _no_answer() -> UnreachableError:
    return UnreachableError("The problem's coordinator did not answer in time: try again.")
