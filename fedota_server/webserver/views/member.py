"""Memberships, the clients behind them, and what they did."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ReasonView:
    """Why updates were not counted, and how many."""

    outcome: str
    code: str
    reason: str
    count: int


@dataclass(frozen=True)
class ClientView:
    """One client of a membership.

    Parameters
    ----------
    node_id, name
        Its own.
    state
        ``never connected``, ``connected``, ``gone``, ``away``, ``left``, ``revoked``, or
        ``expired`` where its invite was not used in time.
    since_unix_s
        Since when it is in this state.
    back_unix_s
        When one that is away means to be back; None where it is not away or did not say.
    first_round
        Of one that left or was revoked: the first round whose model, as it stands, has an update
        of it; 0 if none has.
    ready
        Whether it told that its data keeps the format.
    selector
        Through which it is or was connected.
    has_invite
        Whether its invite is still to be used, and can be shown.
    created_unix_s, expires_unix_s
        When it was enrolled; until when its invite can be used.
    rounds, counted, rejected
        Rounds in which it took part; updates of its training that were counted, and that were
        rejected.
    reasons
        Why updates were not counted.
    examples, size_bytes
        Examples behind the counted updates; bytes that it sent.
    """

    node_id: int
    name: str
    state: str
    since_unix_s: float
    selector: str
    has_invite: bool
    created_unix_s: float
    expires_unix_s: float
    back_unix_s: float | None = None
    first_round: int = 0
    ready: bool = False
    rounds: int = 0
    counted: int = 0
    rejected: int = 0
    reasons: tuple[ReasonView, ...] = ()
    examples: float = 0.0
    size_bytes: int = 0


@dataclass(frozen=True)
class MembershipView:
    """A holder's right to take part, or the request for it.

    Parameters
    ----------
    problem_id, title, status
        Of the problem.
    user_id, name, email
        Of the holder; others than they, the problem's setter and admins never get to see this.
    state
        ``requested``, ``approved``, ``declined``, ``withdrawn``, ``left`` or ``revoked``.
    note
        What the holder wrote with the request.
    requested_unix_s, decided_unix_s
        When.
    clients
        How many were enrolled.
    """

    problem_id: str
    title: str
    status: str
    user_id: int
    name: str
    email: str
    state: str
    note: str
    requested_unix_s: float
    decided_unix_s: float | None
    clients: int


@dataclass(frozen=True)
class MemberView:
    """A membership as the problem's setter sees it, with its clients."""

    membership: MembershipView
    clients: tuple[ClientView, ...]


@dataclass(frozen=True)
class PartUpdateView:
    """One update of a holder's own, as `round.UpdateView` without the holder."""

    client: str
    node_id: int
    generation: int
    server_round: int
    attempt: int
    kind: str
    outcome: str
    code: str
    reason: str
    weight: float
    size_bytes: int
    unix_s: float


@dataclass(frozen=True)
class PartView:
    """A holder's part in a problem so far.

    Parameters
    ----------
    rounds, counted, rejected, examples, size_bytes, reasons
        As in `ClientView`, over all clients of the membership.
    updates
        The newest, newest first.
    """

    rounds: int
    counted: int
    rejected: int
    examples: float
    size_bytes: int
    reasons: tuple[ReasonView, ...]
    updates: tuple[PartUpdateView, ...]
