"""Everything as containers of one Docker engine."""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from collections.abc import Callable, Collection

from fedota_proto.errors import ServerStartError
from fedota_server.problem_folder import ProblemFolder
from fedota_server.spawners.base import Spawner
from fedota_server.spawners.docker import DockerSpawner
from fedota_server.spawners.docker_look import look_at_engine
from fedota_server.spawners.docker_place import JOB_LABEL, PLATFORM_LABEL, RUN_LABEL
from fedota_server.spawners.engine import Engine
from fedota_server.spawners.platform_place import PlatformPlace
from fedota_server.spawners.spawning import IN_CONTAINERS, Fault, Spawning

logger = logging.getLogger(__name__)


class DockerSpawning(Spawning):
    """Containers of one engine, on networks of each problem's own.

    Parameters
    ----------
    place
        The platform's.
    reach_engine
        Reaches the engine at an address.
    """

    def __init__(
        self, place: PlatformPlace, reach_engine: Callable[[str], Engine] = Engine
    ) -> None:
        super().__init__(IN_CONTAINERS)
        self._place = place
        self._reach_engine = reach_engine
        self._opened: Engine | None = None
        self._opening = threading.Lock()

    def spawner_of(self, folder: ProblemFolder) -> Spawner:
        """Make what runs a problem's servers; see `Spawning.spawner_of`."""
        return DockerSpawner(self._engine, self._place.of_problem(folder))

    def job_spawner(self, folder: ProblemFolder) -> Spawner:
        """Make what runs a problem's jobs; see `Spawning.job_spawner`."""
        return self.spawner_of(folder)

    async def sweep(self, kept: Collection[str]) -> None:
        """Remove what an earlier webserver left; see `Spawning.sweep`."""
        await asyncio.to_thread(self._sweep, frozenset(kept))

    def look(self) -> tuple[str, list[Fault]]:
        """Look at the engine, its images and networks; see `Spawning.look`."""
        return look_at_engine(self._engine, self._place)

    def close(self) -> None:
        """Let go of the engine."""
        with self._opening:
            if self._opened is not None:
                self._opened.close()
                self._opened = None

    def _engine(self) -> Engine:
        """Reach the engine once; any thread may ask."""
        with self._opening:
            if self._opened is None:
                self._opened = self._reach_engine(self._place.engine)
            return self._opened

    def _sweep(self, kept: frozenset[str]) -> None:
        engine, ours = self._engine(), {PLATFORM_LABEL: self._place.platform}
        for name in engine.containers(ours):
            if self._is_over(engine, name, kept):
                logger.info("the container %s was left over and is removed", name)
                engine.remove(name)
        for name in engine.networks(ours):
            if self._left_over(name, kept):
                logger.info("the network %s was left over and is removed", name)
                try:
                    engine.remove_network(name, disconnect=self._place.webserver)
                except ServerStartError as error:  # somebody's own container is on it
                    logger.warning("%s", error.public_message)

    def _left_over(self, name: str, kept: frozenset[str]) -> bool:
        found = re.fullmatch(rf"{re.escape(self._place.platform)}-([0-9a-f]{{12}})-.+", name)
        return found is not None and found[1] not in kept

    def _is_over(self, engine: Engine, name: str, kept: frozenset[str]) -> bool:
        """Whether a container is of an earlier webserver's jobs, or of a problem nobody keeps."""
        state = engine.state(name)
        if state is None:
            return False
        if JOB_LABEL in state.labels:
            return state.labels.get(RUN_LABEL) != self._place.run
        return self._left_over(name, kept)
