"""What the platform may ask of a Swarm's manager, and what an intruder would try there."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from typing import Any

import pytest

from fedota_proto.errors import ForbiddenError
from fedota_server.engine_proxy.parts import Limits
from fedota_server.engine_proxy.rules import EngineRules, Judgement
from fedota_server.engine_proxy.swarm_rules import SwarmRules
from fedota_server.spawners.container_plan import ContainerPlan
from fedota_server.spawners.swarm_plan import Carried, ServicePlan, service_body

LABELS = {"io.fedota.platform": "fedota", "io.fedota.problem": "0123456789ab"}
LIMITS = Limits(
    "fedota",
    frozenset({"fedota/selector:latest"}),
    "/srv/fedota",
    (20_000, 20_999),
    lambda path: path,
)
NAME = "fedota-0123456789ab-selector-1"
PLATFORM = json.dumps({"label": ["io.fedota.platform=fedota"]})
OVERLAY: dict[str, Any] = {
    "Name": "fedota-0123456789ab-intra",
    "Driver": "overlay",
    "Internal": True,
    "Attachable": True,
    "CheckDuplicate": True,
    "Labels": LABELS,
    "Options": {},
}


def _service() -> dict[str, Any]:
    """Write the very body that the spawner sends."""
    body = service_body(
        ServicePlan(
            ContainerPlan(
                name=NAME,
                image="sha256:1",
                labels=LABELS,
                command=(),
                environment={"FEDOTA_SELECTOR_INDEX": "1", "PYTHONUNBUFFERED": "1"},
                user="10001:10001",
                memory_bytes=1 << 30,
                cpus=1.0,
                pids=99,
                networks={"fedota-0123456789ab-intra": ("selector-1",)},
                publish=(20_000,),
                reads=("/srv/fedota/problems/0123456789ab/model.keras",),
            ),
            secrets=[Carried("s1", "fedota-0123456789ab-s", "/srv/fedota/key.pem")],
            configs=[Carried("c1", "fedota-0123456789ab-c", "/srv/fedota/problem.toml")],
            scratch=True,
            constraints=("node.labels.zone==a",),
            spread=("node.labels.rack",),
        )
    )
    return {
        "Name": body["name"],
        "Labels": body["labels"],
        "TaskTemplate": body["task_template"],
        "Mode": body["mode"],
        "UpdateConfig": body["update_config"],
        "RollbackConfig": body["rollback_config"],
        "EndpointSpec": body["endpoint_spec"],
        "Networks": None,
    }


SERVICE = _service()
CONTAINER = "TaskTemplate.ContainerSpec"


def judge(method: str, path: str, body: Any = None, **query: str) -> Judgement:
    return SwarmRules(LIMITS).judge(method, f"/v1.41{path}", query, body)


def changed(body: dict[str, Any], place: str, value: Any) -> dict[str, Any]:
    copied = copy.deepcopy(body)
    *path, last = place.split(".")
    inner = copied
    for step in path:
        inner = inner[step]
    inner[last] = value
    return copied


def test_the_spawners_own_service_passes_once_its_parts_are_known_to_be_ours() -> None:
    judged = judge("POST", "/services/create", SERVICE)
    assert judged.images == ("sha256:1",)
    assert set(judged.owned) == {
        ("networks", "fedota-0123456789ab-intra"),
        ("secrets", "s1"),
        ("configs", "c1"),
    }


def test_an_update_concerns_a_service_of_ours() -> None:
    body = changed(SERVICE, "TaskTemplate.Placement", {"Constraints": ["node.id==nowhere"]})
    body["TaskTemplate"] |= {"ForceUpdate": 0, "Runtime": "container"}
    body["TaskTemplate"]["ContainerSpec"] |= {"Isolation": "default", "DNSConfig": {}}
    judged = judge("POST", f"/services/{NAME}/update", body, version="3")
    assert ("services", NAME) in judged.owned
    assert judged.images == ("sha256:1",)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("Name", "nginx"),
        ("Labels", {}),
        (f"{CONTAINER}.User", "0:0"),
        (f"{CONTAINER}.User", "root"),
        (f"{CONTAINER}.ReadOnly", False),
        (f"{CONTAINER}.CapabilityDrop", []),
        (f"{CONTAINER}.CapabilityAdd", ["CAP_SYS_ADMIN"]),
        (f"{CONTAINER}.Command", ["sh"]),
        (f"{CONTAINER}.Env", ["LD_PRELOAD=/srv/fedota/x.so"]),
        (f"{CONTAINER}.Privileges", {"SELinuxContext": {"Disable": True}}),
        (f"{CONTAINER}.Sysctls", {"kernel.core_pattern": "|/bin/sh"}),
        (f"{CONTAINER}.Hosts", ["10.0.0.1 coordinator"]),
        (f"{CONTAINER}.Dir", "/"),
        (f"{CONTAINER}.HealthCheck", {"Test": ["CMD-SHELL", "id"]}),
        (f"{CONTAINER}.Mounts", [{"Type": "bind", "Source": "/", "Target": "/host"}]),
        (
            f"{CONTAINER}.Mounts",
            [{"Type": "bind", "Source": "/srv/fedota/{{.Node.ID}}", "Target": "/x"}],
        ),
        (f"{CONTAINER}.Mounts", [{"Type": "volume", "Source": "theirs", "Target": "/var/tmp"}]),
        (
            f"{CONTAINER}.Mounts",
            [
                {
                    "Type": "volume",
                    "Target": "/var/tmp",
                    "VolumeOptions": {"DriverConfig": {"Options": {"type": "nfs"}}},
                }
            ],
        ),
        (f"{CONTAINER}.Mounts", [{"Type": "npipe", "Source": "x", "Target": "/x"}]),
        (f"{CONTAINER}.Secrets", [{"SecretID": 1}]),
        (f"{CONTAINER}.Configs", [{"ConfigName": "theirs"}]),
        ("TaskTemplate.Networks", []),
        ("TaskTemplate.Networks", [{"Target": "fedota-x", "DriverOpts": {"a": "b"}}]),
        ("TaskTemplate.Networks", [{"Target": "fedota-x", "Aliases": ["db.example ORG"]}]),
        ("TaskTemplate.Resources", {"Limits": {"MemoryBytes": 1 << 30}}),
        ("TaskTemplate.Resources", {"Limits": {"MemoryBytes": 1 << 50, "Pids": 9}}),
        ("TaskTemplate.Resources.Reservations", {"GenericResources": [{}]}),
        ("TaskTemplate.PluginSpec", {"Remote": "evil"}),
        ("TaskTemplate.Runtime", "plugin"),
        ("TaskTemplate.LogDriver", {"Name": "syslog", "Options": {}}),
        ("Mode", {"Global": {}}),
        ("Mode", {"Replicated": {"Replicas": 1000}}),
        ("EndpointSpec.Mode", "vip"),
        ("EndpointSpec.Ports", [{"PublishedPort": 22, "TargetPort": 22, "PublishMode": "host"}]),
        (
            "EndpointSpec.Ports",
            [{"PublishedPort": 20_000, "TargetPort": 1, "PublishMode": "ingress"}],
        ),
        ("EndpointSpec.Ports", [{"TargetPort": 1, "PublishMode": "host"}]),
    ],
)
def test_what_is_no_server_of_ours_is_refused(place: str, value: Any) -> None:
    with pytest.raises(ForbiddenError):
        judge("POST", "/services/create", changed(SERVICE, place, value))
    with pytest.raises(ForbiddenError):
        judge("POST", f"/services/{NAME}/update", changed(SERVICE, place, value))


def test_a_network_of_all_nodes_is_ours_and_attachable() -> None:
    assert judge("POST", "/networks/create", OVERLAY) == Judgement()
    encrypted = changed(OVERLAY, "Options", {"encrypted": "true"})
    assert judge("POST", "/networks/create", encrypted) == Judgement()
    bridge = changed(changed(OVERLAY, "Driver", "bridge"), "Attachable", None)
    assert judge("POST", "/networks/create", bridge) == Judgement()


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("Name", "ingress"),
        ("Labels", None),
        ("Options", {"com.docker.network.driver.mtu": "9000"}),
        ("Ingress", True),
        ("ConfigFrom", {"Network": "theirs"}),
        ("Driver", "macvlan"),
    ],
)
def test_other_networks_are_refused(place: str, value: Any) -> None:
    with pytest.raises(ForbiddenError):
        judge("POST", "/networks/create", changed(OVERLAY, place, value))


@pytest.mark.parametrize("kind", ["secrets", "configs"])
def test_secrets_and_configurations_bear_the_label(kind: str) -> None:
    body = {"Name": "fedota-0123456789ab-s", "Labels": LABELS, "Data": "eA=="}
    assert judge("POST", f"/{kind}/create", body) == Judgement()
    for place, value in (
        ("Labels", {}),
        ("Name", "theirs"),
        ("Data", None),
        ("Driver", {"Name": "vault"}),
        ("Templating", {"Name": "golang"}),
    ):
        with pytest.raises(ForbiddenError):
            judge("POST", f"/{kind}/create", changed(body, place, value))
    assert judge("DELETE", f"/{kind}/s1").owned == ((kind, "s1"),)


@pytest.mark.parametrize("kind", ["services", "secrets", "configs"])
def test_lists_are_narrowed_to_the_platform(kind: str) -> None:
    assert judge("GET", f"/{kind}", filters=PLATFORM) == Judgement()
    with pytest.raises(ForbiddenError, match="not narrowed"):
        judge("GET", f"/{kind}")


def test_tasks_are_those_of_one_service_of_ours() -> None:
    asked = json.dumps({"service": [NAME]})
    assert judge("GET", "/tasks", filters=asked).owned == (("services", NAME),)
    for filters in ("{}", "[]", "x", json.dumps({"service": []}), json.dumps({"service": ["a b"]})):
        with pytest.raises(ForbiddenError):
            judge("GET", "/tasks", filters=filters)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/swarm/init"),
        ("POST", "/swarm/leave"),
        ("GET", "/swarm"),
        ("GET", "/swarm/unlockkey"),
        ("POST", "/nodes/n1/update"),
        ("DELETE", "/nodes/n1"),
        ("POST", "/secrets/s1/update"),
        ("GET", "/tasks/t1/logs"),
    ],
)
def test_the_swarm_itself_is_not_the_platforms(method: str, path: str) -> None:
    with pytest.raises(ForbiddenError):
        judge(method, path)


def test_without_a_swarm_nothing_of_it_passes() -> None:
    for method, path, body in (
        ("POST", "/services/create", SERVICE),
        ("POST", "/networks/create", OVERLAY),
        ("GET", "/nodes", None),
    ):
        with pytest.raises(ForbiddenError):
            EngineRules(LIMITS).judge(method, path, {}, body)


def test_the_proxys_image_needs_no_docker_sdk() -> None:
    program = "import sys; sys.modules['docker'] = None; import fedota_server.engine_proxy.__main__"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
