"""Messages that went out together, until their exchange is over: the rules, carried out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence

from fedota_proto.errors import FedotaError, RoundAbandonedError
from fedota_proto.records import Arrays, Records
from fedota_proto.v1 import fl_intra_pb2 as pb
from fedota_server.coordinator.closing import Closing
from fedota_server.coordinator.contents import Content
from fedota_server.coordinator.exchange_host import ExchangeHost
from fedota_server.coordinator.exchange_messages import (
    cancel,
    close_partial,
    drop,
    expected_task,
    hand_out,
    to_client,
)
from fedota_server.coordinator.link import SelectorLink
from fedota_server.coordinator.membership import Session
from fedota_server.coordinator.messages import (
    Arrival,
    ExchangeOver,
    ExchangePlan,
    PartialArrived,
    ReplyArrived,
    ReplyFailed,
)
from fedota_server.coordinator.round_stage import RoundStage, Verdict
from fedota_server.coordinator.tasks import Entry, HeldAs, Task, TaskBook, TaskState

_log = logging.getLogger(__name__)

GONE = "The member is not connected."
NOT_DELIVERED = "not-delivered"


class Exchange:
    """One push of messages: handed out, collected, closed by the rules of its `RoundStage`.

    Runs in the event loop alone. Once `over`, nothing in it changes any more, and other threads
    may read it.

    Parameters
    ----------
    plan
        What to send, and when it is over.
    stage
        The round's, or a new one; in configuration.
    host
        The engine.
    sink
        Takes what arrives; called in the event loop, must not block.
    """

    def __init__(
        self,
        plan: ExchangePlan,
        stage: RoundStage,
        host: ExchangeHost,
        sink: Callable[[Arrival], None],
    ) -> None:
        self.plan = plan
        self.stage = stage
        self.book = TaskBook()
        self.over = False
        self.sent_bytes = 0
        self._host = host
        self._sink = sink
        self._contents: dict[int, Content] = {}
        self._closing: Closing | None = None
        self._void: set[int] = set()

    # What goes out.

    def start(self) -> None:
        """Hand everything out; messages to members that are not connected fail at once."""
        now = self._host.now()
        missing: list[Task] = []
        out: list[tuple[SelectorLink, Content, list[Task]]] = []
        for content, addressees in self.plan.batches:
            by_epoch: dict[int, list[Task]] = {}
            for addressee in addressees:
                task = Task(
                    self._host.new_id(),
                    addressee.node_id,
                    addressee.message_id,
                    addressee.group_id,
                )
                self.book.add(task)
                self._host.entered(self, task)
                self._contents[task.task_id] = content
                session = self._host.reachable(addressee.node_id)
                if session is None:
                    missing.append(task)
                else:
                    task.owner = session.epoch
                    by_epoch.setdefault(session.epoch, []).append(task)
            for epoch, tasks in by_epoch.items():
                link = self._host.link(epoch)
                if link is not None:
                    out.append((link, content, tasks))
        deadline = now + self.plan.deadline_s
        self.stage.report([task.task_id for task in self.book.all()], deadline, now)
        for link, content, tasks in out:
            self._hand_out(link, content, tasks)
        for task in missing:
            self._fail(task, "gone", GONE)
        self._host.wake_at(self, deadline)
        self.consider()

    def _hand_out(self, link: SelectorLink, content: Content, tasks: Sequence[Task]) -> None:
        link.send_content(content)
        link.send(hand_out(self.plan, content.content_id, tasks, self._left_s()))
        self.sent_bytes += content.size_bytes * len(tasks)

    def _left_s(self) -> float:
        return max(0.0, self.stage.deadline - self._host.now())

    def _expected(self, task: Task, *, resend: bool) -> pb.ExpectedTask:
        return expected_task(self.plan, task, self._left_s(), resend=resend)

    def _give(self, task: Task, session: Session, *, resend: bool) -> None:
        """Have the selector that the client is connected to take the update, and no other."""
        self._move(task, session.epoch)
        link = self._host.link(session.epoch)
        if link is not None:
            link.send(to_client(self._expected(task, resend=resend)))

    def _move(self, task: Task, epoch: int) -> bool:
        """Give a task to an epoch; tell whether another one might take its update until now."""
        owner = self.book.give(task.task_id, epoch)
        before = self._host.link(owner)
        if before is not None:
            self._cancel(before, [task], "The client has moved to another selector.")
        return owner != 0

    def _cancel(self, link: SelectorLink, tasks: Iterable[Task], reason: str) -> None:
        link.send(cancel(tasks, reason))

    # What selectors say.

    def held(self, epoch: int, message: pb.Held) -> None:
        """Take a selector's word that it holds a checked update."""
        task = self.book[message.task_id]
        before = task.owner
        entry = Entry(message.node_id, message.task_id, message.weight, message.update_sha256)
        how = self.book.hold(epoch, entry, message.size_bytes)
        if how is HeldAs.NEW:
            if before != epoch and (link := self._host.link(before)) is not None:
                self._cancel(link, [task], "Another selector holds the update.")
            self._void.discard(task.task_id)
            self.stage.note_reported(task.task_id)
            self._host.progress()
            self.consider()
        elif how is HeldAs.TWICE and self.plan.mean:
            _log.warning(
                "selector epoch %d merged task %d, which is held elsewhere: its clients send again",
                epoch,
                message.task_id,
            )
            self._start_again(epoch)

    def forwarded(self, epoch: int, message: pb.Forward, records: Records) -> None:
        """Take a forwarded update that has arrived whole."""
        task = self.book[message.task_id]
        entry = Entry(message.node_id, message.task_id, message.weight, message.update_sha256)
        if not self.book.count_forwarded(epoch, entry, records.size_bytes()):
            return
        self._void.discard(task.task_id)
        self.stage.note_reported(task.task_id)
        self._sink(ReplyArrived(task.message_id, records))
        self._host.progress()
        if self._closing is not None:
            self._forwarded_meanwhile(self._closing)
        else:
            self.consider()

    def failed(self, epoch: int, message: pb.TaskFailed) -> None:
        """Take a task's failure, as its client or selector reports it."""
        task = self.book[message.task_id]
        if message.code != NOT_DELIVERED:
            self._refuse(epoch, task.task_id, TaskState.FAILED, message.code, message.reason)
        elif self.book.refuse(
            task.task_id, TaskState.FAILED, message.code, message.reason, epoch=epoch
        ):
            # The client left just before. Another task waits for it with the same message.
            new = Task(self._host.new_id(), task.node_id, task.message_id, task.group_id)
            self.book.add(new)
            self._contents[new.task_id] = self._contents[task.task_id]
            self._host.entered(self, new)
            self.stage.note_replaced(task.task_id, new.task_id)
            self.consider()

    def rejected(self, epoch: int, message: pb.Rejected) -> None:
        """Take the rejection of an update."""
        task = self.book[message.task_id]
        if task.node_id != message.node_id:
            return
        if self._refuse(epoch, task.task_id, TaskState.REJECTED, message.code, message.reason):
            entry = Entry(task.node_id, task.task_id, message.weight, message.update_sha256)
            self._host.rejected(self, task, entry)

    def _refuse(self, epoch: int, task_id: int, state: TaskState, code: str, reason: str) -> bool:
        if not self.book.refuse(task_id, state, code, reason, epoch=epoch):
            return False
        self._lost(self.book[task_id])
        self.consider()
        return True

    def _fail(self, task: Task, code: str, reason: str) -> None:
        if self.book.refuse(task.task_id, TaskState.FAILED, code, reason):
            self._lost(task)

    def _lost(self, task: Task) -> None:
        self._void.discard(task.task_id)
        self.stage.note_lost(task.task_id)
        self._sink(ReplyFailed(task.message_id, task.node_id, task.code, task.reason))
        self._host.progress()

    # Clients and selectors that come and go.

    def client_back(
        self, session: Session, open_tasks: Mapping[int, bool]
    ) -> tuple[list[pb.ExpectedTask], list[Task]]:
        """Let the selector that a client is connected to now take its updates.

        Parameters
        ----------
        session
            The client's.
        open_tasks
            Tasks that the client has, and whether their update is ready.

        Returns
        -------
        expected : list of ExpectedTask
            For the verdict.
        again : list of Task
            What the client has lost or never got: to be handed out again after the verdict.
        """
        expected: list[pb.ExpectedTask] = []
        again: list[Task] = []
        if self._closing is not None:
            return expected, again
        for task in self.book.of_node(session.node_id, TaskState.PENDING):
            moved = self._move(task, session.epoch)
            self.stage.note_present(task.task_id)
            if task.task_id in open_tasks:
                # A selector that had to give the task up takes it again where it may be resent;
                # a client without an update ignores that.
                resend = moved or open_tasks[task.task_id]
                expected.append(self._expected(task, resend=resend))
            else:
                again.append(task)
                if moved:
                    expected.append(self._expected(task, resend=True))
        return expected, again

    def held_elsewhere(self, session: Session) -> list[int]:
        """List the client's tasks whose update a selector holds that it is not connected to."""
        held = self.book.of_node(session.node_id, TaskState.HELD)
        return [task.task_id for task in held if task.owner != session.epoch]

    def hand_out_again(self, link: SelectorLink, tasks: Iterable[Task]) -> None:
        """Hand tasks out once more, each with its content."""
        for task in tasks:
            if task.state is TaskState.PENDING:
                self._hand_out(link, self._contents[task.task_id], [task])

    def client_absent(self, node_id: int) -> None:
        """Do not wait for a client that is gone, unless it comes back."""
        for task in self.book.of_node(node_id, TaskState.PENDING):
            self.stage.note_absent(task.task_id)
        self.consider()

    def member_ended(self, node_id: int, reason: str) -> None:
        """Give up the open tasks of a member who has left or was revoked."""
        for task in self.book.of_node(node_id, TaskState.PENDING):
            link = self._host.link(task.owner)
            if link is not None:
                self._cancel(link, [task], reason)
            self._fail(task, "left", reason)
        self.consider()

    def epoch_ended(self, epoch: int) -> None:
        """Take back what a lost selector held; its clients send again to whom they are with."""
        void = self.book.void(epoch)
        self._take_back(void)
        if self._closing is not None:
            self._answered(epoch, None)
        else:
            self._give_again(void)
            self.consider()

    def reattached(self, link: SelectorLink) -> None:
        """Ask again for the partial that a selector was sending when its stream was lost."""
        if self._closing is not None and self.plan.mean and link.epoch in self._closing.awaited:
            self._ask_partial(link, self._closing)

    def _take_back(self, tasks: Iterable[Task]) -> None:
        for task in tasks:
            self._void.add(task.task_id)
            self.stage.note_void(task.task_id, present=True)

    def _give_again(self, tasks: Iterable[Task]) -> None:
        for task in tasks:
            session = self._host.reachable(task.node_id)
            if session is not None and task.state is TaskState.PENDING:
                self._give(task, session, resend=task.task_id in self._void)

    def _start_again(self, epoch: int) -> None:
        """Have a selector drop all that it has merged, and its clients send again."""
        pending = self.book.of_epoch(epoch, TaskState.PENDING)
        void = self.book.void(epoch)
        self._take_back(void)
        self._forget_at(epoch)
        if self._closing is None:
            self._give_again(void)
            for task in pending:  # their clients may have been told to stop
                session = self._host.reachable(task.node_id)
                link = self._host.link(session.epoch) if session is not None else None
                if link is not None:
                    self.book.give(task.task_id, link.epoch)
                    self.hand_out_again(link, [task])

    def _forget_at(self, epoch: int) -> None:
        link = self._host.link(epoch)
        if link is not None:
            link.send(drop(self.plan))

    # The end.

    def consider(self) -> None:
        """Do what the rules ask for now."""
        if self.over or self._closing is not None:
            return
        verdict = self.stage.decide(self._host.now())
        if verdict is Verdict.CLOSE:
            self._close()
        elif verdict is Verdict.ABANDON:
            self._end(self._too_few())

    def interrupt(self, error: FedotaError) -> None:
        """End the exchange without a result."""
        if not self.over:
            self._end(error)

    def _too_few(self) -> RoundAbandonedError:
        got, minimum = len(self.stage.reported), self.stage.minimum
        others = len(self.stage.lost)
        why = f"; {others} cannot report any more" if others else ""
        return RoundAbandonedError(
            f"Only {got} of at least {minimum} reports came{why}.",
            stage=str(self.stage.stage),
            got=got,
            minimum=minimum,
        )

    def _close(self) -> None:
        host, book = self._host, self.book
        asked = book.owners(TaskState.HELD)
        if self.plan.mean:  # what is being merged right now may still be in time
            asked |= {e for e in book.owners(TaskState.PENDING) if host.link(e) is not None}
        closing = Closing(host.new_id(), host.selector_order(asked))
        self._closing = closing
        for epoch in closing.awaited if self.plan.mean else ():
            link = host.link(epoch)
            if link is not None:
                self._ask_partial(link, closing)
        for epoch in book.owners(TaskState.PENDING):
            link = host.link(epoch)
            if link is not None:
                pending = book.of_epoch(epoch, TaskState.PENDING)
                self._cancel(link, pending, "Enough updates have been reported.")
        for task_id in [*self.stage.open, *self.stage.absent]:
            self.stage.note_lost(task_id)
        if closing.awaited:
            host.watch_close(self)
        else:
            self._closed()

    def _ask_partial(self, link: SelectorLink, closing: Closing) -> None:
        link.send(close_partial(self.plan, closing.close_id))

    @property
    def awaited(self) -> frozenset[int]:
        """The epochs that a close waits for."""
        return self._closing.awaited if self._closing is not None else frozenset()

    def partial(self, epoch: int, message: pb.Partial, arrays: Arrays | None) -> None:
        """Take a selector's partial that has arrived whole.

        Parameters
        ----------
        epoch
            Whose.
        message
            Its entries and metrics.
        arrays
            As expected, None if they are not.
        """
        closing = self._closing
        if closing is None or closing.close_id != message.close_id:
            return
        entries = tuple(
            Entry(e.node_id, e.task_id, e.weight, e.update_sha256) for e in message.entries
        )
        partial: PartialArrived | None = None
        if entries:
            refused = "its arrays are not as declared" if arrays is None else ""
            refused = refused or self.book.count_partial(epoch, entries, message.weight)
            if refused:
                _log.warning("the partial of selector epoch %d is refused: %s", epoch, refused)
            elif arrays is not None:
                for entry in entries:
                    self.stage.note_reported(entry.task_id)
                metrics = tuple(message.metrics)
                partial = PartialArrived(arrays, entries, message.weight, metrics)
        self._take_back(self.book.void(epoch))
        self._answered(epoch, partial)

    def _answered(self, epoch: int, partial: PartialArrived | None) -> None:
        closing = self._closing
        if closing is None or epoch not in closing.awaited:
            return
        for through in closing.answered(epoch, partial):
            self._sink(through)
        if not closing.awaited:
            self._closed()

    def _forwarded_meanwhile(self, closing: Closing) -> None:
        """A close of forwarded updates waits only for those that selectors hold."""
        for epoch in closing.awaited - self.book.owners(TaskState.HELD):
            self._answered(epoch, None)

    def _closed(self) -> None:
        """All have answered: over, unless voided updates may still come and are wanted."""
        self._closing = None
        verdict = self.stage.decide(self._host.now())
        if verdict is Verdict.CLOSE:
            self._end(None)
        elif verdict is Verdict.ABANDON:
            self._end(self._too_few())
        else:
            # The others have closed this exchange; where they begin it anew, nothing is in it.
            void = [self.book[task_id] for task_id in self._void]
            sessions = (self._host.reachable(task.node_id) for task in void)
            for epoch in {session.epoch for session in sessions if session is not None}:
                self._forget_at(epoch)
            self._give_again(void)

    def _end(self, error: FedotaError | None) -> None:
        self._closing = None
        self.over = True
        if error is not None:
            for epoch in self.book.owners(*TaskState):
                self._forget_at(epoch)
        code = "late" if error is None else "round-abandoned"
        reason = "It came too late." if error is None else error.public_message
        for task in self.book.close(code, reason):
            self._sink(ReplyFailed(task.message_id, task.node_id, task.code, task.reason))
        # Whoever keeps the exchange for its report must not keep the arrays that it sent.
        sink, self._sink = self._sink, _ignore
        self._contents.clear()
        sink(ExchangeOver(error))
        self._host.progress()


def _ignore(arrival: Arrival) -> None:
    """Take nothing: the exchange is over, and its sink may refer to it."""
