"""What the platform may ask of the engine, and everything that an intruder would try."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from fedota_proto.errors import ForbiddenError
from fedota_server.engine_proxy.parts import Limits
from fedota_server.engine_proxy.rules import EngineRules
from fedota_server.spawners.address_pool import AddressPool

LABELS = {"io.fedota.platform": "fedota", "io.fedota.problem": "0123456789ab"}
FOLDER = "/srv/fedota"

CONTAINER: dict[str, Any] = {
    "Image": "fedota/selector:latest",
    "User": "10001:10001",
    "Labels": LABELS,
    "Env": ["FEDOTA_SELECTOR_INDEX=1", "OMP_NUM_THREADS=1"],
    "ExposedPorts": {"7000/tcp": {}},
    "StopTimeout": 10,
    "HostConfig": {
        "NetworkMode": "fedota-0123456789ab-inner",
        "Mounts": [
            {
                "Type": "bind",
                "Source": "/srv/fedota/problems/0123456789ab/.fedota/keys/selector-1",
                "Target": "/keys",
                "ReadOnly": True,
            }
        ],
        "Tmpfs": {"/tmp": "rw,nosuid,nodev,noexec,size=64m"},
        "PortBindings": {"7000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "20001"}]},
        "ReadonlyRootfs": True,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges"],
        "PidsLimit": 256,
        "Memory": 1 << 30,
        "MemorySwap": 1 << 30,
        "NanoCpus": 1_000_000_000,
        "Init": True,
        "Privileged": False,
        "LogConfig": {"Type": "json-file", "Config": {"max-size": "8m", "max-file": "2"}},
    },
    "NetworkingConfig": {
        "EndpointsConfig": {"fedota-0123456789ab-inner": {"Aliases": ["selector-1"]}}
    },
}
NETWORK: dict[str, Any] = {
    "Name": "fedota-0123456789ab-inner",
    "Driver": "bridge",
    "Internal": True,
    "CheckDuplicate": True,
    "Labels": LABELS,
    "Options": {"com.docker.network.bridge.inhibit_ipv4": "true"},
}


def rules(real_path: Callable[[str], str] = lambda path: path) -> EngineRules:
    images = frozenset({"fedota/coordinator:latest", "fedota/selector:latest"})
    pool = AddressPool.parse("10.210.0.0/16")
    return EngineRules(Limits("fedota", images, FOLDER, (20_000, 20_999), real_path, pool))


def create(body: Any, name: str = "fedota-0123456789ab-selector-1") -> Any:
    return rules().judge("POST", "/v1.41/containers/create", {"name": name}, body)


def changed(body: dict[str, Any], place: str, value: Any) -> dict[str, Any]:
    """Return a copy with one field, named ``HostConfig.Privileged`` for example, set."""
    copied = copy.deepcopy(body)
    *path, last = place.split(".")
    inner = copied
    for step in path:
        inner = inner[step]
    inner[last] = value
    return copied


def without(body: dict[str, Any], place: str) -> dict[str, Any]:
    copied = copy.deepcopy(body)
    *path, last = place.split(".")
    inner = copied
    for step in path:
        inner = inner[step]
    del inner[last]
    return copied


def test_what_the_spawner_asks_for_passes() -> None:
    judged = create(CONTAINER)
    assert judged.owned == (("networks", "fedota-0123456789ab-inner"),)
    assert rules().judge("POST", "/networks/create", {}, NETWORK).owned == ()


def test_a_job_without_a_network_passes() -> None:
    job = changed(without(CONTAINER, "NetworkingConfig"), "HostConfig.NetworkMode", "none")
    assert create(job).owned == ()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/_ping"),
        ("HEAD", "/_ping"),
        ("GET", "/v1.41/version"),
        ("GET", "/v1.41/images/fedota/selector:latest/json"),
        ("GET", "/v1.41/images/fedota%2Fselector:latest/json"),
    ],
)
def test_what_concerns_nobody_passes(method: str, path: str) -> None:
    assert rules().judge(method, path, {}, None).owned == ()


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("GET", "/v1.41/containers/abc/json", "containers"),
        ("GET", "/v1.41/containers/abc/logs", "containers"),
        ("POST", "/v1.41/containers/abc/start", "containers"),
        ("POST", "/v1.41/containers/abc/stop", "containers"),
        ("POST", "/v1.41/containers/abc/wait", "containers"),
        ("DELETE", "/v1.41/containers/abc", "containers"),
        ("GET", "/v1.41/networks/abc", "networks"),
        ("DELETE", "/v1.41/networks/abc", "networks"),
    ],
)
def test_what_concerns_one_object_passes_if_it_is_ours(method: str, path: str, kind: str) -> None:
    assert rules().judge(method, path, {}, None).owned == ((kind, "abc"),)


def test_connecting_asks_whose_both_are() -> None:
    body = {"Container": "web", "EndpointConfig": {"Aliases": ["webserver"]}}
    judged = rules().judge("POST", "/v1.41/networks/abc/connect", {}, body)
    assert judged.owned == (("networks", "abc"), ("containers", "web"))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1.41/containers/abc/exec"),
        ("POST", "/v1.41/exec/abc/start"),
        ("POST", "/v1.41/containers/abc/attach"),
        ("GET", "/v1.41/containers/abc/archive"),
        ("PUT", "/v1.41/containers/abc/archive"),
        ("GET", "/v1.41/containers/abc/export"),
        ("POST", "/v1.41/containers/abc/update"),
        ("POST", "/v1.41/containers/abc/rename"),
        ("POST", "/v1.41/commit"),
        ("POST", "/v1.41/build"),
        ("POST", "/v1.41/images/create"),
        ("POST", "/v1.41/images/load"),
        ("DELETE", "/v1.41/images/fedota/selector:latest"),
        ("GET", "/v1.41/images/debian:latest/json"),
        ("GET", "/v1.41/images/json"),
        ("POST", "/v1.41/volumes/create"),
        ("GET", "/v1.41/volumes"),
        ("POST", "/v1.41/containers/prune"),
        ("POST", "/v1.41/networks/prune"),
        ("POST", "/v1.41/system/prune"),
        ("GET", "/v1.41/events"),
        ("POST", "/v1.41/auth"),
        ("POST", "/v1.41/plugins/pull"),
        ("POST", "/v1.41/swarm/init"),
        ("GET", "/v1.41/secrets"),
        ("POST", "/session"),
        ("GET", "/v1.41/containers/abc/../../images/json"),
        ("GET", "/v1.41/containers/abc%2f..%2f..%2fimages/json"),
        ("GET", "/v1.41//containers/json"),
        ("POST", "/v1.24/containers/abc/start"),
        ("GET", "/v2.0/containers/abc/json"),
        ("GET", "/containers/abc/json/"),
    ],
)
def test_every_other_request_is_refused(method: str, path: str) -> None:
    with pytest.raises(ForbiddenError):
        rules().judge(method, path, {}, None)


def test_settings_at_a_start_are_refused() -> None:
    with pytest.raises(ForbiddenError, match="a body for /containers/abc/start"):
        rules().judge("POST", "/v1.41/containers/abc/start", {}, {"Privileged": True})


@pytest.mark.parametrize(
    "filters",
    [
        "",
        "{}",
        "no json",
        "[]",
        '{"label": ["io.fedota.platform"]}',
        '{"label": ["io.fedota.platform=other"]}',
        '{"label": {"io.fedota.platform=fedota": false}}',
    ],
)
def test_lists_of_everybodys_objects_are_refused(filters: str) -> None:
    with pytest.raises(ForbiddenError, match="not narrowed"):
        rules().judge("GET", "/v1.41/containers/json", {"filters": filters}, None)


def test_a_list_of_our_own_objects_passes() -> None:
    filters = json.dumps({"label": ["io.fedota.platform=fedota"]})
    rules().judge("GET", "/v1.41/containers/json", {"filters": filters}, None)
    rules().judge("GET", "/v1.41/networks", {"filters": filters}, None)


BIND = {"Type": "bind", "Target": "/x", "ReadOnly": True}


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("Image", "debian:latest"),
        ("Image", "fedota/selector"),
        ("Image", None),
        ("User", "0"),
        ("User", "root"),
        ("User", "0:10001"),
        ("User", ""),
        ("User", "10001:0"),
        ("Labels", {}),
        ("Labels", {"io.fedota.platform": "other"}),
        ("Labels", None),
        ("Entrypoint", ["sh"]),
        ("Volumes", {"/x": {}}),
        ("Healthcheck", {"Test": ["CMD", "x"]}),
        ("Env", ["LD_PRELOAD=/x.so"]),
        ("Env", ["FEDOTA_DATABASE_URL=postgresql://x"]),
        ("Env", [3]),
        ("WorkingDir", "/"),
        ("Hostname", "a b"),
        ("ExposedPorts", {"53/udp": {}}),
        ("MacAddress", "02:42:ac:11:00:02"),
        ("privileged", True),
        ("HostConfig.Privileged", True),
        ("HostConfig.privileged", True),
        ("HostConfig.CapAdd", ["SYS_ADMIN"]),
        ("HostConfig.CapDrop", []),
        ("HostConfig.CapDrop", ["NET_RAW"]),
        ("HostConfig.SecurityOpt", ["no-new-privileges", "seccomp=unconfined"]),
        ("HostConfig.SecurityOpt", []),
        ("HostConfig.PidMode", "host"),
        ("HostConfig.IpcMode", "host"),
        ("HostConfig.UTSMode", "host"),
        ("HostConfig.UsernsMode", "host"),
        ("HostConfig.CgroupnsMode", "host"),
        ("HostConfig.CgroupParent", "/"),
        ("HostConfig.NetworkMode", "host"),
        ("HostConfig.NetworkMode", "bridge"),
        ("HostConfig.NetworkMode", "default"),
        ("HostConfig.NetworkMode", "container:abc"),
        ("HostConfig.Binds", ["/:/host"]),
        ("HostConfig.VolumesFrom", ["web"]),
        ("HostConfig.Devices", [{"PathOnHost": "/dev/sda"}]),
        ("HostConfig.DeviceRequests", [{"Count": -1}]),
        ("HostConfig.DeviceCgroupRules", ["a *:* rwm"]),
        ("HostConfig.GroupAdd", ["docker"]),
        ("HostConfig.Sysctls", {"net.ipv4.ip_forward": "1"}),
        ("HostConfig.Ulimits", [{"Name": "nofile", "Soft": 1, "Hard": 1}]),
        ("HostConfig.ExtraHosts", ["a:1.2.3.4"]),
        ("HostConfig.Runtime", "other"),
        ("HostConfig.OomKillDisable", True),
        ("HostConfig.OomScoreAdj", -1000),
        ("HostConfig.ReadonlyRootfs", False),
        ("HostConfig.ReadonlyRootfs", 1),
        ("HostConfig.MaskedPaths", ["/x"]),
        ("HostConfig.PublishAllPorts", True),
        ("HostConfig.RestartPolicy", {"Name": "always"}),
        ("HostConfig.LogConfig", {"Type": "syslog", "Config": {}}),
        ("HostConfig.LogConfig", {"Type": "json-file", "Config": {"labels": "x"}}),
        ("HostConfig.Memory", 0),
        ("HostConfig.Memory", -1),
        ("HostConfig.MemorySwap", -1),
        ("HostConfig.PidsLimit", -1),
        ("HostConfig.PidsLimit", True),
        ("HostConfig.Tmpfs", {"/tmp": "exec"}),
        ("HostConfig.Tmpfs", {"tmp": "rw"}),
        ("HostConfig.PortBindings", {"7000/tcp": [{"HostPort": "22"}]}),
        ("HostConfig.PortBindings", {"7000/tcp": [{"HostPort": ""}]}),
        ("HostConfig.PortBindings", {"7000/tcp": [{}]}),
        ("HostConfig.PortBindings", {"7000/udp": [{"HostPort": "20001"}]}),
        ("HostConfig.Mounts", [BIND]),
        ("HostConfig.Mounts", [BIND | {"Source": "/"}]),
        ("HostConfig.Mounts", [BIND | {"Source": "/etc/shadow"}]),
        ("HostConfig.Mounts", [BIND | {"Source": "/var/run/docker.sock"}]),
        ("HostConfig.Mounts", [BIND | {"Source": FOLDER}]),
        ("HostConfig.Mounts", [BIND | {"Source": FOLDER + "/../../etc"}]),
        ("HostConfig.Mounts", [BIND | {"Source": FOLDER + "-other/x"}]),
        ("HostConfig.Mounts", [BIND | {"Type": "volume", "Source": "fedota-data"}]),
        ("HostConfig.Mounts", [{"Type": "npipe", "Source": FOLDER + "/x"}]),
        (
            "HostConfig.Mounts",
            [BIND | {"Source": FOLDER + "/x", "BindOptions": {"Propagation": "shared"}}],
        ),
        (
            "HostConfig.Mounts",
            [BIND | {"Source": FOLDER + "/x", "VolumeOptions": {"DriverConfig": {"Name": "x"}}}],
        ),
        ("NetworkingConfig.EndpointsConfig", {"host": {}}),
        ("NetworkingConfig.EndpointsConfig", {"fedota-n": {"IPAMConfig": {"IPv4Address": "x"}}}),
        ("NetworkingConfig.EndpointsConfig", {"fedota-n": {"Aliases": ["a b"]}}),
        ("HostConfig", "x"),
        ("HostConfig", None),
    ],
)
def test_a_container_that_could_do_more_is_refused(place: str, value: Any) -> None:
    with pytest.raises(ForbiddenError, match="refuses"):
        create(changed(CONTAINER, place, value))


@pytest.mark.parametrize(
    "place",
    [
        "Image",
        "User",
        "Labels",
        "HostConfig.Memory",
        "HostConfig.PidsLimit",
        "HostConfig.ReadonlyRootfs",
        "HostConfig.CapDrop",
        "HostConfig.SecurityOpt",
        "HostConfig",
    ],
)
def test_a_container_without_its_limits_is_refused(place: str) -> None:
    with pytest.raises(ForbiddenError):
        create(without(CONTAINER, place))


def test_a_container_on_the_default_network_is_refused() -> None:
    lone = without(without(CONTAINER, "NetworkingConfig"), "HostConfig.NetworkMode")
    with pytest.raises(ForbiddenError, match="default network"):
        create(lone)


@pytest.mark.parametrize("name", ["", "selector-1", "fedota", "postgres", "fedota-a/b"])
def test_a_container_by_another_name_is_refused(name: str) -> None:
    with pytest.raises(ForbiddenError, match="the name"):
        create(CONTAINER, name)


@pytest.mark.parametrize("real", ["/etc", ""])
def test_a_mount_through_a_link_or_of_nothing_is_refused(real: str) -> None:
    linked = rules(lambda path: real if path.endswith("selector-1") else path)
    with pytest.raises(ForbiddenError, match="a link"):
        linked.judge(
            "POST", "/v1.41/containers/create", {"name": "fedota-0123456789ab-x"}, CONTAINER
        )


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("Name", "bridge"),
        ("Name", None),
        ("Driver", "host"),
        ("Driver", "macvlan"),
        ("Labels", {}),
        ("Internal", "yes"),
        ("Options", {"com.docker.network.bridge.name": "docker0"}),
        ("Options", {"com.docker.network.bridge.inhibit_ipv4": "maybe"}),
        ("Options", {"parent": "eth0"}),
        ("IPAM", {"Driver": "other"}),
        ("IPAM", {"Driver": "default", "Options": {"a": "b"}}),
        ("IPAM", {"Config": [{"Subnet": "10.210.0.0/25", "Gateway": "10.210.0.1"}]}),
        ("IPAM", {"Config": [{"Subnet": "10.210.0.0/25", "IPRange": "10.210.0.0/28"}]}),
        ("IPAM", {"Config": [{"Subnet": "10.210.0.0/25", "AuxiliaryAddresses": {"a": "x"}}]}),
        ("IPAM", {"Config": [{"Subnet": "10.210.0.0/25"}, {"Subnet": "10.210.0.128/25"}]}),
        ("IPAM", {"Config": [{"Subnet": "10.211.0.0/25"}]}),
        ("IPAM", {"Config": [{"Subnet": "10.210.0.0/24"}]}),
        ("IPAM", {"Config": [{"Subnet": "0.0.0.0/0"}]}),
        ("IPAM", {"Config": [{"Subnet": 7}]}),
        ("IPAM", {"Config": "10.210.0.0/25"}),
        ("Ingress", True),
        ("ConfigFrom", {"Network": "x"}),
        ("Attachable", True),
    ],
)
def test_a_network_that_could_do_more_is_refused(place: str, value: Any) -> None:
    with pytest.raises(ForbiddenError):
        rules().judge("POST", "/networks/create", {}, changed(NETWORK, place, value))


@pytest.mark.parametrize("subnet", ["10.210.0.0/25", "10.210.255.248/29"])
def test_a_network_of_the_platforms_pool_passes(subnet: str) -> None:
    asked: Any = {"Driver": "default", "Config": [{"Subnet": subnet, "IPRange": None}]}
    wanted = changed(NETWORK, "IPAM", asked)
    rules().judge("POST", "/networks/create", {}, wanted)
    without_pool = EngineRules(Limits("fedota", frozenset(), FOLDER, (1, 2), str))
    without_pool.judge("POST", "/networks/create", {}, NETWORK)
    with pytest.raises(ForbiddenError, match="FEDOTA_NETWORK_POOL"):
        without_pool.judge("POST", "/networks/create", {}, wanted)


@pytest.mark.parametrize(
    "body",
    [None, {}, {"Container": ""}, {"Container": "a/b"}, {"Container": 3}, [1]],
)
def test_connecting_nobody_is_refused(body: Any) -> None:
    with pytest.raises(ForbiddenError):
        rules().judge("POST", "/v1.41/networks/abc/connect", {}, body)


def test_connecting_with_an_address_of_ones_own_is_refused() -> None:
    body = {"Container": "web", "EndpointConfig": {"IPAMConfig": {"IPv4Address": "10.0.0.2"}}}
    with pytest.raises(ForbiddenError):
        rules().judge("POST", "/v1.41/networks/abc/connect", {}, body)
