"""Takes updates in: reads each under the byte budget, checks it, merges or forwards it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Executor
from typing import Any

from fedota_proto.doorkeeper import Caller
from fedota_proto.errors import (
    BusyError,
    InternalError,
    StreamError,
    TaskOverError,
    UpdateRejectedError,
)
from fedota_proto.records import PayloadReader, Records
from fedota_proto.update_checks import CheckedUpdate, check_evaluate_update, check_train_update
from fedota_proto.v1 import fl_intra_pb2 as intra
from fedota_proto.v1 import fl_records_pb2 as records_pb
from fedota_proto.v1 import fl_round_pb2 as pb
from fedota_selector.aggregation import MergedUpdate
from fedota_selector.buffer_pool import BufferPool
from fedota_selector.byte_budget import Reservation
from fedota_selector.state import SelectorState
from fedota_selector.tasks import Answer, Task, TaskState, answer_for

IN_THREAD_BYTES = 4 << 20
HEADER_ROOM_BYTES = 1_024
REASON_CHARACTERS = 300
CUT_LINE_S = 0.5

Read = Callable[[], Awaitable[Any]]
Go = Callable[[], Awaitable[None]]


class Receiving:
    """The way of one update after another, any number at a time.

    Parameters
    ----------
    state
        The selector's.
    executor
        One thread, for the checks of large updates: the loop goes on receiving meanwhile.
    pool
        Where updates lie.
    """

    def __init__(self, state: SelectorState, executor: Executor, pool: BufferPool) -> None:
        self._state = state
        self._executor = executor
        self._pool = pool

    async def receive(self, caller: Caller, read: Read, go: Go) -> Answer:
        """Take one update in.

        Parameters
        ----------
        caller
            Who sends it, by a bound key.
        read
            Reads the next part: the header, an `UpdateMessage`; then chunks, each a view; then
            anything else.
        go
            Tells the sender that there is a place for its chunks; awaited before the first is read,
            if any are missing.

        Returns
        -------
        Answer
            What its sender is told; `outcome` also goes down its stream again.

        Raises
        ------
        StreamError
            It does not begin with a header.
        BusyError
            Nothing more came for too long, or the task is unknown to one who has not checked in.
        """
        state = self._state
        header = await self._header(read)
        decided = state.tasks.receive(
            header.task_id, caller.node_id, caller.session_id, state.clock()
        )
        if isinstance(decided, Answer):
            return self._not_taken(decided, caller, header)
        if header.HasField("failure"):
            return self._failed(decided, header.failure)
        upload = _Upload(state, decided, asyncio.get_running_loop())
        try:
            await self._take(upload, header, read, go)
        except (UpdateRejectedError, StreamError) as error:
            if not upload.is_open:
                return upload.ended()
            code = error.reason_code if isinstance(error, UpdateRejectedError) else "stream"
            state.tasks.reject(decided, code, error.public_message, header.update_sha256)
            state.tell_state(decided)
            return answer_for(decided)
        except TaskOverError:
            return upload.ended()
        finally:
            upload.close()
        return Answer(pb.Ack.HELD)

    async def _header(self, read: Read) -> pb.UpdateHeader:
        try:
            async with asyncio.timeout(self._state.limits.stall_timeout_s):
                first = await read()
        except TimeoutError:
            raise _stalled() from None
        if not isinstance(first, pb.UpdateMessage) or not first.HasField("header"):
            raise StreamError("The update does not begin with its header: update the client.")
        return first.header

    def _not_taken(self, answer: Answer, caller: Caller, header: pb.UpdateHeader) -> Answer:
        state = self._state
        if answer.unknown and state.admission.admitted(caller.node_id) is None:
            raise BusyError(
                "This client has not checked in here: check in, and send the update when asked.",
                retry_after_s=1.0,
            )
        if answer.status == pb.Ack.REJECTED and state.tasks.get(header.task_id) is None:
            state.tell(
                rejected=intra.Rejected(
                    node_id=caller.node_id,
                    code=answer.code,
                    reason=answer.reason,
                    update_sha256=header.update_sha256,
                )
            )
        return answer

    def _failed(self, task: Task, failure: pb.TaskFailure) -> Answer:
        code, reason = failure.code[:REASON_CHARACTERS], failure.reason[:REASON_CHARACTERS]
        self._state.tasks.fail(task, code or "failed", reason)
        self._state.tell_state(task)
        return Answer(pb.Ack.HELD)

    async def _take(self, upload: _Upload, header: pb.UpdateHeader, read: Read, go: Go) -> None:
        """Read, check and hold one update; raises what it fails by."""
        state, task = self._state, upload.task
        size_bytes = _declared_bytes(header.payload)
        most_bytes = self._most_bytes(task)
        if size_bytes > most_bytes:
            raise UpdateRejectedError(
                "too-large",
                f"The update announces {size_bytes} bytes of arrays; {most_bytes} are allowed.",
            )
        reader = PayloadReader(header.payload, allocate=self._pool.take)
        if reader.missing_bytes or (size_bytes and not task.mean):
            window_bytes = min(state.limits.window_bytes, reader.missing_bytes)
            upload.reservation = state.budget.ask(size_bytes + window_bytes)
        async with upload.guarded():
            await self._read(upload, reader, read, go)
        records = reader.finish()
        state.received_bytes += len(header.payload.data)
        checked = await self._check(upload, records, size_bytes)
        if not upload.is_open:
            raise TaskOverError("The round no longer takes this update.")
        self._hold(upload, header, records, checked, size_bytes)

    async def _read(self, upload: _Upload, reader: PayloadReader, read: Read, go: Go) -> None:
        """Let the chunks come, once there is a place for them; a sender may not tarry."""
        if upload.reservation is not None:
            await upload.reservation.wait()
        if reader.missing_bytes:
            upload.progressed()
            await go()
        while reader.missing_bytes:
            upload.progressed()
            chunk = await read()
            if isinstance(chunk, pb.UpdateMessage):
                raise StreamError("The update has a second header.")
            if not isinstance(chunk, memoryview):
                # Its sender ended it, or the line is cut: then this call is cancelled in a moment.
                await asyncio.sleep(CUT_LINE_S)
                reader.finish()  # raises: bytes are missing
            reader.feed(chunk)
            self._state.received_bytes += chunk.nbytes
            del chunk
        upload.progressed()
        if isinstance(await read(), memoryview | pb.UpdateMessage):
            raise StreamError("More came than the update's header announced.")
        if upload.reservation is not None:
            self._state.budget.shrink(upload.reservation, reader.size_bytes)

    def _most_bytes(self, task: Task) -> int:
        limits = [self._state.limits.update_max_bytes]
        if self._state.checks.update_max_bytes:
            limits.append(self._state.checks.update_max_bytes)
        if task.checked:
            limits.append(sum(array.size_bytes + HEADER_ROOM_BYTES for array in task.expect))
        return min(limits)

    async def _check(
        self, upload: _Upload, records: Records, size_bytes: int
    ) -> CheckedUpdate | None:
        task, checks = upload.task, self._state.checks
        if not task.checked:
            return None

        def check() -> CheckedUpdate:
            if task.exchange.message_type.partition(".")[0] == "evaluate" and not task.expect:
                return check_evaluate_update(records, checks=checks)
            return check_train_update(records, specs=task.expect, checks=checks)

        if size_bytes < IN_THREAD_BYTES:
            return check()
        async with upload.guarded():
            return await asyncio.get_running_loop().run_in_executor(self._executor, check)

    def _hold(
        self,
        upload: _Upload,
        header: pb.UpdateHeader,
        records: Records,
        checked: CheckedUpdate | None,
        size_bytes: int,
    ) -> None:
        state, task = self._state, upload.task
        weight = checked.weight if checked else _weight_of(records, state.checks.weight_key)
        held = intra.Held(
            task_id=task.task_id,
            node_id=task.node_id,
            weight=weight,
            update_sha256=header.update_sha256,
            size_bytes=size_bytes,
        )
        if task.mean:
            if checked is None:
                raise InternalError("A mean was asked for of updates that are not checked.")
            entry = MergedUpdate(task.node_id, task.task_id, weight, header.update_sha256)
            merged = state.aggregation.add(
                task.exchange, entry, task.expect, checked.views, checked.metrics
            )
            if not merged:
                raise TaskOverError("The round no longer takes this update.")
        state.tasks.hold(task, held)
        state.tell_state(task)
        if not task.mean:
            if checked is not None and records.arrays:
                (name,) = records.arrays
                records.arrays[name] = checked.arrays
            state.forwards.add(held, records, upload.keep_reservation())
        session = state.admission.admitted(task.node_id)
        if session is not None:
            session.update_held(task.task_id)


class _Upload:
    """One update on its way in: its deadlines, its place in the budget, and its end."""

    def __init__(self, state: SelectorState, task: Task, loop: asyncio.AbstractEventLoop) -> None:
        self.task = task
        self.reservation: Reservation | None = None
        self._state = state
        self._loop = loop
        self._number = state.tasks.begin_upload(task)
        self._scope: asyncio.Timeout | None = None
        self._ends_at = 0.0
        self._stopped = False
        state.on_interrupt(task, self._stop)

    @property
    def is_open(self) -> bool:
        """Whether the task still takes this very upload."""
        return not self._stopped and self._state.tasks.takes(self.task, self._number)

    def ended(self) -> Answer:
        """Say why it is not taken any more."""
        if self.task.state is TaskState.OPEN:
            return Answer(pb.Ack.OVER, "superseded", "The same update was begun again.")
        return answer_for(self.task)

    @contextlib.asynccontextmanager
    async def guarded(self) -> AsyncIterator[None]:
        """Do something for it, at longest until the task ends; see also `progressed`.

        Raises
        ------
        TaskOverError
            The task ended first.
        BusyError
            Nothing came for too long.
        """
        begun = self._loop.time()
        remaining_s = 0.0 if self._stopped else self.task.deadline - self._state.clock()
        self._ends_at = begun + remaining_s
        try:
            async with asyncio.timeout_at(self._ends_at) as self._scope:
                yield
        except TimeoutError:
            if not self.is_open:
                raise TaskOverError("The round no longer takes this update.") from None
            if self._loop.time() >= self._ends_at:
                self._state.tasks.cancel([self.task.task_id], "Its deadline has passed.")
                raise TaskOverError("The task's deadline has passed.") from None
            raise _stalled() from None
        finally:
            self._scope = None

    def progressed(self) -> None:
        """Give the sender its patience anew; from the first call on it counts."""
        if self._scope is not None and not self._stopped:
            patient_until = self._loop.time() + self._state.limits.stall_timeout_s
            self._scope.reschedule(min(self._ends_at, patient_until))

    def keep_reservation(self) -> Callable[[], None]:
        """Hand the place in the budget over; returns what gives it back."""
        reservation, self.reservation = self.reservation, None
        budget = self._state.budget

        def release() -> None:
            if reservation is not None:
                budget.release(reservation)

        return release

    def close(self) -> None:
        """Give everything back."""
        self._state.off_interrupt(self.task, self._stop)
        self.keep_reservation()()

    def _stop(self) -> None:
        self._stopped = True
        if self._scope is not None:
            self._scope.reschedule(self._loop.time())


def _stalled() -> BusyError:
    return BusyError("Nothing more came of this update for too long: send it again.")


def _declared_bytes(payload: records_pb.Payload) -> int:
    """Sum what the header says will travel; `PayloadReader` checks the table itself."""
    sizes = [spec.size_bytes for r in payload.records for spec in r.arrays.arrays]
    return sum(sizes[place] for place in set(payload.follows) if place < len(sizes))


def _weight_of(records: Records, key: str) -> float:
    """Read the weight of an update that passes unread, 0 if it has none."""
    for entries in records.metrics.values():
        value: Any = entries.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    return 0.0
