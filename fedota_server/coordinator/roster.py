"""Who is here: attached selectors and connected clients, and telling everybody about changes."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable
from typing import Protocol

from fedota_proto.credential import PROTOCOL
from fedota_proto.errors import VersionError
from fedota_proto.tls import selector_name
from fedota_proto.v1 import fl_intra_pb2 as pb
from fedota_proto.v1 import fl_records_pb2
from fedota_proto.v1 import fl_round_pb2 as round_pb
from fedota_proto.v1 import fl_status_pb2 as status_pb
from fedota_server.coordinator.epochs import Epochs
from fedota_server.coordinator.events import Events
from fedota_server.coordinator.facts import Facts
from fedota_server.coordinator.link import SelectorLink
from fedota_server.coordinator.membership import Binding, Membership, Opened, Refused, Session

_log = logging.getLogger(__name__)

MOVE_AFTER_S = 0.2


class RosterListener(Protocol):
    """Who wants to know."""

    def departed(self, session: Session, reason: str) -> None:
        """A client's last stream has ended."""

    def selector_lost(self, epoch: int) -> None:
        """A selector's stream is gone; it may come back."""

    def epoch_ended(self, epoch: int) -> None:
        """What a selector held is void; its clients' streams have ended, `departed` was called."""


def binding_to_proto(binding: Binding) -> pb.Binding:
    """Write a binding for the selectors."""
    return pb.Binding(
        node_id=binding.node_id, public_key=binding.public_key, revoked=bool(binding.ended)
    )


class Roster:
    """Selectors and clients that are connected; carries out what `Epochs` and `Membership` decide.

    Parameters
    ----------
    facts
        Of the problem.
    membership, epochs
        The decisions.
    events
        Takes what the webserver should know.
    run_id
        Of this coordinator's process.
    release
        For people.
    listener
        The engine.
    """

    def __init__(
        self,
        facts: Facts,
        membership: Membership,
        epochs: Epochs,
        events: Events,
        run_id: bytes,
        release: str,
        listener: RosterListener,
    ) -> None:
        self.facts = facts
        self.membership = membership
        self.epochs = epochs
        self.links: dict[int, SelectorLink] = {}
        self.finished: round_pb.Finished | None = None
        self._events = events
        self._run_id = run_id
        self._version = fl_records_pb2.Version(protocol=PROTOCOL, release=release)
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._selectors_most = 1 << 30
        self._closed = False

    def close(self) -> None:
        """End every stream; nothing that follows from it is reported, the process ends."""
        self._closed = True
        for link in self.links.values():
            link.close()

    # Selectors.

    def attach(self, selector: int, attaching: pb.Attaching) -> tuple[SelectorLink, bool]:
        """Take a selector on; its first message is queued.

        Returns
        -------
        link : SelectorLink
            Its stream.
        goes_on : bool
            Whether its epoch goes on: what it holds still counts.

        Raises
        ------
        VersionError
            It speaks another protocol.
        """
        theirs = attaching.version.protocol
        if theirs != PROTOCOL:
            raise VersionError(
                f"Selector {selector} speaks protocol {theirs} and this coordinator {PROTOCOL}: "
                "run the same release of Fedota for both.",
                ours=PROTOCOL,
                theirs=theirs,
            )
        attachment = self.epochs.attach(
            selector, attaching.instance_id, attaching.address, attaching.epoch
        )
        for epoch in (attachment.epoch, attachment.ended):
            before = self.links.pop(epoch, None)
            if before is not None:
                before.close()
        if attachment.ended:
            self._ended(attachment.ended)
        link = SelectorLink(attachment.epoch, selector, attaching.address, self._loop.time())
        self.links[attachment.epoch] = link
        link.send(pb.CoordinatorMessage(attached=self._attached(attachment.epoch)))
        self._tell_addresses(but=link)
        self._note_selector(link, "attached")
        _log.info("selector %d attached from %s", selector, attaching.address)
        return link, attachment.goes_on

    def _attached(self, epoch: int) -> pb.Attached:
        facts = self.facts
        return pb.Attached(
            version=self._version,
            epoch=epoch,
            run_id=self._run_id,
            problem_id=facts.problem_id,
            checks=facts.checks,
            invite_public_key=facts.invite_public_key,
            bindings=[binding_to_proto(binding) for binding in self.membership.bindings()],
            selectors=self.addresses(),
            problem_toml=facts.problem_toml,
            manifest_json=facts.manifest_json,
            model_sha256=facts.model_sha256,
            model_size_bytes=facts.model_size_bytes,
            finished=self.finished is not None,
        )

    def detach(self, link: SelectorLink) -> None:
        """Note that a selector's stream is gone."""
        link.close()
        if self._closed or self.links.get(link.epoch) is not link:
            return
        del self.links[link.epoch]
        ends_at = self.epochs.lose(link.epoch, self._loop.time())
        self._loop.call_at(ends_at, self._end_due)
        self._note_selector(link, "lost")
        self._tell_addresses()
        _log.warning("selector %d is gone", link.selector)
        self._listener.selector_lost(link.epoch)

    def end_epoch(self, epoch: int) -> None:
        """Give a selector up that does not do what it was asked for."""
        link = self.links.pop(epoch, None)
        if link is not None:
            link.close()
        if self.epochs.end(epoch):
            self._ended(epoch)
            self._tell_addresses()

    def _end_due(self) -> None:
        if not self._closed:
            for epoch in self.epochs.end_due(self._loop.time()):
                self._ended(epoch)

    def _ended(self, epoch: int) -> None:
        entry = self.epochs[epoch]
        _log.warning("selector %d: what it held is void", entry.selector)
        for session in self.membership.close_epoch(epoch):
            self.note_member(session.node_id, "gone", entry.selector)
            self._listener.departed(session, "dropped")
        self._listener.epoch_ended(epoch)
        self._events.append(
            status_pb.Event(
                selector=status_pb.SelectorChanged(
                    name=self.name_of(entry.selector), change="ended", address=entry.address
                )
            )
        )

    def name_of(self, selector: int) -> str:
        """Name a selector as its certificate does."""
        return selector_name(self.facts.problem_id, selector)

    def _note_selector(self, link: SelectorLink, change: str) -> None:
        changed = status_pb.SelectorChanged(
            name=self.name_of(link.selector), change=change, address=link.address
        )
        self._events.append(status_pb.Event(selector=changed))

    def order(self, epochs: Iterable[int]) -> list[int]:
        """Put epochs that have not ended into the selectors' fixed order."""
        wanted = set(epochs)
        return [entry.number for entry in self.epochs.current() if entry.number in wanted]

    def addresses(self) -> list[round_pb.SelectorAddress]:
        """List where clients may go."""
        return [
            round_pb.SelectorAddress(
                address=entry.address, server_name=self.name_of(entry.selector)
            )
            for entry in self.epochs.current()
            if entry.number in self.links and entry.selector <= self._selectors_most
        ]

    def _tell_addresses(self, but: SelectorLink | None = None) -> None:
        selectors = pb.SelectorList(selectors=self.addresses())
        self.broadcast(pb.CoordinatorMessage(selectors=selectors), but=but)

    def keep_selectors(self, most: int) -> int:
        """Use only the first so many selectors; clients of the others are sent on.

        Returns
        -------
        int
            How many selectors are drained.
        """
        self._selectors_most = most
        self._tell_addresses()
        refusal = round_pb.Refusal(
            code="moved",
            reason="This selector is to stop: use another.",
            retry_after_s=MOVE_AFTER_S,
        )
        drained = [link for link in self.links.values() if link.selector > most]
        for link in drained:
            link.send(pb.CoordinatorMessage(refuse=pb.RefuseClients(refusal=refusal)))
        return len(drained)

    def broadcast(self, message: pb.CoordinatorMessage, but: SelectorLink | None = None) -> None:
        """Send a message to every selector, but for one."""
        data = message.SerializeToString()
        for link in self.links.values():
            if link is not but:
                link.send(data)

    def tell_clock(self, clock: round_pb.Clock) -> None:
        """Send the round clock to every client that is held."""
        self.broadcast(pb.CoordinatorMessage(clock=clock))

    # Clients.

    def reachable(self, node_id: int) -> Session | None:
        """Return a node's session if its selector is attached."""
        session = self.membership.session(node_id)
        return session if session is not None and session.epoch in self.links else None

    def reachable_sessions(self) -> list[Session]:
        """List the sessions of attached selectors."""
        return [s for s in self.membership.sessions() if s.epoch in self.links]

    def opened(self, link: SelectorLink, opening: pb.ClientOpen, opened: Opened) -> None:
        """Tell everybody whom it concerns that a client is in."""
        if opened.bound:
            binding = pb.Binding(node_id=opening.node_id, public_key=opening.public_key)
            self.broadcast(pb.CoordinatorMessage(binding=pb.BindingChange(binding=binding)))
            self.note_member(opening.node_id, "bound", link.selector)
        if opened.came and not opening.bind_only:
            self.note_member(opening.node_id, "connected", link.selector)
        if opened.replaced and opened.replaced != link.epoch:
            self._end_stream(
                opened.replaced,
                opening.node_id,
                Refused("replaced", "This client has connected again elsewhere.", MOVE_AFTER_S),
            )

    def _end_stream(self, epoch: int, node_id: int, why: Refused) -> None:
        link = self.links.get(epoch)
        if link is not None:
            refuse = pb.RefuseClients(node_ids=[node_id], refusal=refusal_of(why))
            link.send(pb.CoordinatorMessage(refuse=refuse))

    def client_gone(self, link: SelectorLink, gone: pb.ClientGone) -> None:
        """Note that a client's stream has ended, unless a newer one has replaced it."""
        if gone.reason == "leaving":
            self.end_membership(gone.node_id, "left")
            return
        session = self.membership.close(gone.node_id, link.epoch, gone.stream_id)
        if session is None:
            return
        if gone.reason == "away":
            self.note_away(gone.node_id, gone.away_until_unix_s, link.selector)
        else:
            self.note_member(gone.node_id, "gone", link.selector)
        self._listener.departed(session, gone.reason)

    def end_membership(self, node_id: int, how: str) -> None:
        """End a membership for good: ``revoked`` or ``left``."""
        ended_before = self.membership.is_ended(node_id)
        session = self.membership.end(node_id, how, now_unix_s=time.time())
        if not ended_before:
            binding = pb.Binding(node_id=node_id, revoked=True)
            self.broadcast(pb.CoordinatorMessage(binding=pb.BindingChange(binding=binding)))
            self.note_member(node_id, how, 0)
        if session is not None:
            refused = Refused("invite", "This membership has ended: ask for a new invite.")
            self._end_stream(session.epoch, node_id, refused)
            self._listener.departed(session, how)

    def note_member(self, node_id: int, change: str, selector: int) -> None:
        """Report what happened to a member."""
        name = self.name_of(selector) if selector else ""
        changed = status_pb.MemberChanged(node_id=node_id, change=change, selector=name)
        self._events.append(status_pb.Event(member=changed))

    def note_away(self, node_id: int, until_unix_s: float, selector: int = 0) -> None:
        """Report that a member's limits keep it away, and when it means to be back."""
        name = self.name_of(selector) if selector else ""
        changed = status_pb.MemberChanged(
            node_id=node_id, change="away", selector=name, away_until_unix_s=until_unix_s
        )
        self._events.append(status_pb.Event(member=changed))

    def finish(self, finished: round_pb.Finished) -> None:
        """Tell every client that the problem is finished; who comes later is told so too."""
        self.finished = finished
        self.broadcast(pb.CoordinatorMessage(finished=finished))

    def reopen(self) -> None:
        """Take the problem up again: selectors attach anew, so that they know."""
        self.finished = None
        for epoch in list(self.links):
            self.end_epoch(epoch)


def refusal_of(refused: Refused) -> round_pb.Refusal:
    """Write a refusal for the client."""
    return round_pb.Refusal(
        code=refused.code, reason=refused.reason, retry_after_s=refused.retry_after_s
    )
