"""The ports: free, or listened on by Fedota itself."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from fedota_proto.errors import FolderError
from fedota_server.ports import LOOPBACK, Ports, is_free
from fedota_server.spawners.spawning import ON_THIS_MACHINE, Reach
from fedota_server.webserver.doctor.finding import Finding, fine, problem, warning
from fedota_server.webserver.platform_ports import kept_ports
from fedota_server.webserver.settings import WebserverSettings, is_loopback

_NAME = "ports"
_PRIVILEGED = 1024
_PORTS_OF_A_PROBLEM = 3  # two within, and its first selector's


@dataclass(frozen=True)
class Listener:
    """Who listens on a port.

    Parameters
    ----------
    program
        Its name and process id; empty where it is another user's.
    ours
        Whether it is a process of Fedota.
    """

    program: str
    ours: bool


@dataclass(frozen=True)
class _Need:
    port: int
    host: str
    use: str
    setting: str


def listeners() -> dict[int, Listener]:
    """Find out who listens on which port of this machine."""
    found = {}
    for connection in psutil.net_connections(kind="tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr:
            found[connection.laddr.port] = _listener(connection.pid)
    return found


def check_ports(
    settings: WebserverSettings, known: Mapping[int, Listener], reach: Reach = ON_THIS_MACHINE
) -> list[Finding]:
    """Look at the web page's port, at those of every problem, and at how many are left.

    Parameters
    ----------
    settings
        Name the ports.
    known
        Who listens where.
    reach
        Whether problems' servers listen on this machine's ports: only then can they be looked at.
    """
    found: list[Finding] = []
    free = ours = 0
    for need in _needs(settings, reach):
        listener = known.get(need.port)
        if listener is not None and listener.ours:
            ours += 1
        elif listener is not None:
            found.append(
                problem(
                    _NAME,
                    f"port {need.port} ({need.use}) is taken by "
                    f"{listener.program or 'a program of another user'}",
                    f"End it, or {need.setting}.",
                )
            )
        elif is_free(need.port, need.host):
            free += 1
        else:
            why = " (ports below 1024 need a privilege)" if need.port < _PRIVILEGED else ""
            found.append(
                problem(
                    _NAME,
                    f"nothing can listen on {need.host} port {need.port} ({need.use}){why}",
                    f"Check the address, or {need.setting}.",
                )
            )
    if free or ours:
        in_use = f", {ours} in use by Fedota itself" if ours else ""
        found.insert(0, fine(_NAME, f"{free} free{in_use}; the web page's is {settings.web_port}"))
    return [*found, *_check_range(settings), *_check_reach(settings)]


def _check_range(settings: WebserverSettings) -> Iterator[Finding]:
    """Notice that the next problem, or its next selector, will find no port."""
    span = settings.selector_port_range
    kept: set[int] = set()
    for path in settings.home.glob("problems/*/.fedota/ports.json"):
        with contextlib.suppress(FolderError):  # which is said when the problem starts
            ports = Ports.load(path)
            kept |= ports.all if ports is not None else frozenset()
    left = len(span) - len(kept & set(span))
    if left < _PORTS_OF_A_PROBLEM:
        yield warning(
            _NAME,
            f"of the ports {settings.selector_ports} only {left} are in no problem's keeping, and "
            f"a new problem takes {_PORTS_OF_A_PROBLEM}",
            "Widen FEDOTA_SELECTOR_PORTS, and the firewall with it.",
        )


def _check_reach(settings: WebserverSettings) -> Iterator[Finding]:
    """Notice a page for everybody whose invites lead to this machine alone."""
    page_for_all = settings.trusted_proxy or not is_loopback(settings.web_host)
    if page_for_all and is_loopback(settings.public_host):
        yield warning(
            _NAME,
            f"others reach the web page, but invites name {settings.public_host}, which is each "
            "data holder's own machine",
            "Set FEDOTA_PUBLIC_HOST to the name by which data holders reach this machine.",
        )


def _needs(settings: WebserverSettings, reach: Reach) -> Iterator[_Need]:
    yield _Need(settings.web_port, settings.web_host, "web page", "set FEDOTA_WEB_PORT")
    outside = reach.outside(settings.public_host)
    if settings.round_port:
        use = "for clients of completed problems"
        yield _Need(settings.round_port, outside, use, "set FEDOTA_ROUND_PORT")
    remedy = f"remove {settings.home / 'ports.json'}: new ports are chosen, invites made again"
    for port in kept_ports(settings.home):
        yield _Need(port, outside, "the webserver's own", remedy)
    if reach.own_ports:
        for path in sorted(settings.home.glob("problems/*/.fedota/ports.json")):
            yield from _needs_of_problem(path)


def _needs_of_problem(path: Path) -> Iterator[_Need]:
    try:
        ports = Ports.load(path)
    except FolderError:
        return  # which is said when the problem starts
    if ports is None:
        return
    name = path.parent.parent.name
    remedy = f"remove {path}: new ports are chosen, and invites must be made again"
    for number, port in enumerate(ports.selectors, start=1):
        host = ports.selector_listen_host
        yield _Need(port, host, f"selector {number} of problem {name}", remedy)
    yield _Need(ports.coordinator, LOOPBACK, f"coordinator of problem {name}", remedy)


def _listener(pid: int | None) -> Listener:
    if pid is None:
        return Listener("", ours=False)
    try:
        process = psutil.Process(pid)
        ours = any("fedota" in part for part in process.cmdline())
        return Listener(f"{process.name()} (process {pid})", ours=ours)
    except psutil.Error:
        return Listener("", ours=False)
