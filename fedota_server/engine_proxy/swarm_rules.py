"""What the platform may ask of a Swarm's manager besides."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

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
from fedota_server.engine_proxy.parts import NAME, Limits
from fedota_server.engine_proxy.rules import EngineRules, Judgement
from fedota_server.spawners.swarm_place import SCRATCH

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
_ENCRYPTED: tuple[dict[str, str], ...] = ({}, {"encrypted": "true"})
_SECOND_NS = 1_000_000_000


class SwarmRules(EngineRules):
    """Judge requests to the engine of a Swarm's manager.

    A service is judged as a container is. What its files are on other nodes cannot be seen from
    here: a mount must be below the platform's folder there too, and a node's administrator answers
    for what lies there.

    Parameters
    ----------
    limits
        What belongs to the platform.
    """

    bodies = (*EngineRules.bodies, "/update")

    def __init__(self, limits: Limits) -> None:
        super().__init__(limits)
        own = self._own
        self._routes += [
            ("GET", re.compile("/nodes"), self._free),
            ("GET", re.compile("/(services|secrets|configs)"), self._listing),
            ("GET", re.compile("/tasks"), self._tasks),
            ("POST", re.compile("/services/create"), self._create_service),
            ("POST", re.compile(f"/services/{NAME}/update"), self._update_service),
            ("GET", re.compile(f"/services/{NAME}/logs"), own("services")),
            ("GET|DELETE", re.compile(f"/services/{NAME}"), own("services")),
            ("POST", re.compile("/(secrets|configs)/create"), self._create_carried),
            ("GET|DELETE", re.compile(f"/secrets/{NAME}"), own("secrets")),
            ("GET|DELETE", re.compile(f"/configs/{NAME}"), own("configs")),
        ]

    def _tasks(self, name: str, query: Mapping[str, str], body: Any) -> Judgement:
        """Tasks are listed of one service."""
        try:
            asked = json.loads(query.get("filters", "{}"))
            service = asked["service"]
            (of,) = [one for one in service if not isinstance(service, dict) or service[one]]
        except (ValueError, KeyError, TypeError):
            raise refuse("a list of tasks that is not of one service") from None
        if not isinstance(of, str) or not _ID.fullmatch(of):
            raise refuse(f"the tasks of {of!r}")
        return Judgement(owned=(("services", of),))

    def _create_network(self, name: str, query: Mapping[str, str], body: Any) -> Judgement:
        fields = mapping_of(body, "the body")
        if fields.get("Driver") != "overlay":
            return super()._create_network(name, query, body)
        self._labelled(fields.get("Labels"))
        only(
            fields,
            {
                "Name": self._named,
                "CheckDuplicate": anything,
                "Driver": anything,
                "Internal": exactly("Internal", True, False),
                "Attachable": exactly("Attachable", True),
                "Labels": anything,
                "Options": exactly("the network's options", *_ENCRYPTED),
            },
            "",
        )
        return Judgement()

    def _create_carried(self, name: str, query: Mapping[str, str], body: Any) -> Judgement:
        fields = mapping_of(body, "the body")
        self._labelled(fields.get("Labels"))
        if not isinstance(fields.get("Data"), str):
            raise refuse("a secret or a configuration without data")
        only(fields, {"Name": self._named, "Labels": anything, "Data": anything}, "")
        return Judgement()

    def _update_service(self, name: str, query: Mapping[str, str], body: Any) -> Judgement:
        judged = self._create_service(name, query, body)
        return Judgement((*judged.owned, ("services", name)), judged.images)

    def _create_service(self, name: str, query: Mapping[str, str], body: Any) -> Judgement:
        fields = mapping_of(body, "the body")
        self._named(fields.get("Name"))
        self._labelled(fields.get("Labels"))
        template = mapping_of(fields.get("TaskTemplate"), "TaskTemplate")
        container = mapping_of(template.get("ContainerSpec"), "ContainerSpec")
        for wanted in ("Image", "User", "ReadOnly", "CapabilityDrop"):
            if wanted not in container:
                raise refuse(f"a service without ContainerSpec.{wanted}")
        limits = mapping_of(mapping_of(template.get("Resources"), "Resources").get("Limits"), "")
        for wanted in ("MemoryBytes", "Pids"):
            if wanted not in limits:
                raise refuse(f"a service without Limits.{wanted}")
        owned: list[tuple[str, str]] = []
        only(
            fields,
            {
                "Name": anything,
                "Labels": anything,
                "TaskTemplate": lambda value: self._template(value, owned),
                "Mode": exactly("the mode", *({"Replicated": {"Replicas": n}} for n in (0, 1))),
                "UpdateConfig": anything,
                "RollbackConfig": anything,
                "EndpointSpec": self._endpoints,
            },
            "",
        )
        if not any(kind == "networks" for kind, _ in owned):
            raise refuse("a service on the engine's default network")
        return Judgement(tuple(owned), (str(container["Image"]),))

    def _template(self, value: Any, owned: list[tuple[str, str]]) -> None:
        only(
            mapping_of(value, "TaskTemplate"),
            {
                "ContainerSpec": lambda spec: self._container_spec(spec, owned),
                "Resources": self._resources,
                "RestartPolicy": anything,
                "Placement": anything,
                "Networks": lambda networks: self._networks(networks, owned),
                "LogDriver": self._log_driver,
                "ForceUpdate": number("ForceUpdate", 0, 1 << 40),
                "Runtime": exactly("the runtime", "container"),
            },
            "TaskTemplate.",
        )

    def _container_spec(self, value: Any, owned: list[tuple[str, str]]) -> None:
        unchecked = exactly("the health check", {"Test": ["NONE"]})
        only(
            mapping_of(value, "ContainerSpec"),
            {
                "Image": anything,  # which is looked up
                "Args": texts("Args", lambda _: True),
                "Env": self._environment,
                "User": self._user,
                "Dir": exactly("Dir", "/tmp"),  # noqa: S108
                "Init": exactly("Init", True, False),
                "ReadOnly": exactly("ReadOnly", True),
                "CapabilityDrop": exactly("CapabilityDrop", ["ALL"]),
                "HealthCheck": unchecked,
                "Healthcheck": unchecked,
                "StopSignal": exactly("StopSignal", "SIGTERM"),
                "StopGracePeriod": number("StopGracePeriod", 0, 600 * _SECOND_NS),
                "Isolation": exactly("Isolation", "default"),
                "Mounts": self._service_mounts,
                "Secrets": lambda refs: self._carried(refs, "secrets", "SecretID", owned),
                "Configs": lambda refs: self._carried(refs, "configs", "ConfigID", owned),
            },
            "ContainerSpec.",
        )

    def _resources(self, value: Any) -> None:
        limits = {
            "MemoryBytes": self._memory,
            "NanoCPUs": number("NanoCPUs", 1, 1 << 50),
            "Pids": self._pids,
        }
        fields = mapping_of(value, "Resources")
        only(
            fields,
            {"Limits": lambda told: only(mapping_of(told, "Limits"), limits, "Limits.")},
            "Resources.",
        )

    def _networks(self, value: Any, owned: list[tuple[str, str]]) -> None:
        for one in list_of(value, "Networks"):
            fields = mapping_of(one, "a network")
            only(fields, {"Target": anything, "Aliases": anything}, "a network's ")
            self._endpoint({"Aliases": fields.get("Aliases")})
            owned.append(("networks", _named_object(fields.get("Target"))))

    def _carried(self, value: Any, kind: str, id_field: str, owned: list[tuple[str, str]]) -> None:
        for one in list_of(value, kind):
            fields = mapping_of(one, kind)
            name_field = id_field.replace("ID", "Name")
            only(fields, {id_field: anything, name_field: anything, "File": anything}, f"{kind}.")
            owned.append((kind, _named_object(fields.get(id_field))))

    def _service_mounts(self, value: Any) -> None:
        for mount in list_of(value, "Mounts"):
            fields = mapping_of(mount, "a mount")
            if fields.get("Type") == "bind":
                if "{{" in str(fields.get("Source")):
                    raise refuse("a mount by a template")
                self._mounts([mount])
            elif fields.get("Type") == "volume":
                only(
                    fields,
                    {"Type": anything, "Target": exactly("the volume's place", SCRATCH)},
                    "a volume's ",
                )
            else:
                only(
                    fields,
                    {
                        "Type": exactly("the mount's type", "tmpfs"),
                        "Target": anything,
                        "TmpfsOptions": anything,
                    },
                    "a mount's ",
                )

    @staticmethod
    def _log_driver(value: Any) -> None:
        fields = mapping_of(value, "LogDriver")
        EngineRules._log({"Type": fields.get("Name"), "Config": fields.get("Options")})

    def _endpoints(self, value: Any) -> None:
        fields = mapping_of(value, "EndpointSpec")
        only(fields, {"Mode": exactly("the mode", "dnsrr"), "Ports": self._ports}, "EndpointSpec.")

    def _ports(self, value: Any) -> None:
        for port in list_of(value, "Ports"):
            least, most = self._limits.ports
            only(
                mapping_of(port, "a port"),
                {
                    "Protocol": text_in("protocol", {"tcp"}),
                    "TargetPort": number("a port", 1, 65_535),
                    "PublishedPort": number("the published port", least, most),
                    "PublishMode": exactly("the publish mode", "host"),
                },
                "a port's ",
            )
            if "PublishedPort" not in port or port.get("PublishMode") != "host":
                raise refuse("a port that Swarm would choose or carry on")


def _named_object(value: Any) -> str:
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise refuse(f"what is called {value!r}")
    return value
