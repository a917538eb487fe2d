"""The Docker engine, as much of it as the spawners need.

This module and those of its base classes alone know the engine's SDK. Every call blocks; callers
run it in a thread. What the engine refuses is said in one sentence.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from docker import errors as docker_errors
from docker.types import EndpointConfig, LogConfig, Mount

from fedota_server.spawners.container_plan import ContainerPlan, ContainerState
from fedota_server.spawners.engine_networks import EngineNetworks

_STAMP = re.compile(rb"(\S+Z) ")


class Engine(EngineNetworks):
    """A Docker engine: its images and containers, and by its base class its networks."""

    def image_id(self, image: str) -> str:
        """Return the identity of an image.

        Raises
        ------
        ServerStartError
            There is none of that name; the message names the command that makes it.
        """
        with self._said(f"find the image {image}"):
            found: str = self._client.images.get(image).id or ""
        return found

    def create(self, plan: ContainerPlan) -> None:
        """Make a container; it does not run yet.

        Raises
        ------
        ServerStartError
            The engine refuses; nothing of it is left.
        """
        networks = list(plan.networks)
        host = self._api.create_host_config(
            network_mode=networks[0] if networks else "none",
            mounts=[
                *(Mount(path, path, type="bind", read_only=True) for path in plan.reads),
                *(Mount(path, path, type="bind", read_only=False) for path in plan.writes),
            ],
            tmpfs={"/tmp": f"rw,nosuid,nodev,size={plan.scratch_bytes}"},  # noqa: S108
            port_bindings={f"{port}/tcp": (plan.publish_on, port) for port in plan.publish},
            read_only=True,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            pids_limit=plan.pids,
            mem_limit=plan.memory_bytes,
            memswap_limit=plan.memory_bytes,
            nano_cpus=int(plan.cpus * 1e9),
            init=True,
            log_config=LogConfig(
                type=LogConfig.types.JSON,
                config={"max-size": str(plan.log_bytes), "max-file": "2"},
            ),
        )
        endpoints: dict[str, EndpointConfig] = {}
        if networks:
            endpoints[networks[0]] = EndpointConfig(
                self._api.api_version, aliases=list(plan.networks[networks[0]])
            )
        with self._said(f"make the container {plan.name}"):
            self._api.create_container(
                plan.image,
                list(plan.command),
                name=plan.name,
                user=plan.user,
                labels=dict(plan.labels),
                environment=dict(plan.environment),
                working_dir="/tmp",  # noqa: S108
                ports=[(port, "tcp") for port in plan.publish],
                host_config=host,
                networking_config={"EndpointsConfig": endpoints} if endpoints else None,
            )
        try:
            for network in networks[1:]:
                self.connect(network, plan.name, plan.networks[network])
        except BaseException:
            self.remove(plan.name)
            raise

    def start(self, name: str) -> None:
        """Start a container that was made.

        Raises
        ------
        ServerStartError
            The engine refuses, as where a port is taken.
        """
        with self._said(f"start the container {name}"):
            self._api.start(name)

    def state(self, name: str) -> ContainerState | None:
        """Return what the engine says of a container; None where there is none."""
        with self._said(f"look at the container {name}"):
            try:
                found = self._api.inspect_container(name)
            except docker_errors.NotFound:
                return None
        return _state(found)

    def signal(self, name: str, number: int) -> None:
        """Send a signal to a container; one that does not run gets none."""
        with (
            self._said(f"signal the container {name}"),
            contextlib.suppress(docker_errors.NotFound),
        ):
            try:
                self._api.kill(name, number)
            except docker_errors.APIError as error:
                if error.status_code != 409:  # it runs no more
                    raise

    def remove(self, name: str) -> None:
        """Kill and remove a container, if it is there."""
        with (
            self._said(f"remove the container {name}"),
            contextlib.suppress(docker_errors.NotFound),
        ):
            try:
                self._api.remove_container(name, force=True, v=True)
            except docker_errors.APIError as error:
                if error.status_code != 409:  # it is being removed already
                    raise

    def containers(self, labels: Mapping[str, str]) -> list[str]:
        """List the names of the containers with these labels, also of those that have ended."""
        asked = [f"{name}={value}" for name, value in labels.items()]
        with self._said("list the containers"):
            found = self._api.containers(all=True, filters={"label": asked})
        return [one["Names"][0].lstrip("/") for one in found]

    def log(
        self, name: str, after: float = 0.0, *, out: bool = True, err: bool = True
    ) -> list[tuple[float, bytes]]:
        """Return the lines that a container wrote after a moment, each with its own moment.

        Parameters
        ----------
        after
            In seconds since 1970.
        """
        with self._said(f"read the log of {name}"):
            try:
                text: bytes = self._api.logs(
                    name,
                    stdout=out,
                    stderr=err,
                    timestamps=True,
                    since=int(after) if after else None,
                )
            except docker_errors.NotFound:
                return []
        lines = [stamped(line) for line in text.splitlines(keepends=True)]
        return [line for line in lines if line[0] > after]


def _state(found: Mapping[str, Any]) -> ContainerState:
    state = found["State"]
    code = int(state["ExitCode"])
    return ContainerState(
        name=found["Name"].lstrip("/"),
        labels=found["Config"].get("Labels") or {},
        running=state["Status"] in ("running", "restarting", "paused", "removing"),
        exit_code=128 - code if 128 < code <= 192 else code,
        out_of_memory=bool(state.get("OOMKilled")),
    )


def stamped(line: bytes) -> tuple[float, bytes]:
    """Cut off the moment that a line of a log begins with, in seconds since 1970; 0 for none."""
    found = _STAMP.match(line)
    if found is None:
        return 0.0, line
    whole, _, fraction = found[1].decode().rstrip("Z").partition(".")
    moment = datetime.fromisoformat(whole).replace(tzinfo=UTC).timestamp()
    return moment + float(f"0.{fraction or 0}"), line[found.end() :]
