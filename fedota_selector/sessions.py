"""One client's check-in: who it is, what it works on, which arrays it has."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection

from fedota_proto.v1 import fl_intra_pb2 as intra
from fedota_proto.v1 import fl_round_pb2 as pb
from fedota_selector.downlink.content import Content
from fedota_selector.mailbox import Mailbox
from fedota_selector.tasks import Task

CONTENTS = 2
HAVE_MOST = 4_096
OPEN_TASKS_MOST = 256
HURRY_S = 2.0


class ClientArrays:
    """Which arrays a client is certain to have, by digest.

    It keeps those of the last two tasks that it got on its stream and, until two have come, those
    that it named when it checked in.
    """

    __slots__ = ("_announced", "_sent")

    def __init__(self, announced: Collection[bytes]) -> None:
        self._announced = frozenset(announced) if len(announced) <= HAVE_MOST else frozenset()
        self._sent: deque[frozenset[bytes]] | tuple[()] = ()

    def has(self) -> frozenset[bytes]:
        """Return the digests of all arrays that need not travel."""
        return self._announced.union(*self._sent)

    def task_sent(self, digests: frozenset[bytes]) -> None:
        """Take note of a task that goes out, with the arrays that it names."""
        if not isinstance(self._sent, deque):
            self._sent = deque(maxlen=CONTENTS)
        self._sent.append(digests)
        if len(self._sent) == CONTENTS:
            self._announced = frozenset()


class Session:
    """A client that is held, from its check-in until its stream ends.

    Parameters
    ----------
    node_id, session_id, public_key
        As proven by the call's credential.
    request
        What it checked in with.
    opened_unix_s
        When, in seconds since 1970.
    invite
        The text by which it enrols, empty once its key is bound.
    """

    __slots__ = (
        "_welcomed",
        "arrays",
        "away_until_unix_s",
        "gone_reason",
        "invite",
        "mailbox",
        "no_evaluation",
        "node_id",
        "open_tasks",
        "opened_unix_s",
        "public_key",
        "rounds_left",
        "session_id",
        "stream_id",
        "undelivered",
        "wants_outcome",
        "writing",
    )

    def __init__(
        self,
        node_id: int,
        session_id: bytes,
        public_key: bytes,
        request: pb.CheckInRequest,
        *,
        opened_unix_s: float = 0.0,
        invite: str = "",
    ) -> None:
        self.node_id = node_id
        self.session_id = session_id
        self.public_key = public_key
        self.invite = invite
        self.opened_unix_s = opened_unix_s
        self.no_evaluation = request.no_evaluation
        self.rounds_left = request.rounds_left
        self.open_tasks: dict[int, bool] = {
            task.task_id: task.update_ready for task in request.open_tasks[:OPEN_TASKS_MOST]
        }
        self.wants_outcome = tuple(request.wants_outcome[:OPEN_TASKS_MOST])
        self.arrays = ClientArrays(request.have)
        self.mailbox: Mailbox[Outgoing] = Mailbox()
        self.stream_id = 0
        self.writing: asyncio.Timeout | None = None
        self.undelivered: list[Task] = []
        self._welcomed = False
        self.gone_reason = "dropped"
        self.away_until_unix_s = 0.0

    def client_open(self) -> intra.ClientOpen:
        """Write what the coordinator decides on."""
        return intra.ClientOpen(
            stream_id=self.stream_id,
            node_id=self.node_id,
            session_id=self.session_id,
            public_key=self.public_key,
            invite=self.invite,
            open_tasks=[
                pb.OpenTask(task_id=task_id, update_ready=ready)
                for task_id, ready in self.open_tasks.items()
            ],
            no_evaluation=self.no_evaluation,
            rounds_left=self.rounds_left,
            wants_outcome=self.wants_outcome,
        )

    def client_gone(self) -> intra.ClientGone:
        """Write that its stream has ended, and why."""
        return intra.ClientGone(
            stream_id=self.stream_id,
            node_id=self.node_id,
            reason=self.gone_reason,
            away_until_unix_s=self.away_until_unix_s,
        )

    def task_handed(self, task_id: int) -> None:
        """Take note of a task that it works on from now."""
        self.open_tasks[task_id] = False

    def update_held(self, task_id: int) -> None:
        """Take note that a task's update is there, here or with the client."""
        if task_id in self.open_tasks:
            self.open_tasks[task_id] = True

    def task_over(self, task_id: int) -> None:
        """Take note that nothing more comes of a task."""
        self.open_tasks.pop(task_id, None)
        if task_id in self.wants_outcome:
            self.wants_outcome = tuple(t for t in self.wants_outcome if t != task_id)

    def welcomed(self) -> bool:
        """Take note that the coordinator has admitted it; returns whether for the first time."""
        first, self._welcomed = not self._welcomed, True
        self.invite = ""  # the key is bound now
        return first

    def end(self, last: pb.ServerMessage) -> None:
        """End the stream at once: drop what waits, and hurry a write that is stuck."""
        dropped = self.mailbox.end(last, at_once=True)
        self.undelivered += [item.task for item in dropped if isinstance(item, Delivery)]
        if self.writing is not None:
            self.writing.reschedule(asyncio.get_running_loop().time() + HURRY_S)


class Delivery:
    """A task on its way to one client; what travels is decided when its turn comes.

    Parameters
    ----------
    task
        As the table has it.
    head
        The message without payload, deadline and challenge.
    content
        What the task is about, shared by many.
    """

    __slots__ = ("content", "head", "task")

    def __init__(self, task: Task, head: pb.Task, content: Content) -> None:
        self.task = task
        self.head = head
        self.content = content


Outgoing = pb.ServerMessage | bytes | Delivery
