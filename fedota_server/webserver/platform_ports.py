"""The webserver's own ports for gRPC, chosen once and kept in the platform's folder.

Coordinators that outlive the webserver report to the same address afterwards, and invites name the
other one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from fedota_proto.credential import write_secret
from fedota_proto.errors import FolderError
from fedota_server.ports import Ports, free_ports
from fedota_server.spawners.spawning import Reach


@dataclass(frozen=True)
class PlatformPorts:
    """Where the webserver listens for coordinators and for data holders.

    Parameters
    ----------
    status
        Port of the status service.
    round
        Port of the fl_round service of problems whose selectors do not run.
    """

    status: int
    round: int

    def status_listen(self, reach: Reach) -> str:
        """Return where the status service listens."""
        return f"{reach.listen}:{self.status}"

    def status_address(self, reach: Reach) -> str:
        """Return where coordinators report."""
        return f"{reach.webserver}:{self.status}"

    def round_listen(self, reach: Reach, public_host: str) -> str:
        """Return where the fl_round service listens: loopback alone if the host is loopback."""
        return f"{reach.outside(public_host)}:{self.round}"

    def round_address(self, public_host: str, front: int = 0) -> str:
        """Return where data holders reach the fl_round service.

        Parameters
        ----------
        public_host
            How they reach this machine.
        front
            Port of the proxy that passes it through; 0 for none.
        """
        host = f"[{public_host}]" if ":" in public_host else public_host
        return f"{host}:{front or self.round}"


def platform_ports(home: Path, *, round_port: int = 0) -> PlatformPorts:
    """Read the ports, or choose them now; none is chosen that a problem keeps.

    Parameters
    ----------
    home
        The platform's folder.
    round_port
        The settings' own choice; 0 keeps what was chosen.

    Raises
    ------
    FolderError, ServerStartError
        The file is damaged or cannot be written; no port is free.
    """
    path = home / "ports.json"
    kept = _load(path)
    status, own_round = kept or (0, 0)
    missing = [status == 0, own_round == 0 and not round_port]
    found = free_ports(sum(missing), taken=[round_port, *_kept_by_problems(home)])
    if missing[0]:
        status = found.pop(0)
    if missing[1]:
        own_round = found.pop(0)
    if (status, own_round) != kept:
        chosen = PlatformPorts(status, own_round)
        write_secret(path, (json.dumps(asdict(chosen), indent=1) + "\n").encode())
    return PlatformPorts(status, round_port or own_round)


def kept_ports(home: Path) -> tuple[int, ...]:
    """List the ports that were chosen, to be looked at; none are chosen now.

    Raises
    ------
    FolderError
        The file is damaged.
    """
    return tuple(port for port in _load(home / "ports.json") or () if port)


def _load(path: Path) -> tuple[int, int] | None:
    try:
        fields = json.loads(path.read_text())
        ports = (int(fields["status"]), int(fields["round"]))
        if not all(0 <= port < 1 << 16 for port in ports):
            raise ValueError("a port is out of range")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FolderError(
            f"{path} is damaged: remove it, and new ports are chosen; servers that run are then "
            "started again, and invites must be made again.",
            detail=repr(error),
        ) from error
    return ports


def _kept_by_problems(home: Path) -> Iterable[int]:
    for path in (home / "problems").glob("*/.fedota/ports.json"):
        ports = Ports.load(path)
        if ports is not None:
            yield from ports.all
