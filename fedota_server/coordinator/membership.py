"""Who belongs to the problem, with which key, and which process speaks for whom right now."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

RETRY_IN_USE_S = 5.0

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Binding:
    """A node id's key; empty as long as its invite has not been used.

    Parameters
    ----------
    ended
        Empty, ``revoked`` by the setter, or ``left`` by the holder.
    """

    node_id: int
    public_key: bytes = b""
    ended: str = ""


@dataclass(frozen=True, slots=True)
class Opening:
    """A client that a selector has let in as far as it can tell."""

    node_id: int
    session_id: bytes
    public_key: bytes
    has_invite: bool
    stream_id: int
    epoch: int
    no_evaluation: bool = False
    bind_only: bool = False


@dataclass(slots=True)
class Session:
    """The one open stream of a node.

    Parameters
    ----------
    since_unix_s
        Since when this process is connected.
    arrived_at
        Monotonic time at which it came; its next streams keep it.
    """

    node_id: int
    session_id: bytes
    stream_id: int
    epoch: int
    since_unix_s: float
    arrived_at: float
    no_evaluation: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a client is turned away; come back after `retry_after_s`, 0 for never."""

    code: str
    reason: str
    retry_after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Opened:
    """A client is in.

    Parameters
    ----------
    bound
        Its key was bound by this call.
    replaced
        The epoch whose older stream of the same session ends, 0 for none.
    came
        It was not connected before.
    """

    bound: bool
    replaced: int
    came: bool


class Membership:
    """The truth on bindings, sessions and revocations, over all selectors.

    Has no clock of its own and opens no file: what must survive goes to `keep`.

    Parameters
    ----------
    keep
        Takes every change of a binding, before it counts; the change does not happen if it raises.
    kept
        Rows of earlier processes, in order.
    """

    def __init__(self, keep: Callable[[Row], None], kept: Iterable[Row] = ()) -> None:
        self._keep_row = keep
        self._bindings: dict[int, Binding] = {}
        self._sessions: dict[int, Session] = {}
        for row in kept:
            self._bindings[row["node_id"]] = Binding(
                row["node_id"], bytes.fromhex(row["public_key"]), row["ended"]
            )

    def bindings(self) -> Iterable[Binding]:
        """Every binding."""
        return self._bindings.values()

    def bound_count(self) -> int:
        """How many members have a key and have not ended."""
        return sum(1 for b in self._bindings.values() if b.public_key and not b.ended)

    def session(self, node_id: int) -> Session | None:
        """Return the node's open stream, if there is one."""
        return self._sessions.get(node_id)

    def sessions(self) -> Collection[Session]:
        """Every open stream."""
        return self._sessions.values()

    def _keep(self, binding: Binding, now_unix_s: float) -> None:
        self._keep_row(
            {
                "node_id": binding.node_id,
                "public_key": binding.public_key.hex(),
                "ended": binding.ended,
                "unix_s": round(now_unix_s, 3),
            }
        )
        self._bindings[binding.node_id] = binding

    def open(self, opening: Opening, *, now: float, now_unix_s: float) -> Opened | Refused:
        """Let a client in, or say why not.

        Parameters
        ----------
        opening
            Its invite, if it has one, has been checked by the selector.
        now, now_unix_s
            Monotonic time, and the date.

        Returns
        -------
        Opened or Refused
            Nothing has changed if it is refused.
        """
        binding = self._bindings.get(opening.node_id, Binding(opening.node_id))
        refused = self._refusal(binding, opening)
        if refused:
            return refused
        current = self._sessions.get(opening.node_id)
        if (
            current is not None
            and current.session_id != opening.session_id
            and not opening.bind_only
        ):
            since = dt.datetime.fromtimestamp(current.since_unix_s, dt.UTC)
            return Refused(
                "session-in-use",
                f"This membership is in use by another process since {since:%Y-%m-%d %H:%M:%S} "
                "UTC: stop that one first, or use another invite here.",
                RETRY_IN_USE_S,
            )
        bound = not binding.public_key
        if bound:
            self._keep(Binding(opening.node_id, opening.public_key), now_unix_s)
        if opening.bind_only:
            return Opened(bound=bound, replaced=0, came=False)
        replaced = 0
        if current is not None and (current.epoch, current.stream_id) != (
            opening.epoch,
            opening.stream_id,
        ):
            replaced = current.epoch
        self._sessions[opening.node_id] = Session(
            opening.node_id,
            opening.session_id,
            opening.stream_id,
            opening.epoch,
            current.since_unix_s if current else now_unix_s,
            current.arrived_at if current else now,
            opening.no_evaluation,
        )
        return Opened(bound=bound, replaced=replaced, came=current is None)

    def _refusal(self, binding: Binding, opening: Opening) -> Refused | None:
        if binding.ended == "left":
            return Refused(
                "invite", "This membership was ended by its holder: ask for a new invite."
            )
        if binding.ended:
            return Refused(
                "invite",
                "This membership was revoked by the problem's setter: ask them for a new invite.",
            )
        if not binding.public_key:
            if opening.has_invite:
                return None
            return Refused("invite", "This client is not a member yet: join with the invite once.")
        if binding.public_key != opening.public_key:
            return Refused(
                "invite",
                "This invite has been used by another client: ask the problem's setter for one of "
                "your own.",
            )
        return None

    def close(self, node_id: int, epoch: int, stream_id: int) -> Session | None:
        """End a stream.

        Returns
        -------
        Session or None
            None if that was not the node's current stream: a newer one replaced it.
        """
        session = self._sessions.get(node_id)
        if session is None or (session.epoch, session.stream_id) != (epoch, stream_id):
            return None
        return self._sessions.pop(node_id)

    def close_epoch(self, epoch: int) -> list[Session]:
        """End every stream of an ended epoch.

        Returns
        -------
        list of Session
            Those.
        """
        gone = [session for session in self._sessions.values() if session.epoch == epoch]
        for session in gone:
            del self._sessions[session.node_id]
        return gone

    def end(self, node_id: int, how: str, *, now_unix_s: float) -> Session | None:
        """End a membership for good; also one whose invite was never used.

        Parameters
        ----------
        node_id
            Whose.
        how
            ``revoked`` or ``left``.
        now_unix_s
            The date.

        Returns
        -------
        Session or None
            Its open stream, which ends with it.
        """
        binding = self._bindings.get(node_id, Binding(node_id))
        if not binding.ended:
            self._keep(Binding(node_id, binding.public_key, how), now_unix_s)
        return self._sessions.pop(node_id, None)

    def is_ended(self, node_id: int) -> bool:
        """Whether the membership was revoked or left."""
        return bool(self._bindings.get(node_id, Binding(node_id)).ended)
