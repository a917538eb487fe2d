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
    mapping_of,
    number,
    only,
    refuse,
    text_in,
    texts,
)
from fedota_server.engine_proxy.parts import NAME, Limits, PartRules
from fedota_server.spawners.docker_place import PLATFORM_LABEL

_VERSION = re.compile(r"/v1\.(\d+)(?=/)")
_OLDEST = 41  # what older interfaces took, as a container's settings at its start, is not judged


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


class EngineRules(PartRules):
    """Judge requests to the engine.

    Parameters
    ----------
    limits
        What belongs to the platform.
    """

    bodies: tuple[str, ...] = ("/create", "/connect", "/disconnect")  # what has them ends so

    def __init__(self, limits: Limits) -> None:
        super().__init__(limits)
        own = self._own
        self._routes: list[tuple[str, re.Pattern[str], Callable[..., Judgement]]] = [
            ("GET|HEAD", re.compile("/_ping"), self._free),
            ("GET", re.compile("/(version|info)"), self._free),
            ("GET", re.compile(r"/images/(?P<name>[\w./:@-]+)/json"), self._image),
            ("GET", re.compile("/(containers/json|networks)"), self._listing),
            ("POST", re.compile("/containers/create"), self._create_container),
            ("POST", re.compile("/networks/create"), self._create_network),
            ("POST", re.compile(f"/networks/{NAME}/(connect|disconnect)"), self._connect),
            ("GET", re.compile(f"/containers/{NAME}/(json|logs|stats)"), own("containers")),
            (
                "POST",
                re.compile(f"/containers/{NAME}/(start|stop|kill|wait)"),
                own("containers"),
            ),
            ("DELETE", re.compile(f"/containers/{NAME}"), own("containers")),
            ("GET|DELETE", re.compile(f"/networks/{NAME}"), own("networks")),
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
        if not isinstance(container, str) or not re.fullmatch(NAME, container):
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
            if not isinstance(mode, str) or not (mode == "none" or re.fullmatch(NAME, mode)):
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
            if name in ("host", "default", "bridge") or not re.fullmatch(NAME, name):
                raise refuse(f"the network {name}")
            networks.add(name)
            self._endpoint(endpoint)
