"""The three networks of a problem's containers."""

from __future__ import annotations

import threading

from fedota_server.spawners.base import Role
from fedota_server.spawners.docker_place import DockerPlace
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
            The engine refuses.
        """
        with self._making:  # the engine would make two of one name
            for name in self.names_of(role):
                self.make_one(engine, name, doors=name == self._doors)

    def make_one(self, engine: Engine, name: str, *, doors: bool) -> None:
        """Make a network unless it is there.

        Parameters
        ----------
        doors
            Whether it is the selectors' own.

        Raises
        ------
        ServerStartError
            The engine refuses.
        """
        engine.make_network(
            name,
            self._place.labels,
            internal=not doors,
            options=_DOORS if doors else UNREACHING,
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
        engine.remove_network(self._status, disconnect=self._place.webserver)
        engine.remove_network(self._intra)
        engine.remove_network(self._doors)
