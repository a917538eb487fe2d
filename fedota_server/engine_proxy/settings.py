"""Settings of the engine's proxy."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from fedota_server.spawners.pool_setting import PoolSetting


class EngineProxySettings(BaseSettings):
    """From ``FEDOTA_ENGINE_PROXY_*`` variables."""

    model_config = SettingsConfigDict(env_prefix="FEDOTA_ENGINE_PROXY_", frozen=True)

    engine: Path = Field(
        default=Path("/var/run/docker.sock"), description="The engine's own socket."
    )
    listen: Path = Field(description="The socket that the webserver is given.")
    group: int = Field(default=10001, ge=1, description="Group that may use that socket.")
    platform: str = Field(
        default="fedota",
        pattern=r"^[a-z0-9][a-z0-9-]{0,30}$",
        description="The platform's name: label and beginning of the name of all that it makes.",
    )
    folder: Path = Field(description="The platform's folder on the host; mounts are below it.")
    images: str = Field(
        default="fedota/coordinator:latest fedota/selector:latest fedota/client:latest",
        description="The images that may be run, with their tags, between spaces.",
    )
    ports: str = Field(
        default="20000-20999",
        pattern=r"^[0-9]{1,5}-[0-9]{1,5}$",
        description="Ports that may be published, first-last: the webserver's own range.",
    )
    network_pool: PoolSetting = Field(
        default="10.210.0.0/16",
        description="Addresses that networks may be made of: the webserver's own; empty: none.",
    )
    swarm: bool = Field(
        default=False,
        description="Whether the engine manages a Swarm, on which the platform's servers run.",
    )

    @property
    def port_range(self) -> tuple[int, int]:
        """The lowest and the highest port."""
        first, last = (int(port) for port in self.ports.split("-"))
        return first, last
