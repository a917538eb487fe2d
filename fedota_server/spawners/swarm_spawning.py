"""Servers as services of a Swarm, jobs as containers of its manager."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from dataclasses import dataclass

from fedota_proto.errors import ServerStartError
from fedota_server.problem_folder import ProblemFolder
from fedota_server.spawners.base import Spawner
from fedota_server.spawners.docker import DockerSpawner
from fedota_server.spawners.docker_place import PLATFORM_LABEL, PROBLEM_LABEL
from fedota_server.spawners.docker_spawning import DockerSpawning
from fedota_server.spawners.platform_place import PlatformPlace
from fedota_server.spawners.spawning import Fault
from fedota_server.spawners.swarm import SwarmSpawner
from fedota_server.spawners.swarm_engine import SwarmEngine
from fedota_server.spawners.swarm_look import look_at_swarm
from fedota_server.spawners.swarm_place import SwarmPlace

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SwarmNodes:
    """Which nodes a platform uses, and how; as for `SwarmPlace`.

    Parameters
    ----------
    constraints, spread, shared, encrypted
        See there.
    """

    constraints: tuple[str, ...] = ()
    spread: tuple[str, ...] = ()
    shared: bool = False
    encrypted: bool = False


class SwarmSpawning(DockerSpawning):
    """Services of a Swarm, on networks of each problem's own.

    Parameters
    ----------
    place
        The platform's; its engine is a manager's.
    nodes
        Which are used.
    """

    def __init__(self, place: PlatformPlace, nodes: SwarmNodes) -> None:
        super().__init__(place, SwarmEngine)
        self._nodes = nodes

    def spawner_of(self, folder: ProblemFolder) -> Spawner:
        """Make what runs a problem's servers; see `Spawning.spawner_of`."""
        nodes = self._nodes
        place = SwarmPlace(
            self._place.of_problem(folder),
            keys=folder.keys_folder.resolve(),
            constraints=nodes.constraints,
            spread=nodes.spread,
            shared=nodes.shared,
            encrypted=nodes.encrypted,
        )
        return SwarmSpawner(self._manager, place)

    def job_spawner(self, folder: ProblemFolder) -> Spawner:
        """Make what runs a problem's jobs; see `Spawning.job_spawner`."""
        return DockerSpawner(self._engine, self._place.of_problem(folder))

    async def sweep(self, kept: Collection[str]) -> None:
        """Remove what an earlier webserver left; see `Spawning.sweep`."""
        await asyncio.to_thread(self._sweep_services, frozenset(kept))
        await super().sweep(kept)

    def look(self) -> tuple[str, list[Fault]]:
        """Look at the manager, its images, networks and nodes; see `Spawning.look`."""
        said, faults = super().look()
        try:
            manager = self._manager()
        except ServerStartError:
            return said, faults  # which stands among them
        more = look_at_swarm(manager, self._place)
        return f"the Swarm managed by {said}", [*faults, *more]

    def _manager(self) -> SwarmEngine:
        engine = self._engine()
        assert isinstance(engine, SwarmEngine)  # noqa: S101
        return engine

    def _sweep_services(self, kept: frozenset[str]) -> None:
        manager, ours = self._manager(), {PLATFORM_LABEL: self._place.platform}
        for name, labels in manager.services(ours).items():
            if (problem := labels.get(PROBLEM_LABEL)) and problem not in kept:
                logger.info("the service %s was left over and is removed", name)
                manager.remove_service(name)
        for problem in manager.carried_by(PROBLEM_LABEL, ours) - kept:
            manager.remove_carried({**ours, PROBLEM_LABEL: problem})
