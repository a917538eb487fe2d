"""The client's settings: what the command line does not say."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, ByteSize, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from fedota_client.limits.bandwidth import CAP_LEAST_BYTES_S
from fedota_client.shared_metrics import ShareMetrics


def _cap(value: ByteSize) -> ByteSize:
    if 0 < value < CAP_LEAST_BYTES_S:
        raise ValueError(f"a cap is 0 (none) or at least {CAP_LEAST_BYTES_S} bytes a second")
    return value


Cap = Annotated[ByteSize, AfterValidator(_cap)]


class ClientSettings(BaseSettings):
    """Settings of `fedota-client`: from flags, ``FEDOTA_CLIENT_*`` variables and config.toml."""

    model_config = SettingsConfigDict(env_prefix="FEDOTA_CLIENT_", frozen=True)

    config: Path | None = Field(
        default=None,
        description="The config.toml that was read; default: config.toml under `home`, if it is "
        "there.",
    )

    home: Path = Field(
        default=Path("~/.fedota-client"),
        description="Folder under which each membership keeps a folder of its own, unless "
        "--home names one.",
    )
    folder: Path | None = Field(
        default=None,
        description="A membership's own folder, as --home names it; the client's image sets it.",
    )
    data: Path | None = Field(
        default=None,
        description="Folder with the holder's data, as --data names it; the client's image sets "
        "it.",
    )
    container: bool = Field(
        default=False,
        description="Whether this runs in the client's image, so that folders are mounts.",
    )
    problem: Path | None = Field(
        default=None,
        description="Folder with the addresses and the data format of one problem, where it is "
        "there; the client's image sets it, and the image of one problem holds it.",
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
    policy: Path | None = Field(
        default=None,
        description="A policy file that holds beside /etc/fedota/policy.toml; it can only forbid "
        "more.",
    )
    share_metrics: ShareMetrics = Field(
        default=ShareMetrics.EXACT,
        description="How exactly weight and metrics are told: exact, coarse or none.",
    )
    hours: str = Field(
        default="",
        max_length=200,
        description="Hours of the day in which this machine works, as 22:00-06:00; empty: all.",
    )
    days: str = Field(
        default="",
        max_length=200,
        description="Days of the week on which it works, as mon-fri or sat,sun; empty: all.",
    )
    on_mains: bool = Field(default=False, description="Work on mains alone, never on battery.")
    battery_percent: float = Field(
        default=0.0,
        ge=0,
        le=100,
        description="Least charge to work with on battery; 0: any.",
    )
    pause_file: Path | None = Field(
        default=None,
        description="While this file exists, no work; default: the file `pause` in the client's "
        "folder.",
    )
    threads: int = Field(
        default=0,
        ge=0,
        le=1024,
        description="Processor threads for training; 0: all.",
    )
    memory_max: ByteSize = Field(
        default=ByteSize(0),
        ge=0,
        description="Most memory of the worker, as 4GB; beyond it is ended; 0: no bound.",
    )
    upload_max: Cap = Field(
        default=ByteSize(0),
        ge=0,
        description="Most bytes a second that leave, as 1MB, at least 64 KiB; 0: no cap.",
    )
    download_max: Cap = Field(
        default=ByteSize(0),
        ge=0,
        description="Most bytes a second that come, as 1MB, at least 64 KiB; 0: no cap.",
    )
    worker_idle_s: float = Field(
        default=60.0,
        ge=0,
        le=86_400,
        description="Seconds without a task after which the worker, and TensorFlow with it, is "
        "ended; it is started again for the next task. 0: it stays.",
    )
    log_file: Path | None = Field(
        default=None,
        description="Where to log; default: client.log in the client's folder.",
    )
    model_max_bytes: int = Field(
        default=4 << 30,
        ge=1 << 10,
        le=1 << 40,
        description="Largest model file that is fetched.",
    )
