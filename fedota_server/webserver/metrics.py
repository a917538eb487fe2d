"""`/metrics`: numbers of the webserver, the coordinators and the selectors, for Prometheus."""

from __future__ import annotations

import hmac
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import psutil
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from sqlalchemy import func
from sqlmodel import Session, col, select

from fedota_proto.errors import DatabaseError, SignInError
from fedota_proto.release import release
from fedota_server.webserver.permissions import Action, require
from fedota_server.webserver.platform import Platform
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

CONTENT_TYPE = CONTENT_TYPE_LATEST

_Rows = Iterable[tuple[Sequence[str], float]]


def metrics_text(platform: Platform) -> bytes:
    """Write all numbers, in Prometheus's text format.

    Parameters
    ----------
    platform
        Opened. While its database does not answer, ``fedota_database_up`` is 0 and what is read
        from it is left out.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Numbers(platform))
    return generate_latest(registry)


def read_metrics(platform: Platform, authorization: str) -> bytes:
    """Write all numbers for whoever may see them.

    Parameters
    ----------
    authorization
        The request's header: ``Bearer`` with FEDOTA_METRICS_TOKEN, or with an admin's API token.

    Raises
    ------
    SignInError
        There is no such header, or it opens nothing.
    ForbiddenError
        The token is of somebody who is no administrator.
    """
    scheme, _, token = authorization.strip().partition(" ")
    own = platform.settings.metrics_token.get_secret_value()
    if scheme.lower() != "bearer" or not token:
        raise SignInError(
            "Send FEDOTA_METRICS_TOKEN or an administrator's API token with this request "
            "(`Authorization: Bearer …`)."
        )
    if not (own and hmac.compare_digest(token.strip().encode(), own.encode())):
        account = platform.accounts.by_token(token.strip())
        if account is None:
            raise SignInError("This token opens nothing: it is wrong, expired or revoked.")
        require(account.actor, Action.SEE_METRICS)
    return metrics_text(platform)


class _Numbers(Collector):
    """Reads everything at each scrape: a handful of queries that count."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def collect(self) -> Iterator[Metric]:
        yield from _process()
        try:
            with self._platform.database.session() as session:
                found = [*_of_platform(session), *_of_problems(session), *_of_servers(session)]
                serving = _serving(session)
        except DatabaseError:
            yield _gauge("database_up", "Whether the database answers.", value=0)
            return
        yield _gauge("database_up", "Whether the database answers.", value=1)
        yield from found
        yield from self._live(serving)

    def _live(self, serving: Sequence[str]) -> Iterator[Metric]:
        """Tell what coordinators said last, of themselves and of their selectors."""
        live = self._platform.live
        clocks = {problem: clock for problem in serving if (clock := live.clock(problem))}
        yield _gauge(
            "coordinator_attached",
            "Whether the problem's coordinator reports to the webserver.",
            ("problem",),
            [((problem,), float(live.attached(problem))) for problem in serving],
        )
        for name, text in (
            ("cohort", "Clients admitted to the open round."),
            ("reported", "Clients of the open round that have reported."),
            ("goal", "Reports that are wanted in the open round."),
            ("waiting", "Clients that wait for selection."),
        ):
            rows = [((problem,), float(getattr(clock, name))) for problem, clock in clocks.items()]
            yield _gauge(f"round_{name}_clients", text, ("problem",), rows)
        selectors = [
            ((problem, selector.name), selector)
            for problem, clock in clocks.items()
            for selector in clock.selectors
        ]
        labels = ("problem", "server")
        yield _gauge(
            "selector_attached",
            "Whether the selector is connected to its coordinator.",
            labels,
            [(key, float(selector.attached)) for key, selector in selectors],
        )
        yield _gauge(
            "selector_held_clients",
            "Clients that are connected to the selector.",
            labels,
            [(key, float(selector.held_clients)) for key, selector in selectors],
        )
        yield _counter(
            "selector_received_bytes",
            "Bytes from clients since the selector was started.",
            labels,
            [(key, float(selector.received_bytes)) for key, selector in selectors],
        )
        yield _counter(
            "selector_sent_bytes",
            "Bytes to clients since the selector was started.",
            labels,
            [(key, float(selector.sent_bytes)) for key, selector in selectors],
        )


def _process() -> Iterator[Metric]:
    process = psutil.Process()
    with process.oneshot():
        times = process.cpu_times()
        yield _gauge("info", "The release.", ("release",), [((release(),), 1.0)])
        yield _gauge("webserver_memory_bytes", "Resident memory.", value=process.memory_info().rss)
        yield _gauge("webserver_open_files", "Open files and sockets.", value=process.num_fds())
        yield _gauge("webserver_start_time_seconds", "When.", value=process.create_time())
        seconds = times.user + times.system
        yield _counter("webserver_cpu_seconds", "Processor time.", rows=[((), seconds)])


def _of_platform(session: Session) -> Iterator[Metric]:
    yield _gauge(
        "users", "Accounts.", value=_count(session, select(func.count()).select_from(User))
    )
    open_sessions = select(func.count()).where(col(WebSession.expires_unix_s) > time.time())
    yield _gauge("sessions", "Browsers that are signed in.", value=_count(session, open_sessions))
    yield _gauge("jobs", "Jobs.", ("kind", "state"), _counts(session, JobRow.kind, JobRow.state))
    statuses = _counts(session, ProblemRow.status)
    yield _gauge(
        "problems",
        "Problems in each status.",
        ("status",),
        _filled(statuses, [(status.value,) for status in Status]),
    )


def _of_problems(session: Session) -> Iterator[Metric]:
    published = select(ProblemRow.id, ProblemRow.rounds, ProblemRow.completed_round).where(
        col(ProblemRow.status) != Status.DRAFT
    )
    found = session.exec(published).all()
    label = ("problem",)
    yield _gauge("rounds_wanted", "Rounds.", label, [((one,), float(n)) for one, n, _ in found])
    yield _gauge(
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
    yield _counter(
        "rounds",
        "Rounds that ended, completed or abandoned.",
        ("problem", "outcome"),
        [((one, "completed" if done else "abandoned"), float(n)) for one, done, n, _, _ in ended],
    )
    traffic: dict[Sequence[str], float] = {}
    for one, _, _, received, sent in ended:
        for direction, size in (("in", received), ("out", sent)):
            traffic[one, direction] = traffic.get((one, direction), 0.0) + float(size or 0)
    yield _counter(
        "traffic_bytes",
        "Bytes between selectors and clients in rounds that ended.",
        ("problem", "direction"),
        traffic.items(),
    )
    yield _gauge(
        "memberships",
        "Memberships and requests.",
        ("problem", "state"),
        _counts(session, MembershipRow.problem_id, MembershipRow.state),
    )
    connected = col(ClientRow.last_change).in_(("connected", "ready"))
    yield _gauge(
        "connected_clients",
        "Enrolled clients that are connected.",
        label,
        _counts(session, ClientRow.problem_id, where=connected),
    )


def _of_servers(session: Session) -> Iterator[Metric]:
    servers = session.exec(select(ServerRow)).all()
    labels = ("problem", "server")
    yield _gauge(
        "server_up",
        "Whether a coordinator or selector runs.",
        labels,
        [((row.problem_id, row.name), float(row.state == "running")) for row in servers],
    )
    yield _gauge(
        "server_state",
        "1 for the state that it is in.",
        (*labels, "state"),
        [((row.problem_id, row.name, row.state), 1.0) for row in servers],
    )
    yield _counter(
        "server_restarts",
        "How often it was started again.",
        labels,
        [((row.problem_id, row.name), float(max(0, row.starts - 1))) for row in servers],
    )


def _serving(session: Session) -> Sequence[str]:
    wanted = select(ProblemRow.id).where(col(ProblemRow.wanted) == "serving")
    return session.exec(wanted.order_by(col(ProblemRow.id))).all()


def _counts(session: Session, *columns: Any, where: Any = None) -> list[tuple[list[str], float]]:
    counted: tuple[Any, ...] = (*columns, func.count())
    query = select(*counted).group_by(*columns).order_by(*columns)
    rows: Iterable[Any] = session.exec(query if where is None else query.where(where))
    return [([str(label) for label in row[:-1]], float(row[-1])) for row in rows]


def _count(session: Session, query: Any) -> float:
    return float(session.exec(query).one())


def _filled(rows: _Rows, keys: Iterable[tuple[str, ...]]) -> _Rows:
    found: Mapping[tuple[str, ...], float] = {tuple(key): value for key, value in rows}
    return [(key, found.get(key, 0.0)) for key in keys]


def _gauge(
    name: str,
    text: str,
    labels: Sequence[str] = (),
    rows: _Rows = (),
    *,
    value: float | None = None,
) -> Metric:
    family = GaugeMetricFamily(f"fedota_{name}", text, labels=labels)
    for key, number in rows if value is None else [((), float(value))]:
        family.add_metric(key, number)
    return family


def _counter(name: str, text: str, labels: Sequence[str] = (), rows: _Rows = ()) -> Metric:
    family = CounterMetricFamily(f"fedota_{name}", text, labels=labels)
    for key, number in rows:
        family.add_metric(key, number)
    return family
