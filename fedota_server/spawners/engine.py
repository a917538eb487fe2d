"""The Docker engine, as much of it as the spawners need: the one module that knows its SDK.

Every call blocks; callers run it in a thread. What the engine refuses is said in one sentence.
"""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import docker
from docker import errors as docker_errors
from docker.types import EndpointConfig, LogConfig, Mount

from fedota_proto.errors import EngineAwayError, ServerStartError
from fedota_server.spawners.container_plan import ContainerPlan, ContainerState
from fedota_server.spawners.engine_words import refusal

OLDEST_API = (1, 41)  # engine 20.10
_CALL_TIMEOUT_S = 60
_PROXY_ALONE = 502  # what the engine's proxy answers when the engine itself does not
_STAMP = re.compile(rb"(\S+Z) ")


class Engine:
    """A Docker engine.

    Parameters
    ----------
    address
        Of its socket, as ``unix:///var/run/docker.sock``.

    Raises
    ------
    ServerStartError
        None answers there, or one that is too old.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        with self._said("reach the engine"):
            _knock(address)
            self._client = docker.DockerClient(
                base_url=address, version="auto", timeout=_CALL_TIMEOUT_S
            )
        self._api = self._client.api
        spoken = tuple(int(part) for part in self._api.api_version.split("."))
        if spoken < OLDEST_API:
            raise ServerStartError(
                f"The Docker engine at {address} speaks version {self._api.api_version} of its "
                f"interface; Fedota needs {'.'.join(map(str, OLDEST_API))}: install Docker 20.10 "
                "or newer."
            )

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

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

    def make_network(
        self,
        name: str,
        labels: Mapping[str, str],
        *,
        internal: bool,
        options: Mapping[str, str],
        driver: str = "bridge",
    ) -> None:
        """Make a network unless it is there.

        Parameters
        ----------
        driver
            ``bridge``, or ``overlay`` for one of all nodes of a Swarm, which single containers can
            join too.

        Raises
        ------
        ServerStartError
            The engine refuses, as where its address pools are used up; or the name is somebody
            else's.
        """
        with self._said(f"make the network {name}"):
            found = self._network(name)
            if found is None:
                self._api.create_network(
                    name,
                    driver=driver,
                    internal=internal,
                    attachable=True if driver == "overlay" else None,
                    labels=dict(labels),
                    options=dict(options),
                    check_duplicate=True,
                )
        if found is not None and not _ours(found.get("Labels"), labels):
            raise ServerStartError(
                f"There is a network {name} that is not this platform's: rename or remove it."
            )

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

    def networks(self, labels: Mapping[str, str]) -> list[str]:
        """List the names of the networks with these labels."""
        asked = [f"{name}={value}" for name, value in labels.items()]
        with self._said("list the networks"):
            found = self._api.networks(filters={"label": asked})
        return [one["Name"] for one in found]

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

    def _network(self, name: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self._api.inspect_network(name)
        except docker_errors.NotFound:
            return None
        return found

    @contextlib.contextmanager
    def _said(self, what: str) -> Iterator[None]:
        """Say in a sentence what the engine did not do."""
        try:
            yield
        except docker_errors.ImageNotFound as error:
            raise ServerStartError(
                f"The Docker engine cannot {what}: build the images with `make images`, or name "
                "others in the settings.",
                detail=str(error),
            ) from error
        except (OSError, docker_errors.DockerException) as error:
            if isinstance(error, docker_errors.APIError) and error.status_code != _PROXY_ALONE:
                said = refusal(what, str(error.explanation or error))
                raise ServerStartError(said, detail=repr(error)) from error
            raise EngineAwayError(
                f"No Docker engine answers at {self._address}: start it, or point "
                "FEDOTA_DOCKER_HOST at its socket, and let this user reach it.",
                detail=repr(error),
            ) from error


def _knock(address: str) -> None:
    """Fail where nobody listens at a socket: the SDK would leave its own end open."""
    scheme, _, path = address.partition("://")
    if scheme == "unix":
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as knocking:
            knocking.settimeout(_CALL_TIMEOUT_S)
            knocking.connect(path)


def _ours(found: Mapping[str, str] | None, labels: Mapping[str, str]) -> bool:
    return all((found or {}).get(name) == value for name, value in labels.items())


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
