"""The ports of a problem's servers on this machine, chosen once and kept in its folder."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import secrets
import socket
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

from fedota_proto.credential import write_secret
from fedota_proto.errors import FolderError, ServerStartError

LOOPBACK = "127.0.0.1"
EVERYWHERE = "0.0.0.0"  # noqa: S104

# Below the ports that systems hand out for outgoing connections, so that none is lost to one.
DEFAULT_SPAN = (20_000, 29_999)


@dataclass(frozen=True)
class Ports:
    """Where a problem's servers listen.

    Parameters
    ----------
    host
        The name or address by which data holders reach this machine; loopback for a trial on one.
    status, coordinator
        Ports of ``fedota serve``'s status service and of the coordinator; both listen on loopback.
    selectors
        Ports of the selectors, the first one's first.
    front
        Port of a proxy on `host` that passes every selector's TLS through by its name, so that
        data holders need no other; 0 where each selector is reached at its own.
    """

    host: str
    status: int
    coordinator: int
    selectors: tuple[int, ...]
    front: int = 0

    @property
    def selector_listen_host(self) -> str:
        """Where selectors listen: on loopback alone if the host is loopback."""
        return LOOPBACK if is_loopback(self.host) else EVERYWHERE

    @property
    def status_address(self) -> str:
        """Address of the status service."""
        return f"{LOOPBACK}:{self.status}"

    @property
    def coordinator_address(self) -> str:
        """Address of the coordinator."""
        return f"{LOOPBACK}:{self.coordinator}"

    def selector_address(self, number: int) -> str:
        """Return where clients reach selector `number`, counted from 1."""
        return f"{_bracketed(self.host)}:{self.front or self.selectors[number - 1]}"

    def selector_listen(self, number: int) -> str:
        """Return where selector `number` listens, counted from 1."""
        return f"{self.selector_listen_host}:{self.selectors[number - 1]}"

    @classmethod
    def load(cls, path: Path) -> Self | None:
        """Read the file.

        Returns
        -------
        Ports or None
            None where there is no file.

        Raises
        ------
        FolderError
            It is damaged.
        """
        try:
            fields: dict[str, Any] = json.loads(path.read_text())
            numbers = (fields["status"], fields["coordinator"], *fields["selectors"])
            if not all(isinstance(port, int) and 0 < port < 1 << 16 for port in numbers):
                raise ValueError("a port is out of range")
            front = int(fields.get("front", 0))
            ports = cls(str(fields["host"]), numbers[0], numbers[1], numbers[2:], front)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise FolderError(
                f"{path} is damaged: remove it, and new ports are chosen; invites that name the "
                "old ones must then be made again.",
                detail=repr(error),
            ) from error
        return ports

    def save(self, path: Path) -> None:
        """Write the file, beside its place and then renamed.

        Raises
        ------
        FolderError
            The folder cannot be written.
        """
        write_secret(path, (json.dumps(asdict(self), indent=1) + "\n").encode())

    @property
    def all(self) -> frozenset[int]:
        """Every port."""
        return frozenset((self.status, self.coordinator, *self.selectors))

    def with_selectors(
        self, count: int, taken: Iterable[int] = (), span: tuple[int, int] = DEFAULT_SPAN
    ) -> Ports:
        """Return the same with ports for at least `count` selectors; those there stay."""
        more = free_ports(max(0, count - len(self.selectors)), {*self.all, *taken}, span)
        return replace(self, selectors=(*self.selectors, *more))


def choose_ports(
    host: str, selectors: int, taken: Iterable[int] = (), span: tuple[int, int] = DEFAULT_SPAN
) -> Ports:
    """Choose free ports for a problem.

    Raises
    ------
    ServerStartError
        None can be found.
    """
    status, coordinator, *rest = free_ports(2 + selectors, taken, span)
    return Ports(host, status, coordinator, tuple(rest))


def free_ports(
    count: int, taken: Iterable[int] = (), span: tuple[int, int] = DEFAULT_SPAN
) -> list[int]:
    """Find ports on which nothing listens.

    Parameters
    ----------
    count
        How many.
    taken
        Ports that are not to be chosen, though nothing listens there now.
    span
        The lowest and the highest that may be chosen.

    Raises
    ------
    ServerStartError
        None can be found.
    """
    found: list[int] = []
    lowest, highest = span
    taken = set(taken)
    first = lowest + secrets.randbelow(highest - lowest + 1)
    for port in (*range(first, highest + 1), *range(lowest, first)):
        if len(found) == count:
            break
        if port not in taken and is_free(port):
            found.append(port)
    if len(found) == count:
        return found
    raise ServerStartError(
        f"No {count} free ports between {lowest} and {highest} were found: archive problems that "
        "nobody needs, end what listens there, or widen FEDOTA_SELECTOR_PORTS."
    )


def is_free(port: int, host: str = EVERYWHERE) -> bool:
    """Tell whether a server could listen there now."""
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
