"""Where a problem's services are in a Swarm, and which nodes may have them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from fedota_server.spawners.docker_place import DockerPlace

_SERVICE_NAME_MOST = 63
_SECRET_NAME_MOST = 64
# A folder that every Debian image has and anybody may write to; a volume there keeps its mode.
SCRATCH = "/var/tmp"  # noqa: S108
ADDRESS_LABEL = "io.fedota.address"


@dataclass(frozen=True)
class SwarmPlace:
    """Where a problem's services are.

    Parameters
    ----------
    containers
        Names, images and limits, as for containers of one engine; jobs are such containers.
    keys
        The problem's folder of keys: what a server reads below it travels as secrets.
    constraints
        What must hold of every node that is used, as ``node.labels.zone==a``.
    spread
        Labels over whose values Swarm spreads, as ``node.labels.rack``.
    shared
        Whether every node finds the problem's folder at the same path, on shared storage. If not,
        servers that need it stay on the node of this engine.
    encrypted
        Whether Swarm's networks are encrypted below TLS as well; that takes a kernel with ESP.
    stop_grace_s
        Seconds that a server has between being asked to end and being killed, on every node.
    place_most_s
        Seconds within which Swarm has to have a server running, at its start and when it moves it.
    """

    containers: DockerPlace
    keys: Path
    constraints: tuple[str, ...] = ()
    spread: tuple[str, ...] = ()
    shared: bool = False
    encrypted: bool = False
    stop_grace_s: float = 10.0
    place_most_s: float = 120.0

    def service(self, name: str) -> str:
        """Name the service of a server."""
        return _cut(f"{self.containers.prefix}-{name}", _SERVICE_NAME_MOST)

    def secret(self, token: str) -> str:
        """Name a secret or a configuration that nobody else has."""
        return _cut(f"{self.containers.prefix}-{token}", _SECRET_NAME_MOST)


def _cut(name: str, most: int) -> str:
    """Shorten a name so that it stays one of its own, and begins as before."""
    if len(name) <= most:
        return name
    mark = hashlib.sha256(name.encode()).hexdigest()[:12]
    return f"{name[: most - 13].rstrip('-')}-{mark}"
