"""The event loop's side: carries messages between selectors and exchanges, and keeps the clocks."""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
import secrets
import time
from collections.abc import Callable, Iterable

from fedota_proto.errors import FedotaError, InternalError
from fedota_proto.records import PayloadReader
from fedota_proto.v1 import fl_intra_pb2 as pb
from fedota_proto.v1 import fl_round_pb2 as round_pb
from fedota_proto.v1 import fl_status_pb2 as status_pb
from fedota_proto.wire import TransferPiece
from fedota_server.coordinator.epochs import Epochs
from fedota_server.coordinator.events import Events
from fedota_server.coordinator.exchange import Exchange
from fedota_server.coordinator.facts import Facts
from fedota_server.coordinator.link import IncomingTransfer, SelectorLink
from fedota_server.coordinator.membership import Membership, Opening, Refused, Session
from fedota_server.coordinator.outcomes import Outcomes
from fedota_server.coordinator.partials import declared_arrays
from fedota_server.coordinator.roster import Roster, refusal_of
from fedota_server.coordinator.round_key import RoundKey
from fedota_server.coordinator.settling import SettledTask, settled_tasks
from fedota_server.coordinator.tasks import Entry, Task, TaskState
from fedota_server.coordinator.waiting_room import WaitingRoom

_log = logging.getLogger(__name__)

AT_ONCE = frozenset({"stopping", "away", "revoked", "left"})
SIGNED_AT_A_TIME = 64

Ask = Callable[[SelectorLink, pb.Ask], None]


class Engine:
    """All that is asynchronous about rounds. Used in the event loop alone.

    Parameters
    ----------
    facts
        Of the problem.
    membership
        Who belongs to it.
    outcomes
        Signs and remembers.
    events
        Takes what the webserver should know.
    release
        For people.
    selector_grace_s
        How long a lost selector may come back, and a selector may be silent while it is waited for.
    client_grace_s
        How long a client whose stream has dropped is waited for.
    report_updates
        Whether each update's outcome is an event.
    rng
        Breaks the ties of selections.
    """

    def __init__(
        self,
        facts: Facts,
        membership: Membership,
        outcomes: Outcomes,
        events: Events,
        *,
        release: str,
        selector_grace_s: float,
        client_grace_s: float,
        report_updates: bool,
        rng: random.Random,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.facts = facts
        self.membership = membership
        self.outcomes = outcomes
        self.events = events
        self.epochs = Epochs(selector_grace_s)
        self.roster = Roster(
            facts, membership, self.epochs, events, secrets.token_bytes(16), release, self
        )
        self.room = WaitingRoom(self.roster, self.busy, rng)
        self.on_progress: Callable[[], None] = lambda: None
        self.on_ask: Ask | None = None
        self.stopped = False
        self._blocked: FedotaError | None = None
        self._selector_grace_s = selector_grace_s
        self._client_grace_s = client_grace_s
        self._report_updates = report_updates
        # No id of an earlier process comes again: clients still name those tasks.
        self._ids = itertools.count(secrets.randbits(30) << 32 | 1)
        self._exchanges: list[Exchange] = []
        self._of_task: dict[int, Exchange] = {}
        self._alarms: dict[Exchange, asyncio.TimerHandle] = {}
        self._watches: dict[Exchange, asyncio.TimerHandle] = {}
        self._background: set[asyncio.Task[None]] = set()

    # What exchanges ask for.

    def now(self) -> float:
        """Monotonic time in seconds."""
        return self.loop.time()

    def new_id(self) -> int:
        """Make a number that no task and no close of this or an earlier process bears."""
        return next(self._ids)

    def link(self, epoch: int) -> SelectorLink | None:
        """Return an attached epoch's stream."""
        return self.roster.links.get(epoch)

    def reachable(self, node_id: int) -> Session | None:
        """Return a node's session if its selector is attached."""
        return self.roster.reachable(node_id)

    def selector_order(self, epochs: Iterable[int]) -> list[int]:
        """Put epochs that have not ended into the selectors' fixed order."""
        return self.roster.order(epochs)

    def entered(self, exchange: Exchange, task: Task) -> None:
        """Note that a task belongs to this exchange."""
        self._of_task[task.task_id] = exchange

    def wake_at(self, exchange: Exchange, when: float) -> None:
        """Call `Exchange.consider` at this time, in place of any time asked for before."""
        self._silence(self._alarms, exchange)
        self._alarms[exchange] = self.loop.call_at(when, exchange.consider)

    def _silence(self, alarms: dict[Exchange, asyncio.TimerHandle], exchange: Exchange) -> None:
        alarm = alarms.pop(exchange, None)
        if alarm is not None:
            alarm.cancel()

    def watch_close(self, exchange: Exchange) -> None:
        """End, after their bound, the epochs that a close still waits for."""
        self._watch(exchange, self._selector_grace_s, self.now())

    def _watch(self, exchange: Exchange, after_s: float, asked: float) -> None:
        self._silence(self._watches, exchange)
        self._watches[exchange] = self.loop.call_later(after_s, self._check_close, exchange, asked)

    def _check_close(self, exchange: Exchange, asked: float) -> None:
        # A selector that sends is not silent, however long its partial takes.
        for epoch in exchange.awaited:
            link = self.link(epoch)
            if link is None:
                continue  # its own grace runs
            if self.now() - max(asked, link.last_bytes) >= self._selector_grace_s:
                _log.warning("selector %d does not send what it holds", link.selector)
                self.roster.end_epoch(epoch)
        if exchange.awaited:
            self._watch(exchange, self._selector_grace_s / 4, asked)

    def progress(self) -> None:
        """Note that the round clock has moved."""
        self.on_progress()

    def rejected(self, exchange: Exchange, task: Task, entry: Entry) -> None:
        """Tell a client and the record that its update was rejected."""
        plan = exchange.plan
        settled = SettledTask(task, round_pb.REJECTED, task.code, task.reason, entry)
        self._tell_outcomes(plan.key, plan.message_type, [settled])

    # What selectors say.

    def attach(self, selector: int, attaching: pb.Attaching) -> SelectorLink:
        """Take a selector on.

        Raises
        ------
        VersionError
            It speaks another protocol.
        """
        link, goes_on = self.roster.attach(selector, attaching)
        if goes_on:
            for exchange in list(self._exchanges):
                exchange.reattached(link)
        self.progress()
        return link

    def receive(self, link: SelectorLink, message: pb.SelectorMessage | TransferPiece) -> None:
        """Take one message in.

        Raises
        ------
        StreamError
            It is malformed; the stream must end.
        """
        if link.closed:
            return
        if isinstance(message, TransferPiece):
            link.last_bytes = self.now()
            transfer = link.transfers.get(message.transfer_id)
            if transfer is not None:
                transfer.reader.feed(message.data)
                if not transfer.reader.missing_bytes:
                    del link.transfers[message.transfer_id]
                    self._arrived(link, transfer)
            return
        kind = message.WhichOneof("body")
        if kind == "held":
            held = message.held
            exchange = self._of_task.get(held.task_id)
            if exchange is not None:
                exchange.held(link.epoch, held)
        elif kind in ("partial", "forward"):
            self._begin_transfer(link, message.partial if kind == "partial" else message.forward)
        elif kind == "client_open":
            self._client_open(link, message.client_open)
        elif kind == "client_gone":
            self.roster.client_gone(link, message.client_gone)
        elif kind == "rejected":
            exchange = self._of_task.get(message.rejected.task_id)
            if exchange is not None:
                exchange.rejected(link.epoch, message.rejected)
        elif kind == "task_failed":
            exchange = self._of_task.get(message.task_failed.task_id)
            if exchange is not None:
                exchange.failed(link.epoch, message.task_failed)
        elif kind == "load":
            link.load = message.load
            self.progress()
        elif kind == "ask" and self.on_ask is not None:
            self.on_ask(link, message.ask)

    def _begin_transfer(self, link: SelectorLink, message: pb.Partial | pb.Forward) -> None:
        reader = PayloadReader(
            message.payload, max_bytes=self.facts.checks.update_max_bytes or None
        )
        transfer = IncomingTransfer(message, reader)
        if reader.missing_bytes:
            link.transfers[message.transfer_id] = transfer
        else:
            self._arrived(link, transfer)

    def _arrived(self, link: SelectorLink, transfer: IncomingTransfer) -> None:
        message, records = transfer.message, transfer.reader.finish()
        if isinstance(message, pb.Forward):
            exchange = self._of_task.get(message.task_id)
            if exchange is not None:
                exchange.forwarded(link.epoch, message, records)
            return
        for exchange in list(self._exchanges):
            if link.epoch in exchange.awaited:
                arrays = declared_arrays(records, exchange.plan.expect)
                exchange.partial(link.epoch, message, arrays)

    def _client_open(self, link: SelectorLink, message: pb.ClientOpen) -> None:
        opening = Opening(
            node_id=message.node_id,
            session_id=message.session_id,
            public_key=message.public_key,
            has_invite=bool(message.invite),
            stream_id=message.stream_id,
            epoch=link.epoch,
            no_evaluation=message.no_evaluation,
            bind_only=message.bind_only,
        )
        result = self.membership.open(opening, now=self.now(), now_unix_s=time.time())
        verdict = pb.Verdict(stream_id=message.stream_id)
        if isinstance(result, Refused):
            verdict.refusal.CopyFrom(refusal_of(result))
            link.send(pb.CoordinatorMessage(verdict=verdict))
            return
        verdict.accepted = True
        verdict.replaces = bool(result.replaced)
        self.roster.opened(link, message, result)
        session = self.membership.session(message.node_id)
        if message.bind_only or session is None:
            link.send(pb.CoordinatorMessage(verdict=verdict))
            return
        open_tasks = {task.task_id: task.update_ready for task in message.open_tasks}
        again: list[tuple[Exchange, list[Task]]] = []
        for exchange in self._exchanges:
            expected, lacking = exchange.client_back(session, open_tasks)
            verdict.expected.extend(expected)
            verdict.held_elsewhere.extend(exchange.held_elsewhere(session))
            if lacking:
                again.append((exchange, lacking))
        verdict.outcomes.extend(
            self._outcomes_of(message.node_id, {*open_tasks, *message.wants_outcome})
        )
        link.send(pb.CoordinatorMessage(verdict=verdict))
        for exchange, lacking in again:
            exchange.hand_out_again(link, lacking)
        self.room.arrived(session)
        self.progress()

    def _outcomes_of(self, node_id: int, task_ids: set[int]) -> list[round_pb.Outcome]:
        found = self.outcomes.find(node_id, task_ids)
        known = {outcome.task_id for outcome in found}
        for task_id in task_ids - known:
            if task_id not in self._of_task:
                found.append(
                    self.outcomes.sign(
                        node_id,
                        task_id,
                        RoundKey(0, 0, 0),
                        "",
                        round_pb.ROUND_ABANDONED,
                        reason="The coordinator began anew, and the open round with it.",
                    )
                )
        return found

    # Clients that come and go.

    def busy(self) -> set[int]:
        """Name the nodes that work on a task."""
        return {
            task.node_id
            for exchange in self._exchanges
            for task in exchange.book.all()
            if task.state is TaskState.PENDING
        }

    def departed(self, session: Session, reason: str) -> None:
        """A client's last stream has ended."""
        self.room.left(session.node_id)
        if reason in ("revoked", "left"):
            for exchange in list(self._exchanges):
                exchange.member_ended(session.node_id, "The membership has ended.")
        elif reason in AT_ONCE:
            self._give_up(session.node_id)
        elif self._exchanges:
            self.loop.call_later(self._client_grace_s, self._give_up, session.node_id)
        self.progress()

    def _give_up(self, node_id: int) -> None:
        if self.membership.session(node_id) is None:
            for exchange in list(self._exchanges):
                exchange.client_absent(node_id)

    def selector_lost(self, epoch: int) -> None:
        """A selector's stream is gone; it may come back."""
        for session in self.membership.sessions():
            if session.epoch == epoch:
                self.room.left(session.node_id)
        self.progress()

    def epoch_ended(self, epoch: int) -> None:
        """What a selector held is void."""
        for exchange in list(self._exchanges):
            exchange.epoch_ended(epoch)
        kept = {owner for e in self._exchanges for owner in e.book.owners(*TaskState)}
        self.epochs.forget_ended(keep=kept)

    # What rounds and apps ask for.

    def carry(self, exchange: Exchange) -> None:
        """Hand an exchange's messages out, and carry it until it is over.

        Then it must be given to `settle`.
        """
        self._exchanges.append(exchange)
        if self._blocked is not None:
            exchange.interrupt(self._blocked)
        else:
            exchange.start()

    def block(self, error: FedotaError, *, for_good: bool = False) -> None:
        """End whatever is open, and whatever will be opened until `unblock`, with an error."""
        self._blocked = error
        self.stopped = self.stopped or for_good
        self.room.block(error)
        for exchange in list(self._exchanges):
            exchange.interrupt(error)

    def unblock(self) -> None:
        """Let selections and exchanges be opened again, unless they were blocked for good."""
        if not self.stopped:
            self._blocked = None
            self.room.block(None)

    def close(self, error: FedotaError) -> None:
        """End everything that is open for good, and every stream."""
        self.block(error, for_good=True)
        self.roster.close()

    def settle(self, exchange: Exchange, *, completed: bool, reason: str = "") -> None:
        """Tell every client what became of its update, and forget the exchange.

        Parameters
        ----------
        exchange
            One that is over.
        completed
            Whether its round completed.
        reason
            Why not.
        """
        if not exchange.over:
            raise InternalError("An open exchange cannot be settled.")
        # A timer would keep the exchange alive, and with it the arrays of its contents.
        self._silence(self._alarms, exchange)
        self._silence(self._watches, exchange)
        self._exchanges.remove(exchange)
        task = self.loop.create_task(self._settle(exchange, completed, reason))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _settle(self, exchange: Exchange, completed: bool, reason: str) -> None:
        plan = exchange.plan
        settled = settled_tasks(exchange.book, completed=completed, reason=reason)
        while some := list(itertools.islice(settled, SIGNED_AT_A_TIME)):
            self._tell_outcomes(plan.key, plan.message_type, some)
            await asyncio.sleep(0)
        for task in exchange.book.all():
            self._of_task.pop(task.task_id, None)

    def _tell_outcomes(
        self, key: RoundKey, message_type: str, settled: Iterable[SettledTask]
    ) -> None:
        by_epoch: dict[int, pb.Settled] = {}
        for one in settled:
            task = one.task
            outcome = self.outcomes.sign(
                task.node_id,
                task.task_id,
                key,
                message_type,
                one.kind,
                code=one.code,
                reason=one.reason,
                weight=one.entry.weight if one.entry else 0.0,
                update_sha256=one.entry.update_sha256 if one.entry else b"",
            )
            session = self.reachable(task.node_id)
            for epoch in {task.owner, session.epoch if session is not None else 0}:
                if epoch in self.roster.links:
                    told = by_epoch.setdefault(epoch, pb.Settled())
                    told.outcomes.add(node_id=task.node_id, outcome=outcome)
            if self._report_updates:
                update = status_pb.UpdateSettled(
                    node_id=task.node_id, outcome=outcome, size_bytes=task.size_bytes
                )
                self.events.append(status_pb.Event(update=update))
        for epoch, told in by_epoch.items():
            self.roster.links[epoch].send(pb.CoordinatorMessage(settled=told))

    def exchanges(self) -> list[Exchange]:
        """List the exchanges that are not settled."""
        return self._exchanges

    async def drain(self) -> None:
        """Wait until everything that was settled has been told."""
        if self._background:
            await asyncio.wait(self._background)
