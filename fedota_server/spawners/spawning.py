"""How a platform runs its servers and jobs: what differs between processes and containers."""

from __future__ import annotations

import abc
from collections.abc import Collection
from dataclasses import dataclass

from fedota_server.ports import EVERYWHERE, LOOPBACK, is_loopback
from fedota_server.problem_folder import ProblemFolder
from fedota_server.spawners.base import Spawner


@dataclass(frozen=True)
class Reach:
    """Where servers listen, and by which names they find one another.

    Parameters
    ----------
    listen
        Address on which the coordinator and the webserver's status service listen.
    coordinator
        Name by which a problem's selectors find its coordinator.
    webserver
        Name by which coordinators find the webserver.
    own_ports
        Whether all of them share this process's ports, so that it can tell which are free.
    """

    listen: str = LOOPBACK
    coordinator: str = LOOPBACK
    webserver: str = LOOPBACK
    own_ports: bool = True

    def outside(self, public_host: str) -> str:
        """Return the address on which those listen whom data holders ask.

        Parameters
        ----------
        public_host
            How data holders reach this machine.
        """
        return LOOPBACK if self.own_ports and is_loopback(public_host) else EVERYWHERE


ON_THIS_MACHINE = Reach()
IN_CONTAINERS = Reach(EVERYWHERE, "coordinator", "webserver", own_ports=False)


@dataclass(frozen=True)
class Fault:
    """Something that keeps servers or jobs from running.

    Parameters
    ----------
    what
        What was found, one sentence.
    remedy
        What to do about it.
    grave
        Whether nothing runs as it stands.
    """

    what: str
    remedy: str
    grave: bool = True


class Spawning(abc.ABC):
    """The spawners of one platform.

    Parameters
    ----------
    reach
        Where servers listen.
    """

    def __init__(self, reach: Reach) -> None:
        self.reach = reach

    @abc.abstractmethod
    def spawner_of(self, folder: ProblemFolder) -> Spawner:
        """Make what runs the servers of a problem, and keeps them; nothing is reached for yet.

        Parameters
        ----------
        folder
            The problem's, named by its id.
        """

    @abc.abstractmethod
    def job_spawner(self, folder: ProblemFolder) -> Spawner:
        """Make what runs jobs of a problem; it is to be released, not closed, after use."""

    @abc.abstractmethod
    async def sweep(self, kept: Collection[str]) -> None:
        """Remove what an earlier webserver left: jobs, and servers of problems that are not kept.

        To be called before anything is started.

        Parameters
        ----------
        kept
            Ids of the problems whose servers may run.

        Raises
        ------
        ServerStartError
            It cannot be told what there is.
        """

    @abc.abstractmethod
    def look(self) -> tuple[str, list[Fault]]:
        """Look at what servers and jobs need besides this installation; blocks, changes nothing.

        Returns
        -------
        str, list of Fault
            What it is, in some words, empty where nothing is needed; and what is wrong with it.
        """

    @abc.abstractmethod
    def close(self) -> None:
        """Let go of whatever was reached for; spawners made here start nothing more."""
