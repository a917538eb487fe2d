"""What one selector knows, in one place: its pure parts, and what the coordinator told it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from fedota_proto.credential import PROTOCOL, Challenges
from fedota_proto.doorkeeper import Doorkeeper
from fedota_proto.errors import UnreachableError
from fedota_proto.running_mean import RunningMean
from fedota_proto.v1 import fl_intra_pb2 as intra
from fedota_proto.v1 import fl_records_pb2 as records_pb
from fedota_proto.v1 import fl_round_pb2 as pb
from fedota_selector.admission import Admission
from fedota_selector.aggregation import Aggregation, NewMean
from fedota_selector.asks import Asks
from fedota_selector.byte_budget import ByteBudget
from fedota_selector.downlink.content import ContentStore
from fedota_selector.file_cache import FileCache
from fedota_selector.forwards import Forwards
from fedota_selector.tasks import Task, TaskState, TaskTable
from fedota_selector.uplink.outbox import Outbox

CHALLENGES_PER_CLIENT = 4
NOT_DELIVERED = "not-delivered"


@dataclass(frozen=True, slots=True)
class SelectorLimits:
    """What bounds one selector; `SelectorSettings` explains each."""

    held_max_clients: int = 5_000
    byte_budget_bytes: int = 256 << 20
    update_max_bytes: int = 4 << 30
    stall_timeout_s: float = 60.0
    verdict_timeout_s: float = 300.0
    ask_timeout_s: float = 20.0
    window_bytes: int = 0


class SelectorState:
    """The parts, and the way up; it decides nothing.

    Parameters
    ----------
    problem_id
        The problem that is served.
    limits
        Bounds.
    files
        What clients have fetched.
    release
        This release, for people.
    clock, unix_clock
        Monotonic seconds, and seconds since 1970.
    new_mean
        Makes an empty mean.
    """

    def __init__(
        self,
        problem_id: str,
        limits: SelectorLimits,
        files: FileCache,
        *,
        release: str,
        clock: Callable[[], float],
        unix_clock: Callable[[], float],
        new_mean: NewMean = RunningMean,
    ) -> None:
        self.problem_id = problem_id
        self.limits = limits
        self.files = files
        self.clock = clock
        self.unix_clock = unix_clock
        self.version = records_pb.Version(protocol=PROTOCOL, release=release)
        self.address = ""
        self.admission = Admission(limits.held_max_clients)
        self.tasks = TaskTable()
        self.aggregation = Aggregation(new_mean)
        self.contents = ContentStore()
        self.budget = ByteBudget(limits.byte_budget_bytes)
        self.outbox = Outbox()
        self.forwards = Forwards(self.outbox)
        self.asks = Asks()
        challenges = Challenges(most=CHALLENGES_PER_CLIENT * limits.held_max_clients)
        self.doorkeeper = Doorkeeper(problem_id, challenges, clock, unix_clock)
        self.checks = intra.Checks()
        self.selectors: list[pb.SelectorAddress] = []
        self.finished: pb.Finished | None = None
        self.draining = False
        self.received_bytes = 0
        self.sent_bytes = 0
        self.binds: dict[int, asyncio.Future[intra.Verdict]] = {}
        self._interrupts: dict[int, Callable[[], None]] = {}
        self._attached = asyncio.Event()
        self._greeted = asyncio.Event()

    @property
    def is_attached(self) -> bool:
        """Whether the coordinator has greeted, and its stream stands."""
        return self._attached.is_set()

    def set_attached(self, attached: bool) -> None:
        """Take note that the stream stands, or is gone."""
        if attached:
            self._attached.set()
            self._greeted.set()
        else:
            self._attached.clear()

    async def until_attached(self, timeout_s: float) -> None:
        """Wait for the coordinator.

        Raises
        ------
        UnreachableError
            It has not come in time.
        """
        await _until(self._attached, timeout_s)

    async def until_greeted(self, timeout_s: float) -> None:
        """Wait until the coordinator has told who belongs to the problem; it may be gone again.

        Raises
        ------
        UnreachableError
            It has not come in time.
        """
        await _until(self._greeted, timeout_s)

    def tell(self, **body: object) -> None:
        """Send one message up, as ``tell(held=…)``; while nobody listens it is dropped.

        What a returning coordinator has to know is told anew from the state.
        """
        if self._attached.is_set():
            self.outbox.put(intra.SelectorMessage(**body))  # type: ignore[arg-type]

    def tell_state(self, task: Task) -> None:
        """Tell what became of a task here, if anything did; heard twice it does no harm."""
        if task.state is TaskState.HELD:
            self.tell(held=task.held)
        elif task.state is TaskState.REJECTED:
            self.tell(
                rejected=intra.Rejected(
                    task_id=task.task_id,
                    node_id=task.node_id,
                    code=task.code,
                    reason=task.reason,
                    update_sha256=task.update_sha256,
                )
            )
        elif task.state is TaskState.FAILED:
            self.tell(
                task_failed=intra.TaskFailed(
                    task_id=task.task_id,
                    node_id=task.node_id,
                    code=task.code,
                    reason=task.reason,
                )
            )

    def fail_undelivered(self, task: Task) -> None:
        """Tell that a task did not reach its client, unless something became of it meanwhile."""
        if task.state is TaskState.OPEN:
            self.tasks.fail(task, NOT_DELIVERED, "The client was gone before the task reached it.")
            self.tell_state(task)

    def welcome(self) -> pb.ServerMessage:
        """Write the first message of a stream."""
        return pb.ServerMessage(
            welcome=pb.Welcome(
                version=self.version,
                selectors=self.selectors,
                next_challenge=self.doorkeeper.new_challenge(),
            )
        )

    def on_interrupt(self, task: Task, call: Callable[[], None]) -> None:
        """Have `call` called when the upload of a task must stop; the one before is stopped."""
        self.interrupt([task])
        self._interrupts[task.task_id] = call

    def off_interrupt(self, task: Task, call: Callable[[], None]) -> None:
        """Take back what `on_interrupt` was given."""
        if self._interrupts.get(task.task_id) == call:
            del self._interrupts[task.task_id]

    def interrupt(self, tasks: Iterable[Task]) -> None:
        """Stop the uploads of tasks that no longer take them."""
        for task in tasks:
            call = self._interrupts.pop(task.task_id, None)
            if call is not None:
                call()


async def _until(event: asyncio.Event, timeout_s: float) -> None:
    if event.is_set():
        return
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        raise UnreachableError(
            "The problem's coordinator does not answer at present: try again in a minute."
        ) from None
