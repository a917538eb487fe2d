"""`/metrics`: numbers of the webserver, the coordinators and the selectors, for Prometheus."""

from __future__ import annotations

import contextlib
import hmac
from collections.abc import Iterator, Sequence

import psutil
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from fedota_proto.errors import DatabaseError, SignInError
from fedota_proto.release import release
from fedota_server.spawners.kept_state import load_state
from fedota_server.webserver.metric_families import counter, gauge
from fedota_server.webserver.metric_queries import (
    numbers_of_platform,
    numbers_of_problems,
    numbers_of_servers,
    serving,
)
from fedota_server.webserver.permissions import Action, require
from fedota_server.webserver.platform import Platform

CONTENT_TYPE = CONTENT_TYPE_LATEST


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
                found = [
                    *numbers_of_platform(session),
                    *numbers_of_problems(session),
                    *numbers_of_servers(session),
                ]
                served = serving(session)
        except DatabaseError:
            yield gauge("database_up", "Whether the database answers.", value=0)
            return
        yield gauge("database_up", "Whether the database answers.", value=1)
        yield from found
        yield from self._live(served)
        yield _memory(self._platform, served)

    def _live(self, serving: Sequence[str]) -> Iterator[Metric]:
        """Tell what coordinators said last, of themselves and of their selectors."""
        live = self._platform.live
        clocks = {problem: clock for problem in serving if (clock := live.clock(problem))}
        yield gauge(
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
            yield gauge(f"round_{name}_clients", text, ("problem",), rows)
        selectors = [
            ((problem, selector.name), selector)
            for problem, clock in clocks.items()
            for selector in clock.selectors
        ]
        labels = ("problem", "server")
        yield gauge(
            "selector_attached",
            "Whether the selector is connected to its coordinator.",
            labels,
            [(key, float(selector.attached)) for key, selector in selectors],
        )
        yield gauge(
            "selector_held_clients",
            "Clients that are connected to the selector.",
            labels,
            [(key, float(selector.held_clients)) for key, selector in selectors],
        )
        yield counter(
            "selector_received_bytes",
            "Bytes from clients since the selector was started.",
            labels,
            [(key, float(selector.received_bytes)) for key, selector in selectors],
        )
        yield counter(
            "selector_sent_bytes",
            "Bytes to clients since the selector was started.",
            labels,
            [(key, float(selector.sent_bytes)) for key, selector in selectors],
        )


def _process() -> Iterator[Metric]:
    process = psutil.Process()
    with process.oneshot():
        times = process.cpu_times()
        yield gauge("info", "The release.", ("release",), [((release(),), 1.0)])
        yield gauge("webserver_memory_bytes", "Resident memory.", value=process.memory_info().rss)
        yield gauge("webserver_open_files", "Open files and sockets.", value=process.num_fds())
        yield gauge("webserver_start_time_seconds", "When.", value=process.create_time())
        seconds = times.user + times.system
        yield counter("webserver_cpu_seconds", "Processor time.", rows=[((), seconds)])


def _memory(platform: Platform, served: Sequence[str]) -> Metric:
    """Ask the system for the memory of the servers whose keepers wrote down their process."""
    rows: list[tuple[tuple[str, str], float]] = []
    for problem in served:
        folder = platform.settings.home / "problems" / problem / ".fedota" / "servers"
        for path in sorted(folder.glob("*.json")):
            kept = load_state(path)
            if kept is not None and kept.server.lives:
                with contextlib.suppress(psutil.Error):
                    used = psutil.Process(kept.server.pid).memory_info().rss
                    rows.append(((problem, path.stem), float(used)))
    labels = ("problem", "server")
    return gauge("server_memory_bytes", "Resident memory of a server's process.", labels, rows)
