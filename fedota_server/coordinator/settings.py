"""The coordinator's settings."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

_ADDRESS = r"^(\[[0-9a-fA-F:.]+\]|[^\s:/]+):[0-9]{1,5}$"


class CoordinatorSettings(BaseSettings):
    """What one coordinator's process is told, from ``FEDOTA_COORDINATOR_*`` variables."""

    model_config = SettingsConfigDict(env_prefix="FEDOTA_COORDINATOR_", frozen=True, extra="forbid")

    folder: Path = Field(
        description="The problem's .fedota folder: problem.json, manifest, what is kept."
    )
    keys: Path = Field(
        description="Folder with ca.pem, coordinator/cert.pem and key.pem, receipt.key, invite.pub."
    )
    problem_dir: Path | None = Field(
        default=None, description="Folder with problem.toml and the model; unset for an app."
    )
    app_dir: Path | None = Field(
        default=None, description="Folder of a Flower app to run, in place of a problem."
    )
    nodes: int = Field(
        default=1, ge=1, le=100_000, description="How many nodes an app waits for at first."
    )
    run_config: str = Field(
        default="",
        max_length=100_000,
        description="Values of an app's run configuration, as key=value pairs.",
    )
    listen: str = Field(
        default="127.0.0.1:0",
        pattern=_ADDRESS,
        description="Where selectors attach, host:port; port 0 takes a free one.",
    )
    status_address: str = Field(
        default="",
        pattern=rf"{_ADDRESS}|^$",
        description="Where events are reported, host:port; empty: nowhere.",
    )
    selector_grace_s: float = Field(
        default=10.0,
        ge=0.1,
        le=3_600.0,
        description="Seconds within which a lost selector may come back.",
    )
    client_grace_s: float = Field(
        default=15.0,
        ge=0.1,
        le=86_400.0,
        description="Seconds for which a round waits for a client whose connection dropped.",
    )
    memory_limit_bytes: int = Field(
        default=0,
        ge=0,
        le=1 << 50,
        description="Memory that a round may take, in bytes; 0: what the machine has.",
    )
    update_max_bytes: int = Field(
        default=4 << 30,
        ge=1_024,
        le=1 << 40,
        description="Most bytes of one update of an app; a problem's follows from its model.",
    )
    checkpoints_max_bytes: int = Field(
        default=2 << 30,
        ge=0,
        le=1 << 50,
        description="Size of the checkpoints beyond which only every tenth round's is kept.",
    )
    exit_when_finished: bool = Field(
        default=False, description="End the process when an app has ended."
    )
    log_level: str = Field(
        default="INFO",
        pattern=r"^(DEBUG|INFO|WARNING|ERROR)$",
        description="From which level on the log is written.",
    )
