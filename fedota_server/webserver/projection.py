"""What a coordinator's events mean for the tables that pages read.

Folding the same event again changes nothing; events of one problem come in order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel, col, update

from fedota_proto.v1 import fl_records_pb2 as records_pb
from fedota_proto.v1 import fl_round_pb2 as round_pb
from fedota_proto.v1 import fl_status_pb2 as pb
from fedota_server.webserver.statuses import Status
from fedota_server.webserver.tables import (
    ClientRow,
    EvaluationRow,
    ProblemRow,
    RoundRow,
    UpdateRow,
)

FEDERATED = "federated"
CONNECTED, GONE, AWAY = "connected", "gone", "away"
LEFT = "left"
ENDED = (LEFT, "revoked")
AWAY_AT_MOST_S = 366 * 86_400.0

_OUTCOMES = {
    round_pb.COUNTED: "counted",
    round_pb.LATE: "late",
    round_pb.ROUND_ABANDONED: "abandoned",
    round_pb.REJECTED: "rejected",
}


def fold(session: Session, problem_id: str, event: pb.Event) -> None:
    """Bring the tables up to an event.

    Parameters
    ----------
    session
        In the transaction that stores the event.
    problem_id
        Whose event it is.
    event
        Whole; one of a kind that this release does not know changes nothing.
    """
    folder = _FOLDERS.get(event.WhichOneof("body") or "")
    if folder is not None:
        folder(session, problem_id, event)


def note_state(session: Session, problem_id: str, state: str, reason: str, failure_id: str) -> bool:
    """Take over the coordinator's word for how the problem stands.

    Returns
    -------
    bool
        Whether that is new.
    """
    row = session.get(ProblemRow, problem_id, with_for_update=True)
    if row is None or row.status == Status.ARCHIVED or state not in list(Status):
        return False
    before = (row.status, row.status_reason, row.failure_id)
    row.status, row.status_reason, row.failure_id = state, _text(reason), _text(failure_id, 40)
    session.add(row)
    return before != (row.status, row.status_reason, row.failure_id)


def note_clock(session: Session, problem_id: str, state: str, detail: str) -> bool:
    """Take over the state in a coordinator's clock, where no event told of it.

    Returns
    -------
    bool
        Whether that is new.
    """
    row = session.get(ProblemRow, problem_id)
    if row is None or row.status == state:
        return False
    return note_state(session, problem_id, state, detail, "")


def note_clients_gone(session: Session, problem_id: str, now: float) -> None:
    """Take note that nobody is connected, since the servers do not run."""
    session.exec(
        update(ClientRow)
        .where(col(ClientRow.problem_id) == problem_id, col(ClientRow.last_change) == CONNECTED)
        .values(last_change=GONE, last_change_unix_s=now)
    )


def _state(session: Session, problem_id: str, event: pb.Event) -> None:
    changed = event.state
    if note_state(session, problem_id, changed.state, changed.reason, changed.failure_id):
        _touch(session, problem_id, event)


def _round(session: Session, problem_id: str, event: pb.Event) -> None:
    ended = event.round
    _upsert(
        session,
        RoundRow,
        {"problem_id": problem_id, **_key(ended.round)},
        completed=ended.completed,
        reason=_text(ended.reason),
        abandoned_in=_text(ended.abandoned_in, 20),
        admitted=ended.admitted,
        reported=ended.reported,
        failed=ended.failed,
        rejected=ended.rejected,
        weight=ended.weight,
        train_metrics=_named(ended.train_metrics),
        stage_s=_named(ended.stage_s),
        received_bytes=ended.received_bytes,
        sent_bytes=ended.sent_bytes,
        ended_unix_s=event.unix_s,
    )
    row = session.get(ProblemRow, problem_id)
    if ended.completed and row is not None:
        row.generation, row.completed_round = ended.round.generation, ended.round.server_round
        _touch(session, problem_id, event)


def _evaluated(session: Session, problem_id: str, event: pb.Event) -> None:
    key = _key(event.evaluated.round)
    del key["attempt"]
    _upsert(
        session,
        EvaluationRow,
        {"problem_id": problem_id, **key, "source": FEDERATED},
        metrics=_named(event.evaluated.metrics),
        clients=event.evaluated.clients,
        weight=event.evaluated.weight,
        unix_s=event.unix_s,
    )


def _update(session: Session, problem_id: str, event: pb.Event) -> None:
    outcome = event.update.outcome
    _upsert(
        session,
        UpdateRow,
        {
            "problem_id": problem_id,
            "node_id": event.update.node_id,
            **_key(outcome.round),
            "kind": _text(outcome.message_type, 40),
        },
        outcome=_OUTCOMES.get(outcome.kind, "rejected"),
        code=_text(outcome.code, 60),
        reason=_text(outcome.reason),
        weight=outcome.weight,
        size_bytes=event.update.size_bytes,
        unix_s=event.unix_s,
    )


def _member(session: Session, problem_id: str, event: pb.Event) -> None:
    member = event.member
    row = session.get(ClientRow, member.node_id)
    if row is None or row.problem_id != problem_id:
        return
    if member.change == "bound":
        row.bound_unix_s = row.bound_unix_s or event.unix_s
    elif member.change == "ready":
        row.ready = True
    elif row.last_change not in ENDED:  # whoever left is revoked by its coordinator afterwards
        row.last_change, row.last_change_unix_s = _text(member.change, 20), event.unix_s
        row.selector = _text(member.selector, 80) or row.selector
        row.away_until_unix_s = _back(member, event.unix_s)
        row.ready = row.ready and member.change not in ENDED
    session.add(row)


def _back(member: pb.MemberChanged, unix_s: float) -> float | None:
    """Return when a client that is away means to be back; None where it said nothing sensible."""
    until = member.away_until_unix_s
    if member.change != AWAY or not unix_s <= until <= unix_s + AWAY_AT_MOST_S:
        return None
    return until


def _rolled_back(session: Session, problem_id: str, event: pb.Event) -> None:
    generation, to_round = event.rolled_back.generation, event.rolled_back.to_round
    for table in (RoundRow, EvaluationRow):
        session.exec(
            update(table)
            .where(
                col(table.problem_id) == problem_id,
                col(table.generation) < generation,
                col(table.server_round) > to_round,
            )
            .values(superseded=True)
        )
    row = session.get(ProblemRow, problem_id)
    if row is not None and row.generation < generation:
        row.generation, row.completed_round = generation, to_round
        _touch(session, problem_id, event)


_FOLDERS: Mapping[str, Callable[[Session, str, pb.Event], None]] = {
    "state": _state,
    "round": _round,
    "evaluated": _evaluated,
    "update": _update,
    "member": _member,
    "rolled_back": _rolled_back,
}


def _touch(session: Session, problem_id: str, event: pb.Event) -> None:
    row = session.get(ProblemRow, problem_id)
    if row is not None:
        row.updated_unix_s = max(row.updated_unix_s, event.unix_s)
        session.add(row)


def _key(key: records_pb.RoundKey) -> dict[str, Any]:
    return {
        "generation": key.generation,
        "server_round": key.server_round,
        "attempt": key.attempt,
    }


def _named(values: Iterable[pb.NamedValue]) -> dict[str, float]:
    return {_text(v.name): v.value for v in values if math.isfinite(v.value)}


def _text(text: str, most: int | None = None) -> str:
    """Shorten to what a column takes; PostgreSQL takes no character zero."""
    return text.replace("\0", "")[:most]


def _upsert(session: Session, table: type[SQLModel], key: Mapping[str, Any], **values: Any) -> None:
    """Insert a row, or bring the one with this key up to these values."""
    session.flush()
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    whole = table(**key, **values).model_dump(exclude={"id"})
    statement = dialect.insert(table).values(**whole)
    session.exec(statement.on_conflict_do_update(index_elements=list(key), set_=values))
