"""What a keeper has written down of its server."""

from __future__ import annotations

import json
import logging
import signal
from dataclasses import dataclass
from pathlib import Path

from fedota_server.spawners.process_mark import lives

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Mark:
    """A process, and when it was started: together they name one alone."""

    pid: int
    started: str

    @property
    def lives(self) -> bool:
        """Whether it still runs."""
        return lives(self.pid, self.started)


@dataclass(frozen=True)
class KeptState:
    """A server that was started to be kept.

    Parameters
    ----------
    launch, spec
        Which start it was; fingerprint of what the server was told.
    keeper, server
        The processes.
    address
        Where it serves; empty before it said so.
    exit_code
        None until the keeper has seen its end.
    tail
        The end of its log, once it has ended.
    """

    launch: str
    spec: str
    keeper: Mark
    server: Mark
    address: str
    exit_code: int | None
    tail: str

    @property
    def runs(self) -> bool:
        """Whether anything of it is left."""
        return self.exit_code is None and (self.keeper.lives or self.server.lives)

    @property
    def code(self) -> int:
        """The exit code of one that runs no more; a keeper that was killed could not tell it."""
        return -signal.SIGKILL if self.exit_code is None else self.exit_code


def load_state(path: Path) -> KeptState | None:
    """Read a keeper's file; None where there is none, a copy, or what a power cut left of one."""
    try:
        fields = json.loads(path.read_text())
        if fields["path"] != str(path):
            return None
        return KeptState(
            launch=str(fields["launch"]),
            spec=str(fields["spec"]),
            keeper=Mark(*fields["keeper"]),
            server=Mark(*fields["server"]),
            address=str(fields["address"]),
            exit_code=fields["exit_code"],
            tail=str(fields["tail"]),
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        logger.warning("%s tells nothing: %r", path, error)
        return None
