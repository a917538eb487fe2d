"""A problem's servers as services of a Swarm: made, looked at and removed; every method blocks."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from fedota_proto.errors import ServerStartError
from fedota_server.spawners.base import Role, ServerSpec
from fedota_server.spawners.container_plan import ContainerPlan
from fedota_server.spawners.docker_place import SERVER_LABEL, SPEC_LABEL
from fedota_server.spawners.environment import container_environment
from fedota_server.spawners.server_container import fingerprint, published_port
from fedota_server.spawners.swarm_engine import LogLine, SwarmEngine
from fedota_server.spawners.swarm_files import CarriedFiles, carried, read
from fedota_server.spawners.swarm_networks import SwarmNetworks
from fedota_server.spawners.swarm_place import SCRATCH, SwarmPlace
from fedota_server.spawners.swarm_plan import Carried, ServicePlan
from fedota_server.spawners.swarm_tasks import Life, Standing, TaskState, standing

_CACHE = "FEDOTA_SELECTOR_CACHE_FOLDER"


class SwarmServices:
    """Makes, looks at and removes the services of one problem.

    Parameters
    ----------
    engine
        Opened at the first need.
    place
        Names, images, limits, nodes.
    environ
        Of its variables those of a server's own role are passed on to it.
    """

    def __init__(
        self, engine: Callable[[], SwarmEngine], place: SwarmPlace, environ: Mapping[str, str]
    ) -> None:
        self._open = engine
        self._opened: SwarmEngine | None = None
        self._opening = threading.Lock()
        self._place = place
        self._environ = environ
        self._networks = SwarmNetworks(place)

    @property
    def engine(self) -> SwarmEngine:
        """The manager's engine."""
        with self._opening:
            if self._opened is None:
                self._opened = self._open()
            return self._opened

    def standing(self, name: str) -> Standing:
        """Tell how a server is."""
        tasks = self.engine.tasks(self._place.service(name))
        return Standing(Life.ABSENT) if tasks is None else standing(tasks)

    def task(self, name: str, task: str) -> TaskState | None:
        """Return one task of a server; None where Swarm has forgotten it."""
        tasks = self.engine.tasks(self._place.service(name)) or ()
        return next((one for one in tasks if one.id == task), None)

    def log(self, name: str, since: float = 0.0) -> list[LogLine]:
        """Return what a server's tasks wrote since a moment."""
        return self.engine.service_log(self._place.service(name), since)

    def fits(self, spec: ServerSpec) -> bool:
        """Tell whether the service that is there was told what this server is to be told."""
        labels = self.engine.service_labels(self._place.service(spec.name)) or {}
        return labels.get(SPEC_LABEL) == self._fingerprint(spec, self._hosts(spec.role))

    def connect_webserver(self, role: Role) -> None:
        """Let a coordinator reach the webserver."""
        self._networks.connect_webserver(self.engine, role)

    def refuse_foreign(self, name: str) -> None:
        """Let pass a server whose service's name nobody else has.

        Raises
        ------
        ServerStartError
            Somebody's service is called so.
        """
        service = self._place.service(name)
        found = self.engine.service_labels(service)
        own = self._place.containers.labels
        if found is not None and any(found.get(label) != value for label, value in own.items()):
            raise ServerStartError(
                f"There is a service {service} that is not this platform's: rename or remove it."
            )

    def make(self, spec: ServerSpec) -> None:
        """Make a server's networks, secrets and service; what failed leaves no service.

        Raises
        ------
        ServerStartError
            The engine refuses, or a file cannot be read.
        """
        files = carried(spec.reads, self._place.keys)
        self.remove(spec.name)
        try:
            self._networks.make(self.engine, spec.role)
            self._networks.connect_webserver(self.engine, spec.role)
            self.engine.create_service(self._plan(spec, files))
        except BaseException:
            self.remove(spec.name)
            raise

    def hold(self, name: str) -> None:
        """Have a server ended, and not started again."""
        self.engine.hold_service(self._place.service(name))

    def remove(self, name: str) -> None:
        """Remove a server's service, its secrets and its configurations, if they are there."""
        if self.engine.service_labels(self._place.service(name)) is not None:
            self.engine.remove_service(self._place.service(name))
        self.engine.remove_carried({**self._place.containers.labels, SERVER_LABEL: name})

    def servers(self) -> list[str]:
        """Name the problem's servers that have a service."""
        found = self.engine.services(self._place.containers.labels)
        return [labels[SERVER_LABEL] for labels in found.values() if SERVER_LABEL in labels]

    def remove_everything(self) -> None:
        """Remove whatever of the problem is left: services, secrets, configurations, networks."""
        labels = self._place.containers.labels
        for name in self.engine.services(labels):
            self.engine.remove_service(name)
        self.engine.remove_carried(labels)
        self._networks.remove(self.engine)

    def _plan(self, spec: ServerSpec, files: CarriedFiles) -> ServicePlan:
        place = self._place.containers
        limits = place.limits_of(spec.role)
        hosts = self._hosts(spec.role)
        port = published_port(spec)
        # What a selector writes is needed no longer than its process, and not elsewhere.
        scratch = spec.role is Role.SELECTOR and bool(spec.writes)
        writes = () if scratch else spec.writes
        at_home = (files.mounts or writes) and not self._place.shared
        pinned = (f"node.id=={self.engine.node_id}",) if at_home else ()
        return ServicePlan(
            container=ContainerPlan(
                name=self._place.service(spec.name),
                image=self.engine.pinned_image(place.images[spec.role]),
                labels={
                    **place.labels,
                    SERVER_LABEL: spec.name,
                    SPEC_LABEL: self._fingerprint(spec, hosts),
                },
                command=(),
                environment={**self._told(spec), **_node_settings(hosts)},
                user=place.user,
                networks=dict.fromkeys(self._networks.names_of(spec.role), (spec.name,)),
                publish=(port,) if port else (),
                reads=[str(path) for path in files.mounts],
                writes=[str(path) for path in writes],
                memory_bytes=limits.memory_bytes,
                cpus=limits.cpus,
                pids=limits.pids,
                log_bytes=place.log_max_bytes,
            ),
            secrets=self._carry(spec.name, files.secrets, self.engine.create_secret),
            configs=self._carry(spec.name, files.configs, self.engine.create_config),
            scratch=scratch,
            constraints=(*self._place.constraints, *pinned),
            spread=self._place.spread,
            stop_grace_s=self._place.stop_grace_s,
        )

    def _carry(
        self,
        server: str,
        paths: Sequence[Path],
        create: Callable[[str, bytes, str, Mapping[str, str]], Carried],
    ) -> list[Carried]:
        labels = {**self._place.containers.labels, SERVER_LABEL: server}
        return [
            create(
                self._place.secret(f"{server}-{secrets.token_hex(6)}"),
                read(path),
                str(path),
                labels,
            )
            for path in paths
        ]

    def _hosts(self, role: Role) -> dict[str, str]:
        """Return by which address data holders reach each node that says so."""
        if role is not Role.SELECTOR:
            return {}
        return {node.id: node.address for node in self.engine.nodes() if node.address}

    def _told(self, spec: ServerSpec) -> dict[str, str]:
        told = container_environment(self._environ, spec.role, spec.settings)
        if _CACHE in told:
            told[_CACHE] = SCRATCH
        # Swarm fills templates in, and there are none in what servers are told.
        return {name: value.replace("{{", '{{"{{"}}') for name, value in told.items()}

    def _fingerprint(self, spec: ServerSpec, hosts: Mapping[str, str]) -> str:
        place = self._place
        return fingerprint(
            spec,
            place.containers,
            self.engine.pinned_image(place.containers.images[spec.role]),
            self._told(spec),
            hosts=dict(hosts),
            nodes=[*place.constraints, *place.spread, place.shared],
            stop_grace_s=place.stop_grace_s,
        )


def _node_settings(hosts: Mapping[str, str]) -> dict[str, str]:
    """Tell a selector by which address data holders reach the node that it finds itself on."""
    if not hosts:
        return {}
    return {
        "FEDOTA_SELECTOR_NODE": "{{.Node.ID}}",
        "FEDOTA_SELECTOR_NODE_HOSTS": " ".join(
            f"{node}={host}" for node, host in sorted(hosts.items())
        ),
    }
