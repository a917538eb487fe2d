"""The webserver's settings that concern containers alone."""

from __future__ import annotations

import ipaddress
from typing import Literal

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from fedota_server.spawners.platform_place import SOCKET
from fedota_server.spawners.pool_setting import PoolSetting
from fedota_server.webserver.swarm_settings import SwarmSettings

_IMAGE = r"^[a-z0-9][A-Za-z0-9_./:@-]*$"
_GIB = 1 << 30


class ContainerSettings(SwarmSettings):
    """What runs the servers and jobs, and what a container of each kind is and may use."""

    spawner: Literal["process", "docker", "swarm"] = Field(
        default="process",
        description="What runs the servers: process (of this machine), docker (containers of one "
        "engine) or swarm (services of several).",
    )
    docker_host: str = Field(
        default=SOCKET,
        pattern=r"^(unix:///|tcp://)\S+$",
        description="Where the Docker engine, or the proxy in front of it, answers.",
    )
    platform: str = Field(
        default="fedota",
        pattern=r"^[a-z0-9][a-z0-9-]{0,30}$",
        description="The platform's name, in the names and labels of all its containers; two "
        "platforms of one engine need two.",
    )
    publish_on: str = Field(
        default="",
        description="Address of the host on which selectors' ports are published; empty: all of "
        "them, or loopback alone where FEDOTA_PUBLIC_HOST is.",
    )
    network_pool: PoolSetting = Field(
        default="10.210.0.0/16",
        description="Addresses for the networks of problems' containers, as 10.210.0.0/16, which "
        "nothing else uses; empty: of the engine's own pools.",
    )
    coordinator_image: str = Field(
        default="fedota/coordinator:latest",
        pattern=_IMAGE,
        description="Image of the coordinators, and of the jobs that aggregate.",
    )
    selector_image: str = Field(
        default="fedota/selector:latest", pattern=_IMAGE, description="Image of the selectors."
    )
    job_image: str = Field(
        default="fedota/client:latest",
        pattern=_IMAGE,
        description="Image of the jobs that need Keras; the client's.",
    )
    limit_coordinator_memory_bytes: int = Field(
        default=4 * _GIB,
        ge=128 << 20,
        le=1 << 42,
        description="Memory of a coordinator's container; beyond it, it is killed and resumes.",
    )
    limit_coordinator_cpus: float = Field(
        default=2.0, ge=0.05, le=1024, description="Processors that a coordinator may use."
    )
    limit_selector_memory_bytes: int = Field(
        default=2 * _GIB,
        ge=128 << 20,
        le=1 << 42,
        description="Memory of a selector's container.",
    )
    limit_selector_cpus: float = Field(
        default=2.0, ge=0.05, le=1024, description="Processors that a selector may use."
    )
    limit_job_cpus: float = Field(
        default=2.0, ge=0.05, le=1024, description="Processors that a job may use."
    )
    limit_pids: int = Field(
        default=512,
        ge=64,
        le=8192,
        description="Processes and threads that any container of the platform may have.",
    )

    @field_validator("publish_on")
    @classmethod
    def _an_address(cls, host: str) -> str:
        if host:
            try:
                ipaddress.ip_address(host)
            except ValueError:
                raise PydanticCustomError(
                    "address", "it is an address of this host, as 0.0.0.0 or 192.0.2.7, or empty"
                ) from None
        return host
