"""Who is held here, and which stream speaks for which client."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from fedota_proto.errors import BusyError, SessionInUseError
from fedota_proto.v1 import fl_intra_pb2 as intra
from fedota_selector.sessions import Session

GONE_MOST = 1_000


class Admission:
    """All check-ins of this selector: pending until the coordinator's verdict, then admitted.

    The coordinator decides who is admitted and which of two streams of a client lives; here a
    client has at most one admitted session, and their number is bounded.

    Parameters
    ----------
    held_max_clients
        Most check-ins, pending ones included.
    """

    def __init__(self, held_max_clients: int) -> None:
        self._held_max = held_max_clients
        self._streams: dict[int, Session] = {}
        self._admitted: dict[int, Session] = {}
        self._pending: dict[int, Session] = {}
        self._next_stream = 1
        self._gone: deque[intra.ClientGone] = deque(maxlen=GONE_MOST)

    def __len__(self) -> int:
        return len(self._streams)

    def __iter__(self) -> Iterator[Session]:
        return iter(self._streams.values())

    def new_stream_id(self) -> int:
        """Return a number that no stream of this process has had."""
        stream_id = self._next_stream
        self._next_stream += 1
        return stream_id

    def admitted(self, node_id: int) -> Session | None:
        """Return the session that speaks for a client."""
        return self._admitted.get(node_id)

    def all_admitted(self) -> Iterable[Session]:
        """List the clients that are held."""
        return list(self._admitted.values())

    def open(self, session: Session) -> tuple[intra.ClientOpen, Session | None]:
        """Take a check-in in, pending.

        Returns
        -------
        message : intra.ClientOpen
            For the coordinator to decide on.
        replaced : Session or None
            The same process's older check-in, if that was pending still; it has to end.

        Raises
        ------
        BusyError
            So many are held already; a client that is one of them is let in.
        SessionInUseError
            A check-in of another process of this client is pending.
        """
        before = self._pending.get(session.node_id)
        if before is not None and before.session_id != session.session_id:
            raise SessionInUseError(
                "Another process of this client is checking in: stop one of the two.",
                since_unix_s=before.opened_unix_s,
            )
        known = before is not None or session.node_id in self._admitted
        if len(self._streams) >= self._held_max and not known:
            raise BusyError(
                f"This selector holds {self._held_max} clients, which is its limit: "
                "try another one, or come back later.",
                retry_after_s=30.0,
            )
        session.stream_id = self.new_stream_id()
        self._streams[session.stream_id] = session
        self._pending[session.node_id] = session
        return session.client_open(), before

    def accept(self, stream_id: int) -> tuple[Session | None, Session | None]:
        """Take the coordinator's verdict that a stream is admitted.

        Returns
        -------
        session : Session or None
            The one admitted; None if its stream has ended meanwhile.
        replaced : Session or None
            The client's older session, which has to end.
        """
        session = self._streams.get(stream_id)
        if session is None:
            return None, None
        before = self._admitted.get(session.node_id)
        if self._pending.get(session.node_id) is session:
            del self._pending[session.node_id]
        self._admitted[session.node_id] = session
        return session, before if before is not session else None

    def refuse(self, stream_id: int) -> Session | None:
        """Take the coordinator's verdict that a stream is not admitted; it is forgotten.

        Returns
        -------
        Session or None
            The one refused; None if its stream has ended meanwhile.
        """
        session = self._streams.pop(stream_id, None)
        if session is not None:
            self._leave(session)
        return session

    def gone(self, session: Session) -> intra.ClientGone | None:
        """Take note that a session's stream has ended.

        Returns
        -------
        intra.ClientGone or None
            For the coordinator; None if it has refused this stream itself.
        """
        if self._streams.get(session.stream_id) is not session:
            return None
        del self._streams[session.stream_id]
        self._leave(session)
        message = session.client_gone()
        self._gone.append(message)
        return message

    def reattached(self, *, same_epoch: bool) -> list[intra.ClientGone | intra.ClientOpen]:
        """Give every session a new stream id after the coordinator's stream has been renewed.

        Parameters
        ----------
        same_epoch
            Whether the coordinator goes on with what it knew of this selector.

        Returns
        -------
        list
            What it has to be told: in the same epoch first of those gone lately, in case that it
            has not heard; then every session.
        """
        messages: list[intra.ClientGone | intra.ClientOpen] = list(self._gone) if same_epoch else []
        self._gone.clear()
        sessions = list(self._streams.values())
        self._streams.clear()
        for session in sessions:
            session.stream_id = self.new_stream_id()
            self._streams[session.stream_id] = session
            messages.append(session.client_open())
        return messages

    def _leave(self, session: Session) -> None:
        for of_node in (self._admitted, self._pending):
            if of_node.get(session.node_id) is session:
                del of_node[session.node_id]
