"""What a Swarm lacks for a platform's servers."""

from __future__ import annotations

from collections.abc import Iterator

from fedota_proto.errors import ServerStartError
from fedota_server.spawners.base import Role
from fedota_server.spawners.platform_place import PlatformPlace
from fedota_server.spawners.spawning import Fault
from fedota_server.spawners.swarm_engine import Node, SwarmEngine


def look_at_swarm(engine: SwarmEngine, place: PlatformPlace) -> list[Fault]:
    """Look at the nodes, and whether images can reach them.

    Parameters
    ----------
    engine
        The manager's.
    place
        The platform's.
    """
    try:
        nodes = engine.nodes()
        images = [
            engine.pinned_image(place.images[role]) for role in (Role.COORDINATOR, Role.SELECTOR)
        ]
    except ServerStartError as error:
        return [Fault(error.public_message, "Look at the Docker engine's log.")]
    return list(_faults(nodes, images, engine.node_id))


def _faults(nodes: list[Node], images: list[str], home: str) -> Iterator[Fault]:
    usable = [node for node in nodes if node.usable]
    if not usable:
        yield Fault(
            "no node of the Swarm is ready and active",
            "Look at `docker node ls`; `docker node update --availability active NODE` takes one "
            "up again.",
        )
    elif home not in {node.id for node in usable}:
        yield Fault(
            "this node is drained, and Docker connects no container of a drained node, as the "
            "webserver's is, to a Swarm's networks",
            "Make it active with `docker node update --availability active`; "
            "FEDOTA_SWARM_CONSTRAINTS=node.role==worker keeps servers away from managers.",
        )
    gone = sorted(node.hostname for node in nodes if not node.ready)
    if gone:
        yield Fault(
            f"of the Swarm's nodes {', '.join(gone)} cannot be reached",
            "Start them, or remove them with `docker node rm`.",
            grave=False,
        )
    if len(usable) > 1 and any("@" not in image for image in images):
        yield Fault(
            "the images come from no registry, so each node must have them already",
            "Push them to a registry and name them so in the settings, or copy them to each node "
            "with `docker save` and `docker load`.",
            grave=False,
        )
