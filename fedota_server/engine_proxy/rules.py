"""What the platform may ask of the engine: decided from method, path, query and body alone."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from fedota_server.engine_proxy.checks import (
    anything,
    exactly,
    list_of,
    mapping_of,
    number,
    only,
    refuse,
    text_in,
    texts,
)
from fedota_server.spawners.docker_place import PLATFORM_LABEL

_VERSION = re.compile(r"/v1\.(\d+)(?=/)")
_OLDEST = 41  # what older interfaces took, as a container's settings at its start, is not judged
_NAME = r"(?P<name>[A-Za-z0-9][A-Za-z0-9_.-]{0,127})"
_ENVIRONMENT = re.compile(
    r"(FEDOTA_(COORDINATOR|SELECTOR|CLIENT|WORKER)_[A-Z_]+|OMP_NUM_THREADS|OPENBLAS_NUM_THREADS"
    r"|TF_CPP_MIN_LOG_LEVEL|GLIBC_TUNABLES|PYTHONUNBUFFERED)=.*",
    re.DOTALL,
)
_USER = re.compile(r"[1-9]\d{0,9}(:[1-9]\d{0,9})?")
_TMPFS_OPTIONS = re.compile(r"(rw|noexec|nosuid|nodev|size=\d+[kmg]?|mode=[0-7]+)")
_PORT = re.compile(r"\d{1,5}/tcp")
_LOG_OPTIONS = frozenset({"max-size", "max-file"})
_NETWORK_OPTIONS: Mapping[str, frozenset[str]] = {
    "com.docker.network.bridge.inhibit_ipv4": frozenset({"true", "false"}),
    "com.docker.network.bridge.enable_ip_masquerade": frozenset({"true", "false"}),
    "com.docker.network.bridge.enable_icc": frozenset({"true", "false"}),
}
_PIDS_MOST = 8192
_MEMORY_LEAST, _MEMORY_MOST = 16 << 20, 1 << 42


@dataclass(frozen=True)
class Limits:
    """What belongs to the platform.

    Parameters
    ----------
    platform
        Value of the label that everything of the platform bears.
    images
        The names, with tag, that may be run.
    folder
        The platform's folder on the host; mounts come from below it alone.
    ports
        Lowest and highest port that may be published.
    real_path
        Resolves the links of a path of the host; empty for one that is not there.
    """

    platform: str
    images: frozenset[str]
    folder: str
    ports: tuple[int, int]
    real_path: Callable[[str], str]


@dataclass(frozen=True)
class Judgement:
    """A request that may pass, once the engine has said whose the named objects are.

    Parameters
    ----------
    owned
        Kind (``containers``, ``networks``, ``services`` …) and name of objects that must bear the
        platform's label.
    images
        By name, digest or identity: each must be one of those that may be run.
    """

    owned: tuple[tuple[str, str], ...] = ()
    images: tuple[str, ...] = ()


class EngineRules:
    """Judge requests to the engine.

    Parameters
    ----------
    limits
        What belongs to the platform.
    """

    bodies: tuple[str, ...] = ("/create", "/connect", "/disconnect")  # what has them ends so

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        own = self._own
        self._routes: list[tuple[str, re.Pattern[str], Callable[..., Judgement]]] = [
            ("GET|HEAD", re.compile("/_ping"), self._free),
            ("GET", re.compile("/(version|info)"), self._free),
            ("GET", re.compile(r"/images/(?P<name>[\w./:@-]+)/json"), self._image),
            ("GET", re.compile("/(containers/json|networks)"), self._listing),
            ("POST", re.compile("/containers/create"), self._create_container),
            ("POST", re.compile("/networks/create"), self._create_network),
            ("POST", re.compile(f"/networks/{_NAME}/(connect|disconnect)"), self._connect),
            ("GET", re.compile(f"/containers/{_NAME}/(json|logs|stats)"), own("containers")),
            (
                "POST",
                re.compile(f"/containers/{_NAME}/(start|stop|kill|wait)"),
                own("containers"),
            ),
            ("DELETE", re.compile(f"/containers/{_NAME}"), own("containers")),
            ("GET|DELETE", re.compile(f"/networks/{_NAME}"), own("networks")),
        ]

    @property
    def images(self) -> frozenset[str]:
        """The names of those that may be run."""
        return self._limits.images

    def judge(self, method: str, path: str, query: Mapping[str, str], body: Any) -> Judgement:
        """Let a request pass, or refuse it.

        Parameters
        ----------
        path
            As sent, with or without the version in front.
        body
            The request's JSON, or None.

        Raises
        ------
        ForbiddenError
            The platform has no business with it; the message says with what.
        """
        version = _VERSION.match(path)
        if version and int(version[1]) < _OLDEST:
            raise refuse(f"version 1.{version[1]} of the engine's interface: use 1.{_OLDEST}")
        place = unquote(_VERSION.sub("", path, count=1))
        if posixpath.normpath(place) != place:
            raise refuse(f"the path {path}")
        if body is not None and not place.endswith(self.bodies):
            raise refuse(f"a body for {place}")
        for methods, pattern, decide in self._routes:
            found = pattern.fullmatch(place)
            if found and method in methods.split("|"):
                return decide(found.groupdict().get("name", ""), query, body)
        raise refuse(f"{method} {place}")

    def _free(self, name: str, query: Mapping[str, str], body: Any) -> Judgement:
        return Judgement()

    def _own(self, kind: str) -> Callable[..., Judgement]:
        def decide(name: str, query: Mapping[str, str], body: Any) -> Judgement:
            return Judgement(owned=((kind, name),))

        return decide

    def _image(self, name: str, query: Mapping[str, str], body: Any) -> Judgement:
        text_in("image", self._limits.images)(name)
        return Judgement()

    def _listing(self, name: str, query: Mapping[str, str], body: Any) -> Judgement:
        """Lists must be narrowed to the platform's own objects."""
        try:
            asked = json.loads(query.get("filters", "{}")).get("label", [])
        except (ValueError, AttributeError):
            asked = []
        wanted = f"{PLATFORM_LABEL}={self._limits.platform}"
        if isinstance(asked, dict):  # as older clients write it
            asked = [name for name, meant in asked.items() if meant is True]
        if not isinstance(asked, list) or wanted not in asked:
            raise refuse(f"a list that is not narrowed to the label {wanted}")
        return Judgement()

    def _connect(self, name: str, query: Mapping[str, str], body: Any) -> Judgement:
        fields = mapping_of(body, "the body")
        container = fields.get("Container")
        if not isinstance(container, str) or not re.fullmatch(_NAME, container):
            raise refuse("to connect what has no name")
        only(
            fields,
            {"Container": anything, "Force": anything, "EndpointConfig": self._endpoint},
            "",
        )
        return Judgement(owned=(("networks", name), ("containers", container)))

    def _create_network(self, name: str, query: Mapping[str, str], body: Any) -> Judgement:
        fields = mapping_of(body, "the body")
        self._labelled(fields.get("Labels"))
        only(
            fields,
            {
                "Name": self._named,
                "CheckDuplicate": anything,
                "Driver": text_in("network driver", {"bridge"}),
                "Internal": exactly("Internal", True, False),
                "Labels": anything,
                "Options": self._network_options,
                "IPAM": self._addresses,
            },
            "",
        )
        return Judgement()

    def _create_container(self, name: str, query: Mapping[str, str], body: Any) -> Judgement:
        self._named(query.get("name", ""))
        fields = mapping_of(body, "the body")
        self._labelled(fields.get("Labels"))
        host = mapping_of(fields.get("HostConfig"), "HostConfig")
        for wanted in ("Memory", "PidsLimit", "ReadonlyRootfs", "CapDrop", "SecurityOpt"):
            if wanted not in host:
                raise refuse(f"a container without HostConfig.{wanted}")
        for wanted in ("Image", "User"):
            if wanted not in fields:
                raise refuse(f"a container without {wanted}")
        networks: set[str] = set()
        only(
            fields,
            {
                "Image": text_in("image", self._limits.images),
                "Cmd": texts("Cmd", lambda _: True),
                "Env": self._environment,
                "User": self._user,
                "Labels": anything,
                "Hostname": self._host_name,
                "WorkingDir": exactly("WorkingDir", "/tmp"),  # noqa: S108
                "StopTimeout": number("StopTimeout", 0, 600),
                "StopSignal": exactly("StopSignal", "SIGTERM"),
                "ExposedPorts": lambda value: self._port_names(mapping_of(value, "ExposedPorts")),
                "AttachStdout": anything,
                "AttachStderr": anything,
                "HostConfig": lambda value: self._host_config(value, networks),
                "NetworkingConfig": lambda value: self._networking(value, networks),
            },
            "",
        )
        if not networks:
            raise refuse("a container on the engine's default network")
        return Judgement(owned=tuple(("networks", one) for one in sorted(networks - {"none"})))

    def _host_config(self, value: Any, networks: set[str]) -> None:
        def network(mode: Any) -> None:
            if not isinstance(mode, str) or not (mode == "none" or re.fullmatch(_NAME, mode)):
                raise refuse(f"the network {mode!r}")
            if mode in ("host", "default", "bridge"):
                raise refuse(f"the network {mode}")
            networks.add(mode)

        only(
            mapping_of(value, "HostConfig"),
            {
                "NetworkMode": network,
                "Mounts": self._mounts,
                "Tmpfs": self._tmpfs,
                "PortBindings": self._published,
                "ReadonlyRootfs": exactly("ReadonlyRootfs", True),
                "CapDrop": exactly("CapDrop", ["ALL"]),
                "SecurityOpt": exactly("SecurityOpt", ["no-new-privileges"]),
                "IpcMode": exactly("IpcMode", "private", "none", ""),
                "PidsLimit": self._pids,
                "Memory": self._memory,
                "MemorySwap": self._memory,
                "NanoCpus": number("NanoCpus", 1, 1 << 50),
                "CpuShares": number("CpuShares", 2, 1 << 18),
                "Init": exactly("Init", True, False),
                "AutoRemove": exactly("AutoRemove", True, False),
                "RestartPolicy": self._restarts,
                "LogConfig": self._log,
                "OomScoreAdj": number("OomScoreAdj", 0, 1000),
            },
            "HostConfig.",
        )

    def _networking(self, value: Any, networks: set[str]) -> None:
        fields = mapping_of(value, "NetworkingConfig")
        only(fields, {"EndpointsConfig": anything}, "NetworkingConfig.")
        for name, endpoint in mapping_of(fields.get("EndpointsConfig"), "EndpointsConfig").items():
            if name in ("host", "default", "bridge") or not re.fullmatch(_NAME, name):
                raise refuse(f"the network {name}")
            networks.add(name)
            self._endpoint(endpoint)

    @staticmethod
    def _endpoint(value: Any) -> None:
        def host_name(text: str) -> bool:
            return re.fullmatch(r"[a-z0-9][a-z0-9.-]{0,100}", text) is not None

        aliases = texts("Aliases", host_name)
        only(mapping_of(value, "the endpoint"), {"Aliases": aliases}, "the endpoint's ")

    def _labelled(self, value: Any) -> None:
        if mapping_of(value, "Labels").get(PLATFORM_LABEL) != self._limits.platform:
            raise refuse(f"what lacks the label {PLATFORM_LABEL}={self._limits.platform}")

    def _named(self, value: Any) -> None:
        prefix = f"{self._limits.platform}-"
        if not isinstance(value, str) or not re.fullmatch(_NAME, value):
            raise refuse(f"the name {value!r}")
        if not value.startswith(prefix):
            raise refuse(f"the name {value}, which does not begin with {prefix}")

    @staticmethod
    def _environment(value: Any) -> None:
        texts("Env", lambda text: _ENVIRONMENT.fullmatch(text) is not None)(value)

    @staticmethod
    def _memory(value: Any) -> None:
        number("the memory", _MEMORY_LEAST, _MEMORY_MOST)(value)

    @staticmethod
    def _pids(value: Any) -> None:
        number("the number of processes", 1, _PIDS_MOST)(value)

    @staticmethod
    def _user(value: Any) -> None:
        if not isinstance(value, str) or not _USER.fullmatch(value):
            raise refuse(f"the user {value!r}: it must be a number above 0")

    @staticmethod
    def _host_name(value: Any) -> None:
        if not isinstance(value, str) or not re.fullmatch(r"[a-z0-9-]{1,63}", value):
            raise refuse(f"the host name {value!r}")

    @staticmethod
    def _port_names(value: Mapping[str, Any]) -> None:
        for name in value:
            if not _PORT.fullmatch(name):
                raise refuse(f"the port {name!r}")

    def _published(self, value: Any) -> None:
        bindings = mapping_of(value, "PortBindings")
        self._port_names(bindings)
        least, most = self._limits.ports
        for binding in (one for many in bindings.values() for one in list_of(many, "a port")):
            fields = mapping_of(binding, "a port")
            only(fields, {"HostIp": anything, "HostPort": anything}, "a port's ")
            port = str(fields.get("HostPort", ""))
            if not port.isdecimal() or not least <= int(port) <= most:
                raise refuse(f"the published port {port!r}, which is not in {least}-{most}")

    def _mounts(self, value: Any) -> None:
        for mount in list_of(value, "Mounts"):
            fields = mapping_of(mount, "a mount")
            only(
                fields,
                {
                    "Type": exactly("the mount's type", "bind"),
                    "Source": self._mounted,
                    "Target": anything,
                    "ReadOnly": exactly("ReadOnly", True, False),
                    "BindOptions": lambda options: only(
                        mapping_of(options, "BindOptions"),
                        {"Propagation": exactly("Propagation", "rprivate", "private")},
                        "BindOptions.",
                    ),
                },
                "a mount's ",
            )
            if not fields.get("Source"):
                raise refuse("a mount without a source")

    def _mounted(self, value: Any) -> None:
        below = self._limits.folder.rstrip("/") + "/"
        if not isinstance(value, str) or posixpath.normpath(value) != value:
            raise refuse(f"the mount of {value!r}")
        if not value.startswith(below):
            raise refuse(f"the mount of {value}, which is not below {below}")
        if self._limits.real_path(value) != value:
            raise refuse(f"the mount of {value}, which is not there, or goes through a link")

    @staticmethod
    def _tmpfs(value: Any) -> None:
        for place, options in mapping_of(value, "Tmpfs").items():
            named = [one for one in str(options).split(",") if one]
            if not place.startswith("/") or not all(_TMPFS_OPTIONS.fullmatch(one) for one in named):
                raise refuse(f"the tmpfs {place} {options!r}")

    @staticmethod
    def _restarts(value: Any) -> None:
        fields = mapping_of(value, "RestartPolicy")
        if fields.get("Name", "") not in ("", "no"):
            raise refuse("a container that the engine itself starts again")

    @staticmethod
    def _log(value: Any) -> None:
        fields = mapping_of(value, "LogConfig")
        options = mapping_of(fields.get("Config"), "LogConfig.Config")
        if fields.get("Type") not in ("json-file", "local") or not set(options) <= _LOG_OPTIONS:
            raise refuse(f"the log {dict(fields)!r}")

    @staticmethod
    def _network_options(value: Any) -> None:
        for name, chosen in mapping_of(value, "Options").items():
            text_in(f"network option {name}", _NETWORK_OPTIONS.get(name, frozenset()))(chosen)

    @staticmethod
    def _addresses(value: Any) -> None:
        fields = mapping_of(value, "IPAM")
        if fields.get("Driver", "default") not in ("default", None) or fields.get("Options"):
            raise refuse("addresses by another driver")
        for pool in list_of(fields.get("Config"), "IPAM.Config"):
            only(mapping_of(pool, "IPAM.Config"), {"Subnet": anything}, "IPAM.Config.")
