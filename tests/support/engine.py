"""A Docker engine for tests, and a small image whose program does as it is told."""

from __future__ import annotations

import io
import ipaddress
import os
import tarfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from docker.errors import DockerException

from fedota_proto.errors import ServerStartError
from fedota_server.spawners.address_pool import AddressPool
from fedota_server.spawners.base import Role
from fedota_server.spawners.docker_place import DockerPlace
from fedota_server.spawners.engine import Engine

SOCKET = "unix:///var/run/docker.sock"
PLATFORM = "fedota-test"
# Beside that of platforms by compose, which other tests have.
POOL = AddressPool(ipaddress.IPv4Network("10.213.0.0/18"))
BASE = "python:3.11-slim"
_PROGRAM = Path(__file__).parents[1] / "contract" / "scripted_program.py"
_DOCKERFILE = f"""FROM {BASE}
COPY scripted_program.py /scripted_program.py
ENTRYPOINT ["python", "-P", "/scripted_program.py"]
"""


def unless_in_ci(reason: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """Reach the engine of this machine; what an earlier run left is removed first."""
    try:
        made = Engine(SOCKET)
    except ServerStartError as error:
        unless_in_ci(error.public_message)
        raise
    client = docker.DockerClient(base_url=SOCKET)
    label: dict[str, str | list[str] | bool] = {"label": f"io.fedota.platform={PLATFORM}"}
    for container in client.containers.list(all=True, filters=label):
        container.remove(force=True)
    for network in client.networks.list(filters=label):
        network.remove()
    client.close()
    yield made
    made.close()


@pytest.fixture(scope="session")
def scripted_image(engine: Engine) -> str:
    """Build the image once; nothing is fetched."""
    tag = "fedota/scripted:test"
    client = docker.DockerClient(base_url=SOCKET)
    try:
        client.images.get(BASE)
        context = io.BytesIO()
        with tarfile.open(fileobj=context, mode="w") as archive:
            for name, text in (
                ("Dockerfile", _DOCKERFILE.encode()),
                ("scripted_program.py", _PROGRAM.read_bytes()),
            ):
                member = tarfile.TarInfo(name)
                member.size = len(text)
                archive.addfile(member, io.BytesIO(text))
        context.seek(0)
        client.images.build(fileobj=context, custom_context=True, tag=tag, rm=True)
    except DockerException as error:
        unless_in_ci(f"the image {BASE} is not here: {error}")
    finally:
        client.close()
    return tag


def docker_place(logs: Path, image: str, pool: AddressPool | None = None) -> DockerPlace:
    """Return a place for a problem of its own.

    Parameters
    ----------
    pool
        Of which its networks get their addresses; `POOL` unless told.
    """
    return DockerPlace(
        platform=PLATFORM,
        problem_id=uuid.uuid4().hex[:12],
        images=dict.fromkeys(Role, image),
        user="10001:10001",
        logs=logs,
        # The engine keeps lines of two streams in the order in which it reads them, each wrapped in
        # JSON: what says that a server is ready may come before all else, and must be kept.
        log_max_bytes=1 << 20,
        pool=pool or POOL,
    )
