"""The client's settings: what the command line does not say."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ClientSettings(BaseSettings):
    """Settings of `fedota-client join` and `leave`, from ``FEDOTA_CLIENT_*`` variables."""

    model_config = SettingsConfigDict(env_prefix="FEDOTA_CLIENT_", frozen=True)

    home: Path = Field(
        default=Path("~/.fedota-client"),
        description="Folder under which each membership keeps a folder of its own, unless "
        "--home names one.",
    )
    connect_timeout_s: float = Field(
        default=60.0,
        gt=0,
        le=86_400,
        description="Seconds after which a client that has reached no selector yet gives up; one "
        "that had reached one tries for ever.",
    )
    call_timeout_s: float = Field(
        default=20.0,
        gt=0,
        le=600,
        description="Seconds in which a selector must answer a short call.",
    )
    welcome_timeout_s: float = Field(
        default=120.0,
        gt=0,
        le=3_600,
        description="Seconds in which a selector must answer a check-in; it waits there while its "
        "coordinator restarts.",
    )
    transfer_timeout_s: float = Field(
        default=3_600.0,
        gt=0,
        le=7 * 86_400,
        description="Seconds in which an update or a model file must have gone over the line.",
    )
    retry_first_s: float = Field(
        default=0.2, gt=0, le=60, description="First pause between two rounds of connecting."
    )
    retry_most_s: float = Field(
        default=15.0, gt=0, le=3_600, description="Longest pause between two rounds of connecting."
    )
    load_timeout_s: float = Field(
        default=900.0,
        gt=0,
        le=86_400,
        description="Seconds in which the worker must have loaded model and data.",
    )
    task_timeout_s: float = Field(
        default=7 * 86_400.0,
        gt=0,
        le=31 * 86_400,
        description="Seconds after which work on a task without a deadline is ended.",
    )
    evaluation_wait_s: float = Field(
        default=30.0,
        ge=0,
        le=3_600,
        description="Seconds that a client with --rounds waits for the last round's evaluation.",
    )
    kept_updates: int = Field(
        default=16,
        ge=1,
        le=10_000,
        description="Most updates kept on disk while their outcome is not known.",
    )
    model_max_bytes: int = Field(
        default=4 << 30,
        ge=1 << 10,
        le=1 << 40,
        description="Largest model file that is fetched.",
    )
