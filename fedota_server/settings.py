"""Settings of the `fedota` command."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class FedotaSettings(BaseSettings):
    """What the command line does not say, from ``FEDOTA_*`` variables."""

    model_config = SettingsConfigDict(env_prefix="FEDOTA_", frozen=True)

    home: Path = Field(
        default=Path("~/.fedota"),
        description="The platform's folder, unless --home names one: its CA and certificates.",
    )
    job_time_s: float = Field(
        default=900.0,
        gt=0,
        le=86_400,
        description="Seconds that a job (inspecting a model, a dry run, scoring) may take.",
    )
    job_memory_bytes: int = Field(
        default=4 << 30,
        ge=256 << 20,
        le=1 << 40,
        description="Memory that a job and its children may hold.",
    )
    client_archive: Path | None = Field(
        default=None,
        description="The client's image as an archive, from which a problem's is made; `make "
        "images` saves it as build/images/client.tar.",
    )
    registry: str = Field(
        default="",
        pattern=r"^\S*$",
        description="Registry to which `fedota problem image` pushes, as host:port/folder; empty: "
        "none.",
    )
    registry_user: str = Field(
        default="", max_length=200, description="Account at the registry; empty: none."
    )
    registry_password: SecretStr = Field(
        default=SecretStr(""), description="Its password or token."
    )
    start_timeout_s: float = Field(
        default=30.0,
        ge=1,
        le=600,
        description="Seconds within which a coordinator or selector must say that it serves.",
    )
