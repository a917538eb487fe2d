"""The three networks of a problem's services, over all nodes of a Swarm."""

from __future__ import annotations

import time
from typing import cast

from fedota_proto.errors import ServerStartError
from fedota_server.spawners.docker_networks import ProblemNetworks
from fedota_server.spawners.engine import Engine
from fedota_server.spawners.swarm_engine import SwarmEngine
from fedota_server.spawners.swarm_place import SwarmPlace

_FREED_MOST_S = 30.0
_AGAIN_S = 0.3


class SwarmNetworks(ProblemNetworks):
    """Makes, joins and removes them; every method blocks.

    Two are internal, as on one engine. The selectors' own is not: only then does Swarm connect a
    task with its node's bridge to the outside, where ports are published.

    Parameters
    ----------
    place
        The problem's.
    """

    def __init__(self, place: SwarmPlace) -> None:
        super().__init__(place.containers)
        self._encrypted = place.encrypted

    def make_one(self, engine: Engine, name: str, *, doors: bool) -> None:
        """Make a network of all nodes."""
        manager = cast(SwarmEngine, engine)  # a Swarm's spawner has no other
        manager.make_overlay(name, self.labels, internal=not doors, encrypted=self._encrypted)

    def remove(self, engine: Engine) -> None:
        """Remove them as soon as the last task has left them.

        Raises
        ------
        ServerStartError
            The engine refuses, or tasks stay on for long.
        """
        ends_at = time.monotonic() + _FREED_MOST_S
        while True:
            try:
                super().remove(engine)
            except ServerStartError:
                if time.monotonic() >= ends_at:
                    raise
                time.sleep(_AGAIN_S)
            else:
                return
