"""Where a problem's containers are: how they are named and labelled, and what they may use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fedota_server.spawners.address_pool import AddressPool
from fedota_server.spawners.base import Role

PLATFORM_LABEL = "io.fedota.platform"
PROBLEM_LABEL = "io.fedota.problem"
SERVER_LABEL = "io.fedota.server"
JOB_LABEL = "io.fedota.job"
RUN_LABEL = "io.fedota.run"
SPEC_LABEL = "io.fedota.spec"


@dataclass(frozen=True)
class ContainerLimits:
    """What a container may use.

    Parameters
    ----------
    memory_bytes, cpus, pids
        Of its whole tree.
    """

    memory_bytes: int = 2 << 30
    cpus: float = 2.0
    pids: int = 512


@dataclass(frozen=True)
class DockerPlace:
    """Where a problem's containers are.

    Parameters
    ----------
    platform, problem_id
        In the names and labels of everything.
    images
        For each role.
    user
        ``uid:gid`` that the containers run as; theirs are the problem's files.
    logs
        Folder that the servers' logs are copied to.
    publish_on
        Address of the host that selectors' ports are published on.
    webserver
        The webserver's own container, which is connected to the coordinator's network; empty: none.
    limits
        For each role.
    log_max_bytes
        Size at which a log is rotated.
    run
        Names the webserver's process, with which its jobs end.
    pool
        Of which networks get their addresses; None: of the engine's own pools.
    """

    platform: str
    problem_id: str
    images: Mapping[Role, str]
    user: str
    logs: Path
    publish_on: str = "127.0.0.1"
    webserver: str = ""
    limits: Mapping[Role, ContainerLimits] = field(default_factory=dict)
    log_max_bytes: int = 8 << 20
    run: str = ""
    pool: AddressPool | None = None

    def limits_of(self, role: Role) -> ContainerLimits:
        """Return what a container of this role may use."""
        return self.limits.get(role, ContainerLimits())

    @property
    def prefix(self) -> str:
        """How the names of everything begin."""
        return f"{self.platform}-{self.problem_id}"

    @property
    def labels(self) -> dict[str, str]:
        """The labels that everything of the problem bears."""
        return {PLATFORM_LABEL: self.platform, PROBLEM_LABEL: self.problem_id}
