"""What parts of a request's body may say: names, labels, mounts, ports, addresses."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
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
from fedota_server.spawners.address_pool import AddressPool
from fedota_server.spawners.docker_place import PLATFORM_LABEL

NAME = r"(?P<name>[A-Za-z0-9][A-Za-z0-9_.-]{0,127})"
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
    pool
        Of which networks get their addresses; None: of the engine's own pools.
    """

    platform: str
    images: frozenset[str]
    folder: str
    ports: tuple[int, int]
    real_path: Callable[[str], str]
    pool: AddressPool | None = None


class PartRules:
    """Judge parts of bodies; each judgement raises `ForbiddenError` or is silent.

    Parameters
    ----------
    limits
        What belongs to the platform.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

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
        if not isinstance(value, str) or not re.fullmatch(NAME, value):
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

    def _addresses(self, value: Any) -> None:
        """Let pass one network of those that the pool is cut into."""
        fields = mapping_of(value, "IPAM")
        only(
            fields, {"Driver": text_in("driver of addresses", {"default"}), "Config": anything}, ""
        )
        named = list_of(fields.get("Config"), "IPAM.Config")
        if len(named) > 1:
            raise refuse("a network of several ranges of addresses")
        for one in named:
            only(mapping_of(one, "IPAM.Config"), {"Subnet": self._subnet}, "IPAM.Config.")

    def _subnet(self, value: Any) -> None:
        pool = self._limits.pool
        if pool is None or not isinstance(value, str) or not pool.holds(value):
            raise refuse(f"the addresses {value!r}, which are none of FEDOTA_NETWORK_POOL's")
