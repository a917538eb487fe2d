"""Which spawner a platform has: the one place where the setting is looked at."""

from __future__ import annotations

import os

from fedota_proto.errors import UsageError
from fedota_server.ports import EVERYWHERE, LOOPBACK, is_loopback
from fedota_server.spawners.address_pool import AddressPool
from fedota_server.spawners.base import Role
from fedota_server.spawners.docker_place import ContainerLimits
from fedota_server.spawners.docker_spawning import DockerSpawning
from fedota_server.spawners.platform_place import PlatformPlace
from fedota_server.spawners.process_spawning import ProcessSpawning
from fedota_server.spawners.spawning import Spawning
from fedota_server.spawners.swarm_spawning import SwarmNodes, SwarmSpawning
from fedota_server.webserver.settings import WebserverSettings


def make_spawning(settings: WebserverSettings) -> Spawning:
    """Make what the setting names; nothing is reached for yet.

    Raises
    ------
    UsageError
        It is not to be had.
    """
    if settings.spawner == "docker":
        return DockerSpawning(platform_place(settings))
    if settings.spawner == "swarm":
        return SwarmSpawning(platform_place(settings), _swarm_nodes(settings))
    return ProcessSpawning(keep_servers=settings.keep_servers)


def platform_place(settings: WebserverSettings) -> PlatformPlace:
    """Say where the platform's containers are.

    Raises
    ------
    UsageError
        This process is root's, as whose containers must not run.
    """
    if os.geteuid() == 0:
        raise UsageError(
            f"Setting FEDOTA_SPAWNER: with {settings.spawner}, run fedota as another user than "
            "root: containers run as the user whom the platform's folder belongs to."
        )
    everywhere = LOOPBACK if is_loopback(settings.public_host) else EVERYWHERE
    return PlatformPlace(
        engine=settings.docker_host,
        platform=settings.platform,
        images={
            Role.COORDINATOR: settings.coordinator_image,
            Role.SELECTOR: settings.selector_image,
            Role.CLIENT: settings.job_image,
        },
        limits={
            Role.COORDINATOR: ContainerLimits(
                settings.limit_coordinator_memory_bytes,
                settings.limit_coordinator_cpus,
                settings.limit_pids,
            ),
            Role.SELECTOR: ContainerLimits(
                settings.limit_selector_memory_bytes,
                settings.limit_selector_cpus,
                settings.limit_pids,
            ),
            Role.CLIENT: ContainerLimits(
                settings.job_memory_bytes, settings.limit_job_cpus, settings.limit_pids
            ),
        },
        user=f"{os.geteuid()}:{os.getegid()}",
        publish_on=settings.publish_on or everywhere,
        pool=AddressPool.parse(settings.network_pool),
    )


def _swarm_nodes(settings: WebserverSettings) -> SwarmNodes:
    return SwarmNodes(
        constraints=tuple(settings.swarm_constraints.split()),
        spread=tuple(settings.swarm_spread.split()),
        shared=settings.swarm_storage == "shared",
        encrypted=settings.swarm_encrypted,
    )
