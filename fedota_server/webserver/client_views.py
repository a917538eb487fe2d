"""Clients and what became of their updates, for any number of them in two queries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func
from sqlmodel import Session, col, select

from fedota_server.webserver.tables import ClientRow, RoundRow, UpdateRow
from fedota_server.webserver.views.member import ClientView, ReasonView

TRAIN = "train"
ENDED = ("left", "revoked")
_STATES = {"connected": "connected", "ready": "connected", "away": "away", "gone": "gone"}


@dataclass
class _Tally:
    rounds: int = 0
    counted: int = 0
    rejected: int = 0
    examples: float = 0.0
    size_bytes: int = 0
    reasons: list[ReasonView] = field(default_factory=list)


def client_views(
    session: Session,
    clients: Sequence[ClientRow],
    memberships: Mapping[int | None, str],
    now: float,
) -> list[ClientView]:
    """Show clients.

    Parameters
    ----------
    session
        Open.
    clients
        Their rows.
    memberships
        The states of their memberships, by the membership's id.
    now
        Seconds since 1970.
    """
    tallies = _tallies(session, [client.node_id for client in clients])
    states = [client_state(one, memberships.get(one.membership_id, ""), now) for one in clients]
    gone = [one.node_id for one, state in zip(clients, states, strict=True) if state in ENDED]
    first = _first_rounds(session, gone) if gone else {}
    return [
        _view(
            client,
            state,
            tallies.get(client.node_id, _Tally()),
            first.get(client.node_id, 0),
        )
        for client, state in zip(clients, states, strict=True)
    ]


def client_state(client: ClientRow, membership: str, now: float) -> str:
    """Say in a word how a client stands, as in `ClientView.state`."""
    if client.last_change in ENDED:
        return membership if membership in ENDED else client.last_change
    if membership in ENDED:
        return membership
    if client.bound_unix_s is None and not client.last_change:
        return "expired" if client.expires_unix_s < now else "never connected"
    return _STATES.get(client.last_change, "gone")


def _view(client: ClientRow, state: str, tally: _Tally, first_round: int) -> ClientView:
    return ClientView(
        node_id=client.node_id,
        name=client.name,
        state=state,
        since_unix_s=client.last_change_unix_s or client.bound_unix_s or client.created_unix_s,
        selector=client.selector,
        has_invite=state == "never connected",
        created_unix_s=client.created_unix_s,
        expires_unix_s=client.expires_unix_s,
        back_unix_s=client.away_until_unix_s if state == "away" else None,
        first_round=first_round,
        ready=client.ready,
        rounds=tally.rounds,
        counted=tally.counted,
        rejected=tally.rejected,
        reasons=tuple(tally.reasons),
        examples=tally.examples,
        size_bytes=tally.size_bytes,
    )


def _first_rounds(session: Session, node_ids: Sequence[int]) -> dict[int, int]:
    """Find each client's first counted update in a round that no roll-back has left behind."""
    row, ended = UpdateRow, RoundRow
    query = (
        select(row.node_id, func.min(row.server_round))
        .where(
            col(row.node_id).in_(node_ids),
            col(row.kind) == TRAIN,
            col(row.outcome) == "counted",
            col(ended.problem_id) == col(row.problem_id),
            col(ended.generation) == col(row.generation),
            col(ended.server_round) == col(row.server_round),
            col(ended.attempt) == col(row.attempt),
            col(ended.completed),
            ~col(ended.superseded),
        )
        .group_by(col(row.node_id))
    )
    return dict(session.exec(query).all())


def _tallies(session: Session, node_ids: Sequence[int]) -> dict[int, _Tally]:
    """Add up the updates of clients; rounds, examples and counts are those of their training."""
    found: dict[int, _Tally] = {}
    row = UpdateRow
    groups: tuple[Any, ...] = (row.node_id, row.kind, row.outcome, row.code, row.reason)
    columns = (*groups, func.count(), func.sum(row.weight), func.sum(row.size_bytes))
    query = select(*columns).where(col(row.node_id).in_(node_ids)).group_by(*groups)
    grouped: Iterable[Any] = session.exec(query)
    for node_id, kind, outcome, code, reason, count, weight, size_bytes in grouped:
        tally = found.setdefault(node_id, _Tally())
        tally.size_bytes += int(size_bytes or 0)
        if kind != TRAIN:
            continue
        tally.rounds += count
        if outcome == "counted":
            tally.counted += count
            tally.examples += float(weight or 0.0)
            continue
        tally.rejected += count if outcome == "rejected" else 0
        tally.reasons.append(ReasonView(outcome, code, reason, count))
    for tally in found.values():
        tally.reasons.sort(key=lambda one: (-one.count, one.code, one.reason))
    return found
