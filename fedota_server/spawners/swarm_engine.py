"""A Swarm's manager, as much of it as the spawner needs."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from docker import errors as docker_errors

from fedota_proto.errors import ServerStartError
from fedota_server.spawners.engine import Engine, stamped
from fedota_server.spawners.swarm_place import ADDRESS_LABEL
from fedota_server.spawners.swarm_plan import NOWHERE, Carried, ServicePlan, service_body
from fedota_server.spawners.swarm_tasks import TaskState, task_state

_TASK = re.compile(rb"com\.docker\.swarm\.task\.id=(\w+)\S* ?")


@dataclass(frozen=True)
class LogLine:
    """A line that a task wrote.

    Parameters
    ----------
    task
        The task's id.
    at
        When, in seconds since 1970 by the clock of its node.
    text
        With its newline.
    """

    task: str
    at: float
    text: bytes


@dataclass(frozen=True)
class Node:
    """One of a Swarm's machines.

    Parameters
    ----------
    id, hostname
        Its own.
    ready
        Whether the managers reach it.
    active
        Whether it may be given work.
    address
        By which data holders reach it, as its label says; empty where none does.
    """

    id: str
    hostname: str
    ready: bool
    active: bool
    address: str = ""

    @property
    def usable(self) -> bool:
        """Whether servers may be started there."""
        return self.ready and self.active


class SwarmEngine(Engine):
    """The engine of a Swarm's manager.

    Parameters
    ----------
    address
        Of its socket.

    Raises
    ------
    ServerStartError
        None answers there, one that is too old, or one that manages no Swarm.
    """

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self._manager: Any = self._api  # half of the SDK's calls for a Swarm have no types
        with self._said("tell whether it is a Swarm's manager"):
            swarm: Mapping[str, Any] = self._manager.info().get("Swarm") or {}
        self.node_id = str(swarm.get("NodeID", ""))
        if swarm.get("LocalNodeState") != "active" or not swarm.get("ControlAvailable"):
            self.close()
            raise ServerStartError(
                f"The Docker engine at {address} does not manage a Swarm: make one with "
                "`docker swarm init`, or point FEDOTA_DOCKER_HOST at a manager."
            )

    def pinned_image(self, image: str) -> str:
        """Name an image so that every node runs the very same.

        Returns
        -------
        str
            By its digest in a registry, where it came from one; else by its identity, and then
            each node must have it.

        Raises
        ------
        ServerStartError
            There is none of that name.
        """
        with self._said(f"find the image {image}"):
            found: Mapping[str, Any] = self._manager.inspect_image(image)
        repository = _repository(image)
        for digest in found.get("RepoDigests") or ():
            if str(digest).partition("@")[0] == repository:
                return str(digest)
        return str(found["Id"])

    def nodes(self) -> list[Node]:
        """List the Swarm's nodes."""
        with self._said("list the nodes of the Swarm"):
            found = self._manager.nodes()
        return [
            Node(
                id=str(one["ID"]),
                hostname=str(one["Description"]["Hostname"]),
                ready=one["Status"]["State"] == "ready",
                active=one["Spec"]["Availability"] == "active",
                address=str((one["Spec"].get("Labels") or {}).get(ADDRESS_LABEL, "")),
            )
            for one in found
        ]

    def make_overlay(
        self, name: str, labels: Mapping[str, str], *, internal: bool, encrypted: bool
    ) -> None:
        """Make a network of all nodes, which containers of this one can join.

        Raises
        ------
        ServerStartError
            The engine refuses.
        """
        options = {"encrypted": "true"} if encrypted else {}
        self.make_network(name, labels, internal=internal, options=options, driver="overlay")

    def create_service(self, plan: ServicePlan) -> None:
        """Make a service; Swarm then starts it where it fits.

        Raises
        ------
        ServerStartError
            The engine refuses.
        """
        with self._said(f"make the service {plan.container.name}"):
            self._manager.create_service(**service_body(plan))

    def service_labels(self, name: str) -> dict[str, str] | None:
        """Return a service's labels; None where there is no service of that name."""
        with self._said(f"look at the service {name}"):
            try:
                found = self._manager.inspect_service(name)
            except docker_errors.NotFound:
                return None
        return dict(found["Spec"].get("Labels") or {})

    def services(self, labels: Mapping[str, str]) -> dict[str, dict[str, str]]:
        """List the services with these labels: all labels of each, by its name."""
        with self._said("list the services"):
            found = self._manager.services(filters=_filters(labels))
        return {one["Spec"]["Name"]: dict(one["Spec"].get("Labels") or {}) for one in found}

    def hold_service(self, name: str) -> None:
        """Have a service's task ended, and none started in its place.

        Scaling it down would have Swarm forget the task before anybody could ask how it ended. So
        the service is told to run where no node is.
        """
        with (
            self._said(f"stop the service {name}"),
            contextlib.suppress(docker_errors.NotFound),
        ):
            found = self._manager.inspect_service(name)
            placement = found["Spec"]["TaskTemplate"].get("Placement") or {}
            if NOWHERE in (placement.get("Constraints") or ()):
                return
            self._manager.update_service(
                name,
                found["Version"]["Index"],
                task_template={"Placement": {"Constraints": [NOWHERE]}},
                fetch_current_spec=True,
            )

    def remove_service(self, name: str) -> None:
        """Remove a service, if it is there; its tasks end soon after."""
        with (
            self._said(f"remove the service {name}"),
            contextlib.suppress(docker_errors.NotFound),
        ):
            self._manager.remove_service(name)

    def tasks(self, service: str) -> list[TaskState] | None:
        """List the tasks of a service, of old ones the newest few; None where it is not there."""
        with self._said(f"look at the tasks of {service}"):
            try:
                found = self._manager.tasks({"service": service})
            except docker_errors.NotFound:
                return None
        return [task_state(one) for one in found]

    def service_log(self, name: str, since: float = 0.0) -> list[LogLine]:
        """Return what a service's tasks wrote, as far as their nodes answer.

        Parameters
        ----------
        since
            Leaves out what is older, in seconds since 1970.
        """
        with self._said(f"read the log of {name}"):
            try:
                text = self._manager.service_logs(
                    name,
                    details=True,
                    stdout=True,
                    stderr=True,
                    timestamps=True,
                    since=int(since),
                    is_tty=False,
                )
                lines = b"".join(text).splitlines(keepends=True)
            except docker_errors.NotFound:
                return []
        return [line for line in map(_log_line, lines) if line is not None]

    def create_secret(
        self, name: str, data: bytes, target: str, labels: Mapping[str, str]
    ) -> Carried:
        """Have Swarm keep a secret for the nodes that need it.

        Raises
        ------
        ServerStartError
            The engine refuses.
        """
        with self._said(f"keep a secret for {target}"):
            made = self._manager.create_secret(name, data, labels=dict(labels))
        return Carried(str(made["ID"]), name, target)

    def create_config(
        self, name: str, data: bytes, target: str, labels: Mapping[str, str]
    ) -> Carried:
        """Have Swarm keep a configuration for the nodes that need it.

        Raises
        ------
        ServerStartError
            The engine refuses.
        """
        with self._said(f"keep the configuration {target}"):
            made = self._manager.create_config(name, data, labels=dict(labels))
        return Carried(str(made["ID"]), name, target)

    def carried_by(self, label: str, labels: Mapping[str, str]) -> set[str]:
        """Return the values of one label that secrets and configurations with others have."""
        filters = _filters(labels)
        with self._said("list secrets and configurations"):
            found = [
                *self._manager.secrets(filters=filters),
                *self._manager.configs(filters=filters),
            ]
        told = (one["Spec"].get("Labels") or {} for one in found)
        return {str(one[label]) for one in told if label in one}

    def remove_carried(self, labels: Mapping[str, str]) -> None:
        """Remove the secrets and configurations with these labels, once no service has them."""
        filters = _filters(labels)
        with self._said("remove secrets and configurations"):
            for secret in self._manager.secrets(filters=filters):
                with contextlib.suppress(docker_errors.NotFound):
                    self._manager.remove_secret(secret["ID"])
            for config in self._manager.configs(filters=filters):
                with contextlib.suppress(docker_errors.NotFound):
                    self._manager.remove_config(config["ID"])


def _filters(labels: Mapping[str, str]) -> dict[str, Any]:
    return {"label": [f"{name}={value}" for name, value in labels.items()]}


def _repository(image: str) -> str:
    """Return an image's name without tag and digest."""
    name = image.partition("@")[0]
    head, slash, last = name.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}"


def _log_line(line: bytes) -> LogLine | None:
    """Read a line; None for what Swarm itself says, as of nodes that do not answer."""
    at, rest = stamped(line)
    found = _TASK.search(rest) if at else None
    if found is None or rest[: found.start()].count(b" "):
        return None
    return LogLine(found[1].decode(), at, rest[found.end() :])
