"""A service as it is asked for: locked down, but for what stands in its plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fedota_server.spawners.container_plan import ContainerPlan
from fedota_server.spawners.swarm_place import SCRATCH

NOWHERE = "node.id==nowhere"
RESTART_DELAY_S = 5.0
_NANO = 1_000_000_000
_READ_BY_OWNER = 0o400


@dataclass(frozen=True)
class Carried:
    """A secret or a configuration, and where the server finds it.

    Parameters
    ----------
    id, name
        As Swarm knows it.
    target
        The path in the container.
    """

    id: str
    name: str
    target: str


@dataclass(frozen=True)
class ServicePlan:
    """A service of one replica to be made.

    Parameters
    ----------
    container
        What runs; `reads` and `writes` must be on the node. Swarm publishes ports on every address
        of the node, whatever `publish_on` says.
    secrets, configs
        What Swarm carries to the node.
    scratch
        Whether it has a volume of its own on the node's disk at `SCRATCH`, gone with the task.
    constraints
        What must hold of a node.
    spread
        Labels over whose values Swarm spreads.
    stop_grace_s
        Seconds between being asked to end and being killed.
    """

    container: ContainerPlan
    secrets: Sequence[Carried] = ()
    configs: Sequence[Carried] = ()
    scratch: bool = False
    constraints: Sequence[str] = ()
    spread: Sequence[str] = ()
    stop_grace_s: float = 10.0


def service_body(plan: ServicePlan) -> dict[str, Any]:
    """Write the service as the engine's interface takes it, by the SDK's names of its parts.

    Swarm moves a server whose node goes away, and starts one that failed again after a pause: the
    supervisor, where there is one, has then decided otherwise. It looks at no health check, as the
    supervisor does not, and as it would otherwise take a server for running only at its first.
    An update ends the old task first, since both want the same port of the node, and is taken back
    when the new one does not start.
    """
    container = plan.container
    update = {"Parallelism": 1, "Order": "stop-first", "Monitor": 10 * _NANO, "Delay": 0}
    return {
        "name": container.name,
        "labels": dict(container.labels),
        "task_template": {
            "ContainerSpec": _container_spec(plan),
            "Resources": {
                "Limits": {
                    "MemoryBytes": container.memory_bytes,
                    "NanoCPUs": int(container.cpus * _NANO),
                    "Pids": container.pids,
                }
            },
            "RestartPolicy": {
                "Condition": "on-failure",
                "Delay": int(RESTART_DELAY_S * _NANO),
                "MaxAttempts": 0,
            },
            "Placement": {
                "Constraints": list(plan.constraints),
                "Preferences": [
                    {"Spread": {"SpreadDescriptor": descriptor}} for descriptor in plan.spread
                ],
            },
            "Networks": [
                {"Target": name, "Aliases": list(aliases)}
                for name, aliases in container.networks.items()
            ],
            "LogDriver": {
                "Name": "json-file",
                "Options": {"max-size": str(container.log_bytes), "max-file": "2"},
            },
        },
        "mode": {"Replicated": {"Replicas": 1}},
        "update_config": {**update, "FailureAction": "rollback"},
        "rollback_config": {**update, "FailureAction": "pause"},
        "endpoint_spec": {
            "Mode": "dnsrr",
            "Ports": [
                {
                    "Protocol": "tcp",
                    "TargetPort": port,
                    "PublishedPort": port,
                    "PublishMode": "host",
                }
                for port in container.publish
            ],
        },
    }


def _container_spec(plan: ServicePlan) -> dict[str, Any]:
    container = plan.container
    return {
        "Image": container.image,
        "Args": list(container.command),
        "Env": [f"{name}={value}" for name, value in container.environment.items()],
        "Dir": "/tmp",  # noqa: S108
        "User": container.user,
        "Init": True,
        "ReadOnly": True,
        "CapabilityDrop": ["ALL"],
        "HealthCheck": {"Test": ["NONE"]},
        "StopSignal": "SIGTERM",
        "StopGracePeriod": int(plan.stop_grace_s * _NANO),
        "Mounts": [
            *(_bind(path, read_only=True) for path in container.reads),
            *(_bind(path, read_only=False) for path in container.writes),
            *([{"Type": "volume", "Target": SCRATCH}] if plan.scratch else []),
            {
                "Type": "tmpfs",
                "Target": "/tmp",  # noqa: S108
                "TmpfsOptions": {"SizeBytes": container.scratch_bytes, "Mode": 0o1777},
            },
        ],
        "Secrets": [
            {"SecretID": one.id, "SecretName": one.name, "File": _file(one, container.user)}
            for one in plan.secrets
        ],
        "Configs": [
            {"ConfigID": one.id, "ConfigName": one.name, "File": _file(one, container.user)}
            for one in plan.configs
        ],
    }


def _bind(path: str, *, read_only: bool) -> dict[str, Any]:
    return {"Type": "bind", "Source": path, "Target": path, "ReadOnly": read_only}


def _file(carried: Carried, user: str) -> dict[str, Any]:
    uid, _, gid = user.partition(":")
    return {"Name": carried.target, "UID": uid, "GID": gid or uid, "Mode": _READ_BY_OWNER}
