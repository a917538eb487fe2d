"""Everything as processes of this machine."""

from __future__ import annotations

from collections.abc import Collection

from fedota_server.problem_folder import ProblemFolder
from fedota_server.spawners.base import Spawner
from fedota_server.spawners.kept import KeptProcessSpawner
from fedota_server.spawners.lifeline import Lifeline
from fedota_server.spawners.process import ProcessSpawner
from fedota_server.spawners.spawning import ON_THIS_MACHINE, Fault, Spawning


class ProcessSpawning(Spawning):
    """Servers each below a keeper, which can outlive the webserver; jobs, which do not.

    Parameters
    ----------
    keep_servers
        Whether servers go on when the webserver ends, however it ends.
    """

    def __init__(self, *, keep_servers: bool = True) -> None:
        super().__init__(ON_THIS_MACHINE)
        self._keep_servers = keep_servers
        self._lifeline: Lifeline | None = None

    def spawner_of(self, folder: ProblemFolder) -> Spawner:
        """Make what runs a problem's servers; see `Spawning.spawner_of`."""
        if self._lifeline is None and not self._keep_servers:
            self._lifeline = Lifeline()
        return KeptProcessSpawner(folder.state / "servers", folder.logs, lifeline=self._lifeline)

    def job_spawner(self, folder: ProblemFolder) -> Spawner:
        """Make what runs a problem's jobs; see `Spawning.job_spawner`."""
        return ProcessSpawner(folder.logs)

    async def sweep(self, kept: Collection[str]) -> None:
        """Do nothing: jobs end with their webserver, and keepers know their servers."""

    def look(self) -> tuple[str, list[Fault]]:
        """Find that nothing else is needed."""
        return "", []

    def close(self) -> None:
        """Let go of the servers that are not kept, as the end of this process would."""
        if self._lifeline is not None:
            self._lifeline.close()
            self._lifeline = None
