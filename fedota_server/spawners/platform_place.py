"""What all problems of a platform of containers have in common."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from fedota_server.problem_folder import ProblemFolder
from fedota_server.spawners.address_pool import AddressPool
from fedota_server.spawners.base import Role
from fedota_server.spawners.docker_place import ContainerLimits, DockerPlace

SOCKET = "unix:///var/run/docker.sock"


@dataclass(frozen=True)
class PlatformPlace:
    """Where a platform's containers are.

    Parameters
    ----------
    engine
        Address of the engine's socket.
    platform
        In the names and labels of everything.
    images, limits
        For each role.
    user
        ``uid:gid`` that the containers run as, which the platform's files belong to.
    publish_on
        Address of the host that selectors' ports are published on.
    pool
        Of which problems' networks get their addresses; None: of the engine's own pools.
    run
        Names this process among those that ran the platform.
    """

    engine: str
    platform: str
    images: Mapping[Role, str]
    limits: Mapping[Role, ContainerLimits]
    user: str
    publish_on: str
    pool: AddressPool | None = None
    run: str = field(default_factory=lambda: secrets.token_hex(8))

    @property
    def webserver(self) -> str:
        """The webserver's own container, by whose name it is found also after an upgrade."""
        return f"{self.platform}-webserver"

    def of_problem(self, folder: ProblemFolder) -> DockerPlace:
        """Narrow it to one problem, whose folder bears its id."""
        return DockerPlace(
            platform=self.platform,
            problem_id=folder.folder.name,
            images=self.images,
            user=self.user,
            logs=folder.logs,
            publish_on=self.publish_on,
            webserver=self.webserver,
            limits=self.limits,
            run=self.run,
            pool=self.pool,
        )
