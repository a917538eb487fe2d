"""A service as it is asked for, part by part."""

from __future__ import annotations

from typing import Any

import pytest

from fedota_server.spawners.container_plan import ContainerPlan
from fedota_server.spawners.swarm_plan import Carried, ServicePlan, service_body


@pytest.fixture
def body() -> dict[str, Any]:
    container = ContainerPlan(
        name="fedota-abc-selector-1",
        image="sha256:1",
        labels={"io.fedota.platform": "fedota"},
        command=(),
        environment={"FEDOTA_SELECTOR_INDEX": "1"},
        user="10001:10002",
        memory_bytes=1 << 30,
        cpus=1.5,
        pids=99,
        networks={"doors": ("selector-1",), "intra": ("selector-1",)},
        publish=(20_000,),
        reads=("/home/model",),
        writes=("/home/state",),
        scratch_bytes=1 << 20,
        log_bytes=1 << 21,
    )
    return service_body(
        ServicePlan(
            container,
            secrets=[Carried("s1", "fedota-abc-s", "/keys/key.pem")],
            configs=[Carried("c1", "fedota-abc-c", "/home/problem.toml")],
            constraints=("node.labels.zone==a",),
            spread=("node.labels.rack",),
            stop_grace_s=3.0,
        )
    )


def test_a_service_can_do_no_more_than_it_must(body: dict[str, Any]) -> None:
    container = body["task_template"]["ContainerSpec"]
    assert container["ReadOnly"] is True
    assert container["CapabilityDrop"] == ["ALL"]
    assert container["User"] == "10001:10002"
    assert container["Env"] == ["FEDOTA_SELECTOR_INDEX=1"]
    assert "Privileges" not in container
    limits = body["task_template"]["Resources"]["Limits"]
    assert limits == {"MemoryBytes": 1 << 30, "NanoCPUs": 1_500_000_000, "Pids": 99}
    log = body["task_template"]["LogDriver"]
    assert log["Options"] == {"max-size": str(1 << 21), "max-file": "2"}


def test_swarm_moves_it_and_starts_it_again_after_a_pause(body: dict[str, Any]) -> None:
    restarts = body["task_template"]["RestartPolicy"]
    assert restarts == {"Condition": "on-failure", "Delay": 5_000_000_000, "MaxAttempts": 0}
    container = body["task_template"]["ContainerSpec"]
    assert container["HealthCheck"] == {"Test": ["NONE"]}
    assert container["StopGracePeriod"] == 3_000_000_000


def test_one_replica_with_a_port_of_its_own_and_no_virtual_address(body: dict[str, Any]) -> None:
    assert body["mode"] == {"Replicated": {"Replicas": 1}}
    assert body["endpoint_spec"]["Mode"] == "dnsrr"
    (port,) = body["endpoint_spec"]["Ports"]
    assert (port["PublishedPort"], port["TargetPort"]) == (20_000, 20_000)
    assert port["PublishMode"] == "host"


def test_an_update_frees_the_port_first_and_is_taken_back(body: dict[str, Any]) -> None:
    assert body["update_config"]["Order"] == "stop-first"
    assert body["update_config"]["FailureAction"] == "rollback"
    assert body["rollback_config"]["Order"] == "stop-first"


def test_files_arrive_at_their_own_paths(body: dict[str, Any]) -> None:
    container = body["task_template"]["ContainerSpec"]
    (secret,) = container["Secrets"]
    assert (secret["SecretID"], secret["SecretName"]) == ("s1", "fedota-abc-s")
    assert secret["File"] == {
        "Name": "/keys/key.pem",
        "UID": "10001",
        "GID": "10002",
        "Mode": 0o400,
    }
    assert container["Configs"][0]["File"]["Name"] == "/home/problem.toml"
    mounts = {one["Target"]: one for one in container["Mounts"]}
    assert mounts["/home/model"]["ReadOnly"] is True
    assert mounts["/home/state"]["ReadOnly"] is False
    assert mounts["/tmp"]["TmpfsOptions"]["SizeBytes"] == 1 << 20


def test_nodes_are_chosen_by_constraints_and_spread(body: dict[str, Any]) -> None:
    placement = body["task_template"]["Placement"]
    assert placement["Constraints"] == ["node.labels.zone==a"]
    assert placement["Preferences"] == [{"Spread": {"SpreadDescriptor": "node.labels.rack"}}]
    networks = body["task_template"]["Networks"]
    assert [one["Target"] for one in networks] == ["doors", "intra"]
    assert networks[0]["Aliases"] == ["selector-1"]
