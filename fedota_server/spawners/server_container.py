"""What containers of one engine and services of a Swarm say of a server in the same way."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from fedota_server.spawners.base import Role, ServerSpec
from fedota_server.spawners.container_plan import ContainerPlan
from fedota_server.spawners.docker_place import SERVER_LABEL, SPEC_LABEL, DockerPlace
from fedota_server.spawners.mounts import mounts

_READY = re.compile(rb"ready (\S+:\d+)\s*")


def ready_address(line: bytes) -> str:
    """Return the address of a log's line by which a server says that it serves; else empty."""
    found = _READY.fullmatch(line)
    return found[1].decode() if found else ""


def published_port(spec: ServerSpec) -> int:
    """Return the port that a selector listens on, by its settings; 0 where none says so."""
    if spec.role is not Role.SELECTOR:
        return 0
    _, _, port = spec.settings.get("FEDOTA_SELECTOR_LISTEN", "").rpartition(":")
    return int(port) if port.isdecimal() else 0


def fingerprint(
    spec: ServerSpec, place: DockerPlace, image: str, told: Mapping[str, str], **more: object
) -> str:
    """Name what a server is: image, settings, files, limits.

    Parameters
    ----------
    spec, place
        The server's.
    image
        The identity of its image.
    told
        Its whole environment.
    more
        What else decides whether a running one can be used.
    """
    limits = place.limits_of(spec.role)
    whole = {
        "image": image,
        "settings": dict(told),
        "reads": [str(path) for path in spec.reads],
        "writes": [str(path) for path in spec.writes],
        "user": place.user,
        "limits": asdict(limits),
        **more,
    }
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


def server_plan(
    spec: ServerSpec,
    place: DockerPlace,
    *,
    networks: Sequence[str],
    told: Mapping[str, str],
    fingerprint: str,
) -> ContainerPlan:
    """Plan the container of a server on one engine.

    Parameters
    ----------
    spec, place
        The server's.
    networks
        Those that it is on, the one that publishes its port first.
    told
        Its whole environment.
    fingerprint
        By which a later webserver knows what it is.
    """
    limits, port = place.limits_of(spec.role), published_port(spec)
    reads, writes = mounts(spec.reads, spec.writes)
    return ContainerPlan(
        name=f"{place.prefix}-{spec.name}",
        image=place.images[spec.role],
        labels={**place.labels, SERVER_LABEL: spec.name, SPEC_LABEL: fingerprint},
        command=(),
        environment=told,
        user=place.user,
        networks=dict.fromkeys(networks, (spec.name,)),
        publish=(port,) if port else (),
        publish_on=place.publish_on,
        reads=reads,
        writes=writes,
        memory_bytes=limits.memory_bytes,
        cpus=limits.cpus,
        pids=limits.pids,
        log_bytes=place.log_max_bytes,
    )
