"""The three networks of a problem's containers."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping

from fedota_proto.errors import NetworkOverlapError, ServerStartError
from fedota_server.spawners.address_pool import AddressPool, Prefix, same_block
from fedota_server.spawners.base import Role
from fedota_server.spawners.docker_place import PLATFORM_LABEL, DockerPlace
from fedota_server.spawners.engine import Engine

# A bridge without an address of the host's: a container on an internal network would otherwise
# reach every port of the host through it.
UNREACHING = {"com.docker.network.bridge.inhibit_ipv4": "true"}
# Selectors publish a port here, hear nobody of their kind, and get no answer from outside.
_DOORS = {
    "com.docker.network.bridge.enable_ip_masquerade": "false",
    "com.docker.network.bridge.enable_icc": "false",
}


class ProblemNetworks:
    """Makes, joins and removes them; every method blocks.

    Webserver and coordinator meet on one, coordinator and selectors on another; both are internal.
    The third is the selectors' own, on which they publish their ports.

    Parameters
    ----------
    place
        The problem's.
    """

    def __init__(self, place: DockerPlace) -> None:
        self._place = place
        self.labels = place.labels
        self._status = f"{place.prefix}-status"
        self._intra = f"{place.prefix}-intra"
        self._doors = f"{place.prefix}-doors"
        self._making = threading.Lock()

    def names_of(self, role: Role) -> tuple[str, ...]:
        """Name the networks that a server is on, the one that publishes its ports first."""
        if role is Role.COORDINATOR:
            return (self._intra, self._status)
        return (self._doors, self._intra)

    def make(self, engine: Engine, role: Role) -> None:
        """Make those of a server that are not there.

        Raises
        ------
        ServerStartError
            The engine refuses one, or there are no addresses left; those that were made for it
            before are removed.
        """
        made: list[str] = []
        with self._making:  # the engine would make two of one name
            try:
                for name in self.names_of(role):
                    if not engine.has_network(name, self.labels):
                        self.make_one(engine, name, doors=name == self._doors)
                        made.append(name)
            except ServerStartError:
                with contextlib.suppress(ServerStartError):
                    for name in made:
                        engine.remove_network(name)
                raise

    def make_one(self, engine: Engine, name: str, *, doors: bool) -> None:
        """Make a network that is not there.

        Parameters
        ----------
        doors
            Whether it is the selectors' own.

        Raises
        ------
        ServerStartError
            The engine refuses, or there are no addresses left.
        """
        make_bridge(
            engine,
            name,
            self.labels,
            self._place.pool,
            prefix=Prefix.NARROW if name == self._status else Prefix.WIDE,
            options=_DOORS if doors else UNREACHING,
            internal=not doors,
        )

    def connect_webserver(self, engine: Engine, role: Role) -> None:
        """Let a coordinator reach the webserver's container, if there is one.

        Raises
        ------
        ServerStartError
            The engine refuses.
        """
        if role is Role.COORDINATOR and self._place.webserver:
            engine.connect(self._status, self._place.webserver, ("webserver",))

    def remove(self, engine: Engine) -> None:
        """Remove them, once no container of the problem is left.

        Raises
        ------
        ServerStartError
            The engine refuses.
        """
        ours = engine.networks(self.labels)  # one of such a name may be somebody else's
        for name in (self._status, self._intra, self._doors):
            if name in ours:
                leaving = self._place.webserver if name == self._status else ""
                engine.remove_network(name, disconnect=leaving)


def make_bridge(
    engine: Engine,
    name: str,
    labels: Mapping[str, str],
    pool: AddressPool | None,
    *,
    prefix: Prefix,
    options: Mapping[str, str] = UNREACHING,
    internal: bool = True,
) -> None:
    """Make a network of one engine, with addresses out of a pool.

    What the engine's other networks have is not known: the engine tells by refusing.

    Parameters
    ----------
    labels
        The platform's among them.
    pool
        None: the engine chooses among its own.
    prefix
        How large it is.

    Raises
    ------
    ServerStartError
        The engine refuses, or there are no addresses left.
    """
    if pool is None:
        engine.make_network(name, labels, internal=internal, options=options)
        return
    overlapping = ""
    with pool.choosing:
        ours = engine.subnets({PLATFORM_LABEL: labels[PLATFORM_LABEL]})
        for subnet in pool.candidates(prefix, ours):
            if overlapping and same_block(subnet, overlapping):
                continue  # most likely of the same somebody's
            try:
                engine.make_network(name, labels, internal=internal, options=options, subnet=subnet)
            except NetworkOverlapError:
                overlapping = subnet
            else:
                return
    also = ", and all that are left overlap with other networks" if overlapping else ""
    raise ServerStartError(
        f"FEDOTA_NETWORK_POOL, {pool.within}, has no addresses left for the network {name}{also}: "
        "archive problems that nobody needs, or set a larger range that nothing else uses."
    )
