"""Carries between the selector, the worker and the disk what `Session` decides.

Everything happens on one event loop. The way of a task is short: its last bytes come in, the worker
gets it in the same callback, and the worker's answer goes out in one message if it is small.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

from fedota_client import instructions as do
from fedota_client.array_cache import ArrayCache
from fedota_client.attendance import Attendance, away_words
from fedota_client.connection import Member, SelectorLink
from fedota_client.dialing import OVER, Dialer, RefusedError
from fedota_client.failures import TaskFailedError
from fedota_client.home import ClientHome
from fedota_client.keeping import UpdateKeeper
from fedota_client.limits.limits import Away
from fedota_client.progress import Display, privacy_words, task_words
from fedota_client.receipts.book import ReceiptBook
from fedota_client.receipts.facts import model_sha256
from fedota_client.session import AckStatus, RoundTuple, Session
from fedota_client.settings import ClientSettings
from fedota_client.update_store import KeptUpdate
from fedota_client.worker_handle import WorkerHandle
from fedota_client.worker_protocol import payload_parts, split_payload
from fedota_proto.credential import verify_outcome
from fedota_proto.errors import (
    FedotaError,
    FolderError,
    InviteError,
    StreamError,
    UnreachableError,
)
from fedota_proto.invite import Invite
from fedota_proto.records import Buffer, PayloadReader
from fedota_proto.v1 import fl_round_pb2 as pb

_SEND_AGAIN_FIRST_S = 0.5
_SEND_AGAIN_MOST_S = 15.0
_TELL_S = 2.0
_GRACE_S = 1.0
# A stream that ends sooner was no success: the pauses between attempts go on growing.
_LASTING_S = 2.0

_STATUSES = {
    pb.Ack.HELD: AckStatus.HELD,
    pb.Ack.ALREADY_HELD: AckStatus.HELD,
    pb.Ack.REJECTED: AckStatus.REJECTED,
    pb.Ack.OVER: AckStatus.OVER,
}

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Input:
    """A task as it waits for the worker."""

    task: pb.Task
    key: RoundTuple
    payload: Sequence[Buffer]
    ends_s: float
    model_in: str


def round_tuple(key: pb.Task | pb.Outcome | pb.Clock) -> RoundTuple:
    """Return a message's round as (generation, server round, attempt)."""
    return (key.round.generation, key.round.server_round, key.round.attempt)


class ClientRun:
    """One client's part in a problem, from its first check-in until it leaves.

    Parameters
    ----------
    invite
        Of this membership.
    member
        Who calls.
    home
        The client's folder, locked.
    book
        Takes the receipts.
    attendance
        Says when work is allowed.
    dialer
        Reaches the selectors.
    worker
        Started.
    display
        Shows what happens.
    settings
        Deadlines.
    rounds_wanted
        Leave after so many counted rounds; 0 stays.
    evaluates
        Whether this client takes part in evaluation.
    outlives
        Whether updates outlive this process: they are then kept on disk. A Flower app's do not,
        since its run is not resumed.
    """

    def __init__(
        self,
        invite: Invite,
        member: Member,
        home: ClientHome,
        book: ReceiptBook,
        dialer: Dialer,
        worker: WorkerHandle,
        display: Display,
        settings: ClientSettings,
        *,
        attendance: Attendance | None = None,
        rounds_wanted: int = 0,
        evaluates: bool = True,
        outlives: bool = True,
    ) -> None:
        self._invite = invite
        self._member = member
        self._home = home
        self._book = book
        self._attendance = attendance or Attendance()
        self._dialer = dialer
        self._worker = worker
        self._display = display
        self._settings = settings
        self._evaluates = evaluates
        self._store = home.updates if outlives else None
        self._session = Session(
            rounds_wanted=rounds_wanted,
            evaluates=evaluates,
            kept=home.updates.kept() if outlives else (),
            kept_most=settings.kept_updates,
        )
        self._cache = ArrayCache()
        self._inputs: dict[int, _Input] = {}
        self._sends: dict[int, asyncio.Task[None]] = {}
        self._working: asyncio.Task[None] | None = None
        self._link: SelectorLink | None = None
        self._holding: asyncio.Task[None] | None = None
        self._incoming: tuple[pb.Task, PayloadReader] | None = None
        self._welcomed_s = 0.0

    @property
    def rounds_counted(self) -> int:
        """In how many rounds of this run an update was counted."""
        return self._session.rounds_counted

    async def run(self) -> str:
        """Take part until there is nothing left to do.

        Returns
        -------
        str
            Why it ended.

        Raises
        ------
        FedotaError
            The platform refuses this client for good, or was never reached.
        asyncio.CancelledError
            Cancelled by the caller: the selector has been told, if it could be within 2 s.
        """
        loop = asyncio.get_running_loop()
        self._left: asyncio.Future[str] = loop.create_future()
        try:
            async with asyncio.TaskGroup() as self._group:
                self._keeper = UpdateKeeper(self._store, self._group)
                connecting = self._group.create_task(self._stay_connected())
                watching = self._group.create_task(
                    self._attendance.watch(self._gone_away, self._came_back, self._look)
                )
                try:
                    reason = await self._left
                except asyncio.CancelledError:
                    self._worker.kill()
                    raise
                finally:
                    await self._tell_stopping()
                    for task in (connecting, watching, self._working, *self._sends.values()):
                        if task is not None:
                            task.cancel()
        except* FedotaError as group:
            raise _first(group) from None
        return reason

    async def _tell_stopping(self) -> None:
        link = self._link
        if link is None:
            return
        try:
            async with asyncio.timeout(_TELL_S):
                await link.tell(pb.TellRequest.STOPPING, _TELL_S)
        except (FedotaError, TimeoutError):
            _log.info("the selector could not be told that this client stops")

    async def _stay_connected(self) -> None:
        while True:
            await self._attendance.allowed()
            link = await self._dialer.next_link()
            if self._attendance.away is not None:  # since the pause before the next attempt
                await link.close()
                continue
            holding = self._holding = asyncio.create_task(self._hold(link))
            try:
                await asyncio.wait({holding})
                if not holding.cancelled():  # it is cancelled when work is no longer allowed
                    holding.result()
            except RefusedError as refused:
                self._dialer.refused(refused)
            except FedotaError as error:
                if self._dialer.route.lap_over:
                    await self._ask_webserver()
                self._dialer.failed(link, error)
            finally:
                holding.cancel()
                self._lost()
                await link.close()

    async def _ask_webserver(self) -> None:
        """Where no selector answers, learn whether anything is left to do, and where they are now.

        Raises
        ------
        InviteError
            The membership has ended.
        """
        link = self._dialer.webserver_link()
        if link is None:
            return
        try:
            await link.hello()
            description = await link.describe()
        except InviteError:
            raise
        except FedotaError as error:
            _log.info("the webserver could not tell how the problem stands: %s", error)
            return
        finally:
            await link.close()
        self._dialer.reached()
        waited_for = {task_id for task_id, _ in self._session.open_tasks()}
        for outcome in description.outcomes:
            if outcome.task_id in waited_for:
                self._outcome(outcome)
        self._dialer.route.learned(
            [(selector.address, selector.server_name) for selector in description.selectors]
        )
        if description.state in OVER:
            self._carry(self._session.problem_finished(f"The problem is {description.state}."))

    def _gone_away(self, away: Away) -> None:
        self._display.connection(away_words(away))
        self._carry(self._session.went_away())
        self._group.create_task(self._tell_away(away))

    async def _tell_away(self, away: Away) -> None:
        """Say when we are back, and go; what is computed until then is not waited for."""
        link = self._link
        if link is not None:
            until = away.until_unix_s
            try:
                self._book.told("away", link.address, until_unix_s=until)
                async with asyncio.timeout(_TELL_S):
                    await link.tell(pb.TellRequest.AWAY, _TELL_S, away_until_unix_s=until)
            except (FedotaError, TimeoutError):
                _log.info("the selector could not be told that this client is away")
        if self._attendance.away is not None and self._holding is not None:
            self._holding.cancel()

    def _came_back(self) -> None:
        self._session.came_back()
        self._dialer.begin()
        self._display.connection("Work is allowed again.", good=True)

    def _look(self) -> None:
        if self._store is None:
            return  # an app's state lives in its worker, which therefore stays
        idle_s = self._settings.worker_idle_s
        if self._attendance.away is not None:
            self._worker.rest(0.0)
        elif idle_s and self._worker.rest(idle_s):
            _log.info("the worker has had nothing to do for %.0f s and was ended", idle_s)

    async def _hold(self, link: SelectorLink) -> None:
        self._dialer.reached(await link.hello())
        open_tasks = self._session.open_tasks()
        reported = [task_id for task_id, ready in open_tasks if ready]
        request = pb.CheckInRequest(
            open_tasks=[
                pb.OpenTask(task_id=task_id, update_ready=ready) for task_id, ready in open_tasks
            ],
            have=self._cache.announce(),
            no_evaluation=not self._evaluates,
            rounds_left=self._session.rounds_left,
            wants_outcome=reported,
        )
        self._incoming = None
        async for message in link.check_in(request):
            if isinstance(message, memoryview):
                self._chunk(link, message)
            else:
                self._message(link, message, reported)
        raise UnreachableError(f"{link.peer} closed the connection.")

    def _lost(self) -> None:
        """Take note that the stream is gone, if there was one."""
        if self._link is not None:
            self._link = None
            if time.monotonic() - self._welcomed_s >= _LASTING_S:
                self._dialer.route.succeeded()
            self._carry(self._session.stream_lost())

    def _message(
        self, link: SelectorLink, message: pb.ServerMessage, reported: Sequence[int]
    ) -> None:
        kind = message.WhichOneof("body")
        if kind == "task":
            task = message.task
            reader = PayloadReader(task.payload, known=self._cache.known())
            self._incoming = (task, reader)
            if not reader.missing_bytes:
                self._task_whole(link)
        elif kind == "outcome":
            self._outcome(message.outcome)
        elif kind == "clock":
            self._display.clock(message.clock)
            self._carry(self._session.stage_seen(message.clock.stage, round_tuple(message.clock)))
        elif kind == "welcome":
            self._welcome(link, message.welcome, reported)
        elif kind == "resend":
            self._carry(self._session.resend_asked(message.resend.task_id))
        elif kind == "cancel":
            self._carry(self._session.tasks_cancelled(message.cancel.task_ids))
        elif kind == "refusal":
            raise RefusedError(message.refusal)
        elif kind == "finished":
            self._link = None  # nobody needs to be told that we stop
            reason = message.finished.reason or "The problem is finished."
            self._carry(self._session.problem_finished(reason))

    def _welcome(self, link: SelectorLink, welcome: pb.Welcome, reported: Sequence[int]) -> None:
        link.put_challenge(welcome.next_challenge)
        self._dialer.route.learned(
            [(selector.address, selector.server_name) for selector in welcome.selectors]
        )
        if self._link is not None:
            return
        self._link = link
        self._welcomed_s = time.monotonic()
        if self._member.invite:
            self._home.mark_enrolled()
            self._member.invite = ""
        self._display.connection(f"Connected to the selector at {link.address}.", good=True)
        self._carry(self._session.stream_opened(reported))

    def _chunk(self, link: SelectorLink, data: memoryview) -> None:
        if self._incoming is None:
            raise StreamError(f"{link.peer} sent bytes that belong to no task.")
        reader = self._incoming[1]
        reader.feed(data)
        if not reader.missing_bytes:
            self._task_whole(link)

    def _task_whole(self, link: SelectorLink) -> None:
        assert self._incoming is not None  # noqa: S101 (both callers have just set or used it)
        (task, reader), self._incoming = self._incoming, None
        records = reader.finish()
        self._cache.remember(records)
        link.put_challenge(task.challenge)
        if self._session.phase(task.task_id) is None:
            timeout_s = task.deadline_s if task.deadline_s > 0 else self._settings.task_timeout_s
            self._inputs[task.task_id] = _Input(
                task,
                round_tuple(task),
                payload_parts(records),
                time.monotonic() + timeout_s + _GRACE_S,
                model_sha256(records),
            )
        self._carry(self._session.task_came(task.task_id, task.message_type, round_tuple(task)))

    def _outcome(self, outcome: pb.Outcome) -> None:
        invite = self._invite
        if not verify_outcome(
            invite.receipt_public_key, invite.problem_id, invite.node_id, outcome
        ):
            self._display.note(
                f"An outcome of task {outcome.task_id} came that the problem's coordinator did "
                "not sign; it is ignored."
            )
            return
        try:
            if self._book.settled(outcome):
                self._display.outcome(outcome)
        except FolderError as error:
            self._display.note(error.public_message)
        self._carry(
            self._session.outcome_heard(
                outcome.task_id,
                counted=outcome.kind == pb.COUNTED,
                message_type=outcome.message_type,
                key=round_tuple(outcome),
            )
        )

    def _carry(self, instructions: Sequence[do.Instruction]) -> None:
        for one in instructions:
            match one:
                case do.Work(task_id):
                    self._working = self._group.create_task(self._work(task_id))
                case do.StopWork(task_id):
                    self._inputs.pop(task_id, None)
                    if self._working is not None:
                        self._working.cancel()
                    self._display.idle()
                case do.Keep(task_id):
                    self._keep(task_id)
                case do.Send(task_id, attempt):
                    self._sends[task_id] = self._group.create_task(self._send(task_id, attempt))
                case do.AbortSend(task_id):
                    self._sends.pop(task_id).cancel()
                case do.Forget(task_id):
                    self._keeper.forget(task_id)
                case do.AwaitEvaluation():
                    asyncio.get_running_loop().call_later(
                        self._settings.evaluation_wait_s, self._evaluation_overdue
                    )
                case do.Leave(reason):
                    if not self._left.done():
                        self._left.set_result(reason)

    def _evaluation_overdue(self) -> None:
        self._carry(self._session.evaluation_overdue())

    async def _work(self, task_id: int) -> None:
        given = self._inputs.pop(task_id)
        task = given.task
        self._display.task(task.message_type, task.round.server_round)
        try:
            result = await self._worker.work(
                {
                    "task_id": task_id,
                    "message_type": task.message_type,
                    "round": dict(
                        zip(("generation", "server_round", "attempt"), given.key, strict=True)
                    ),
                    "node_id": self._invite.node_id,
                    "deadline_s": task.deadline_s,
                    "message_id": task.message_id,
                    "group_id": task.group_id,
                },
                given.payload,
                timeout_s=max(0.0, given.ends_s - time.monotonic()),
                on_progress=self._display.progress,
            )
            update = KeptUpdate(
                task_id,
                task.message_type,
                given.key,
                result.update_sha256,
                result.payload,
                model_in=given.model_in,
                privacy=dict(result.privacy),
            )
            if result.privacy:
                self._display.note(privacy_words(result.privacy))
        except TaskFailedError as failed:
            update = KeptUpdate(
                task_id,
                task.message_type,
                given.key,
                failure=(failed.code, failed.reason),
                model_in=given.model_in,
            )
            words = task_words(task.message_type, task.round.server_round)
            self._display.note(f"{words} failed ({failed.code}): {failed.reason}")
        self._display.idle()
        self._keeper.take(update)
        self._carry(self._session.update_ready(task_id, failure=update.failure is not None))

    def _keep(self, task_id: int) -> None:
        try:
            self._keeper.keep(task_id)
        except FolderError as error:
            self._display.note(f"{error.public_message} It is kept in memory alone.")

    async def _send(self, task_id: int, attempt: int) -> None:
        if attempt:
            pause_s = _SEND_AGAIN_FIRST_S * 2.0 ** min(attempt - 1, 10)
            await asyncio.sleep(min(pause_s, _SEND_AGAIN_MOST_S))
        link = self._link
        if link is None:
            return
        following: Sequence[do.Instruction]
        try:
            update = await self._keeper.get(task_id)
            self._book.sending(update, link.address)
            ack = await link.update(*_as_sent(update))
        except (FolderError, StreamError) as error:
            self._display.note(f"The update of task {task_id} cannot be sent: {error}")
            following = self._session.update_lost(task_id)
        except FedotaError as error:
            _log.info("sending the update of task %d failed: %s", task_id, error)
            following = self._session.send_failed(task_id)
        else:
            self._keeper.release(task_id)
            if ack.status == pb.Ack.REJECTED:
                self._display.note(f"The update was rejected ({ack.code}): {ack.reason}")
            status = _STATUSES.get(ack.status, AckStatus.OVER)
            following = self._session.send_ended(task_id, status, ack.code)
        if self._sends.get(task_id) is asyncio.current_task():
            del self._sends[task_id]
        self._carry(following)


def _as_sent(update: KeptUpdate) -> tuple[pb.UpdateHeader, memoryview]:
    """Write an update as the header and the bytes that follow it."""
    if update.failure is not None:
        code, reason = update.failure
        failure = pb.TaskFailure(code=code, reason=reason)
        return pb.UpdateHeader(task_id=update.task_id, failure=failure), memoryview(b"")
    table, data = split_payload(update.payload)
    header = pb.UpdateHeader(
        task_id=update.task_id, payload=table, update_sha256=update.update_sha256
    )
    return header, data


def _first(group: BaseExceptionGroup[FedotaError]) -> FedotaError:
    """Return the first single error of a group."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if not isinstance(error, FedotaError):
        raise TypeError("a group of Fedota's errors holds another")
    return error
