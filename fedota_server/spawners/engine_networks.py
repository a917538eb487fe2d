"""A Docker engine's networks."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from docker import errors as docker_errors
from docker.types import IPAMConfig, IPAMPool

from fedota_proto.errors import NetworkOverlapError
from fedota_server.spawners.engine_connection import EngineConnection
from fedota_server.spawners.engine_words import refusal
from fedota_server.spawners.start_failure import not_ours


class EngineNetworks(EngineConnection):
    """Makes, joins, lists and removes them; every call blocks."""

    def make_network(
        self,
        name: str,
        labels: Mapping[str, str],
        *,
        internal: bool,
        options: Mapping[str, str],
        driver: str = "bridge",
        subnet: str = "",
    ) -> None:
        """Make a network that is not there.

        Parameters
        ----------
        driver
            ``bridge``, or ``overlay`` for one of all nodes of a Swarm, which single containers can
            join too.
        subnet
            Its addresses, as ``10.210.0.0/25``; empty: some of the engine's own pools.

        Raises
        ------
        NetworkOverlapError
            Some of the addresses are another network's.
        ServerStartError
            The engine refuses, as where its own address pools are used up.
        """
        addresses = IPAMConfig(pool_configs=[IPAMPool(subnet=subnet)]) if subnet else None
        with self._said(f"make the network {name}"):
            try:
                self._api.create_network(
                    name,
                    driver=driver,
                    internal=internal,
                    attachable=True if driver == "overlay" else None,
                    labels=dict(labels),
                    options=dict(options),
                    ipam=addresses,
                    check_duplicate=True,
                )
            except docker_errors.APIError as error:
                said = str(error.explanation or error)
                if not (subnet and "overlap" in said.lower()):
                    raise
                raise NetworkOverlapError(
                    refusal(f"make the network {name}", said), detail=repr(error)
                ) from error

    def has_network(self, name: str, labels: Mapping[str, str]) -> bool:
        """Tell whether there is a network of this name, with these labels.

        Raises
        ------
        ServerStartError
            There is one without them: it is somebody else's.
        """
        with self._said(f"look at the network {name}"):
            found = self._network(name)
        if found is not None and not _ours(found.get("Labels"), labels):
            raise not_ours("network", name)
        return found is not None

    def connect(self, network: str, container: str, aliases: Sequence[str] = ()) -> None:
        """Connect a container to a network, unless it is."""
        with self._said(f"connect {container} to {network}"):
            found = self._api.inspect_container(container)
            if network not in found["NetworkSettings"]["Networks"]:
                self._api.connect_container_to_network(container, network, aliases=list(aliases))

    def remove_network(self, name: str, *, disconnect: str = "") -> None:
        """Remove a network, if it is there.

        Parameters
        ----------
        disconnect
            A container that is taken off it first.
        """
        with self._said(f"remove the network {name}"):
            if disconnect:
                with contextlib.suppress(docker_errors.NotFound, docker_errors.APIError):
                    self._api.disconnect_container_from_network(disconnect, name)
            try:
                self._api.remove_network(name)
            except docker_errors.APIError as error:
                # A Swarm's network stays in sight of its nodes for a moment longer.
                if "not found" not in str(error.explanation or error).lower():
                    raise

    def networks(self, labels: Mapping[str, str]) -> list[str]:
        """List the names of the networks with these labels."""
        asked = [f"{name}={value}" for name, value in labels.items()]
        with self._said("list the networks"):
            found = self._api.networks(filters={"label": asked})
        return [one["Name"] for one in found]

    def subnets(self, labels: Mapping[str, str]) -> list[str]:
        """List the addresses of the networks with these labels, as ``10.210.0.0/25``."""
        asked = [f"{name}={value}" for name, value in labels.items()]
        with self._said("list the networks"):
            found = self._api.networks(filters={"label": asked})
        pools = (pool for one in found for pool in (one.get("IPAM") or {}).get("Config") or ())
        return [pool["Subnet"] for pool in pools if pool.get("Subnet")]

    def _network(self, name: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self._api.inspect_network(name)
        except docker_errors.NotFound:
            return None
        return found


def _ours(found: Mapping[str, str] | None, labels: Mapping[str, str]) -> bool:
    return all((found or {}).get(name) == value for name, value in labels.items())
