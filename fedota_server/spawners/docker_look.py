"""What a Docker engine lacks for a platform's servers and jobs."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator

from fedota_proto.errors import ServerStartError
from fedota_server.spawners.address_pool import Prefix
from fedota_server.spawners.docker_networks import make_bridge
from fedota_server.spawners.docker_place import PLATFORM_LABEL
from fedota_server.spawners.engine import Engine
from fedota_server.spawners.engine_words import divided
from fedota_server.spawners.platform_place import PlatformPlace
from fedota_server.spawners.spawning import Fault

_MANY = 5


def look_at_engine(
    open_engine: Callable[[], Engine], place: PlatformPlace
) -> tuple[str, list[Fault]]:
    """Look at the engine, its images, the webserver's own container, and make one network.

    Parameters
    ----------
    open_engine
        Reaches it.
    place
        The platform's.

    Returns
    -------
    str, list of Fault
        What answers; and what is wrong.
    """
    said = f"the Docker engine at {place.engine}"
    try:
        engine = open_engine()
    except ServerStartError as error:
        return said, [_fault(error)]
    return said, [*_images(engine, place), *_webserver(engine, place), *_networks(engine, place)]


def _images(engine: Engine, place: PlatformPlace) -> Iterator[Fault]:
    for image in sorted(set(place.images.values())):
        try:
            engine.image_id(image)
        except ServerStartError as error:
            yield _fault(error)


def _webserver(engine: Engine, place: PlatformPlace) -> Iterator[Fault]:
    """Coordinators meet the webserver on networks without a way to the host."""
    try:
        found = engine.state(place.webserver)
    except ServerStartError as error:
        yield _fault(error)
        return
    if found is None or not found.running:
        yield Fault(
            f"no container called {place.webserver} runs, in which coordinators look for the "
            "webserver",
            "Start the platform by docker/compose.yaml, or set FEDOTA_PLATFORM to its name there.",
        )
    elif found.labels.get(PLATFORM_LABEL) != place.platform:
        yield Fault(
            f"the container {place.webserver} is not this platform's: it lacks the label "
            f"{PLATFORM_LABEL}={place.platform}",
            "Rename or remove it, or give this platform another name with FEDOTA_PLATFORM.",
        )


def _networks(engine: Engine, place: PlatformPlace) -> Iterator[Fault]:
    """Make a network as a problem has them: there may be no addresses left."""
    ours = {PLATFORM_LABEL: place.platform}
    name = f"{place.platform}-trial-{secrets.token_hex(4)}"
    try:
        make_bridge(engine, name, ours, place.pool, prefix=Prefix.WIDE)
        engine.remove_network(name)
        left = place.pool.problems_left(engine.subnets(ours)) if place.pool else _MANY
    except ServerStartError as error:
        yield _fault(error)
        return
    if left < _MANY:
        yield Fault(
            f"FEDOTA_NETWORK_POOL, {place.pool and place.pool.within}, has addresses for "
            f"{left} more running problems",
            "Archive problems that nobody needs, or set a larger range that nothing else uses.",
            grave=False,
        )


def _fault(error: ServerStartError) -> Fault:
    """Divide a sentence into what is wrong and what to do."""
    what, remedy = divided(error.public_message)
    return Fault(what, remedy or "Do what the sentence before says.")
