"""A Swarm of one node for tests, made where there is none and left again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.errors import APIError, DockerException

from fedota_server.spawners.engine import Engine
from fedota_server.spawners.swarm_engine import SwarmEngine
from fedota_server.spawners.swarm_place import SwarmPlace
from support.engine import PLATFORM, SOCKET, docker_place, unless_in_ci

STOP_GRACE_S = 1.0
PLACE_MOST_S = 20.0


@pytest.fixture(scope="session")
def swarm_manager(engine: Engine) -> Iterator[SwarmEngine]:
    """Reach the engine of this machine as a Swarm's manager."""
    client = docker.DockerClient(base_url=SOCKET)
    with closing(client):
        made = client.info()["Swarm"]["LocalNodeState"] == "inactive"
        try:
            if made:
                client.swarm.init(advertise_addr="127.0.0.1", listen_addr="127.0.0.1:2377")
            manager = SwarmEngine(SOCKET)
        except DockerException as error:
            unless_in_ci(f"the engine makes no Swarm: {error}")
            raise
        left: Any = client.services
        for service in left.list(filters={"label": f"io.fedota.platform={PLATFORM}"}):
            service.remove()
        yield manager
        manager.close()
        if made:
            with suppress(APIError):  # a test of several engines has left it already
                client.swarm.leave(force=True)


def swarm_place(logs: Path, image: str) -> SwarmPlace:
    """Return a place for a problem of its own."""
    return SwarmPlace(
        docker_place(logs, image),
        keys=logs.parent / "keys",
        stop_grace_s=STOP_GRACE_S,
        place_most_s=PLACE_MOST_S,
    )
