"""The numbers that stand in the database: a handful of queries that count."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from prometheus_client.core import Metric
from sqlalchemy import func
from sqlmodel import Session, col, select

from fedota_server.webserver.metric_families import Rows, counter, gauge
from fedota_server.webserver.statuses import Status
from fedota_server.webserver.tables import (
    ClientRow,
    JobRow,
    MembershipRow,
    ProblemRow,
    RoundRow,
    ServerRow,
    User,
    WebSession,
)


def numbers_of_platform(session: Session) -> Iterator[Metric]:
    """Count accounts, sessions, jobs, and problems by status."""
    yield gauge("users", "Accounts.", value=_count(session, select(func.count()).select_from(User)))
    open_sessions = select(func.count()).where(col(WebSession.expires_unix_s) > time.time())
    yield gauge("sessions", "Browsers that are signed in.", value=_count(session, open_sessions))
    yield gauge("jobs", "Jobs.", ("kind", "state"), _counts(session, JobRow.kind, JobRow.state))
    statuses = _counts(session, ProblemRow.status)
    yield gauge(
        "problems",
        "Problems in each status.",
        ("status",),
        _filled(statuses, [(status.value,) for status in Status]),
    )


def numbers_of_problems(session: Session) -> Iterator[Metric]:
    """Count rounds, traffic, memberships and clients of each published problem."""
    published = select(ProblemRow.id, ProblemRow.rounds, ProblemRow.completed_round).where(
        col(ProblemRow.status) != Status.DRAFT
    )
    found = session.exec(published).all()
    label = ("problem",)
    yield gauge("rounds_wanted", "Rounds.", label, [((one,), float(n)) for one, n, _ in found])
    yield gauge(
        "completed_round", "The newest.", label, [((one,), float(n)) for one, _, n in found]
    )
    columns: tuple[Any, ...] = (
        RoundRow.problem_id,
        RoundRow.completed,
        func.count(),
        func.sum(RoundRow.received_bytes),
        func.sum(RoundRow.sent_bytes),
    )
    grouped = select(*columns).group_by(col(RoundRow.problem_id), col(RoundRow.completed))
    ended: Sequence[Any] = session.exec(grouped).all()
    yield counter(
        "rounds",
        "Rounds that ended, completed or abandoned.",
        ("problem", "outcome"),
        [((one, "completed" if done else "abandoned"), float(n)) for one, done, n, _, _ in ended],
    )
    traffic: dict[Sequence[str], float] = {}
    for one, _, _, received, sent in ended:
        for direction, size in (("in", received), ("out", sent)):
            traffic[one, direction] = traffic.get((one, direction), 0.0) + float(size or 0)
    yield counter(
        "traffic_bytes",
        "Bytes between selectors and clients in rounds that ended.",
        ("problem", "direction"),
        traffic.items(),
    )
    yield gauge(
        "memberships",
        "Memberships and requests.",
        ("problem", "state"),
        _counts(session, MembershipRow.problem_id, MembershipRow.state),
    )
    connected = col(ClientRow.last_change).in_(("connected", "ready"))
    yield gauge(
        "connected_clients",
        "Enrolled clients that are connected.",
        label,
        _counts(session, ClientRow.problem_id, where=connected),
    )


def numbers_of_servers(session: Session) -> Iterator[Metric]:
    """Tell how each server stands."""
    servers = session.exec(select(ServerRow)).all()
    labels = ("problem", "server")
    yield gauge(
        "server_up",
        "Whether a coordinator or selector runs.",
        labels,
        [((row.problem_id, row.name), float(row.state == "running")) for row in servers],
    )
    yield gauge(
        "server_state",
        "1 for the state that it is in.",
        (*labels, "state"),
        [((row.problem_id, row.name, row.state), 1.0) for row in servers],
    )
    yield counter(
        "server_restarts",
        "How often it was started again.",
        labels,
        [((row.problem_id, row.name), float(max(0, row.starts - 1))) for row in servers],
    )


def serving(session: Session) -> Sequence[str]:
    """List the problems whose servers run, or are to."""
    wanted = select(ProblemRow.id).where(col(ProblemRow.wanted) == "serving")
    return session.exec(wanted.order_by(col(ProblemRow.id))).all()


def _counts(session: Session, *columns: Any, where: Any = None) -> list[tuple[list[str], float]]:
    counted: tuple[Any, ...] = (*columns, func.count())
    query = select(*counted).group_by(*columns).order_by(*columns)
    rows: Iterable[Any] = session.exec(query if where is None else query.where(where))
    return [([str(label) for label in row[:-1]], float(row[-1])) for row in rows]


def _count(session: Session, query: Any) -> float:
    return float(session.exec(query).one())


def _filled(rows: Rows, keys: Iterable[tuple[str, ...]]) -> Rows:
    found: Mapping[tuple[str, ...], float] = {tuple(key): value for key, value in rows}
    return [(key, found.get(key, 0.0)) for key in keys]
