"""The selector's settings."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

MIB = 1 << 20
_ADDRESS = r"^(\[[0-9a-fA-F:.]+\]|[^\s:/]+):[0-9]{1,5}$"


class SelectorSettings(BaseSettings):
    """What one selector's process is told, from ``FEDOTA_SELECTOR_*`` variables."""

    model_config = SettingsConfigDict(env_prefix="FEDOTA_SELECTOR_", frozen=True, extra="forbid")

    index: int = Field(ge=1, le=10_000, description="Number of this selector, counted from 1.")
    problem_id: str = Field(
        pattern=r"^[a-z0-9][a-z0-9-]{0,40}$", description="The problem that it serves."
    )
    coordinator_address: str = Field(
        pattern=_ADDRESS, description="Where the coordinator listens, host:port."
    )
    listen: str = Field(
        default="127.0.0.1:0",
        pattern=_ADDRESS,
        description="Where clients are taken in, host:port; port 0 takes a free one.",
    )
    public_address: str = Field(
        default="",
        max_length=300,
        description="How clients reach it, host:port; empty: as it listens.",
    )
    node: str = Field(
        default="",
        max_length=100,
        description="The node of a Swarm that it runs on, as node_hosts names it.",
    )
    node_hosts: str = Field(
        default="",
        max_length=100_000,
        pattern=r"^([^\s=]+=[^\s=]+( [^\s=]+=[^\s=]+)*)?$",
        description=(
            "Pairs NODE=HOST between spaces: how clients reach each node; the port is that of "
            "public_address, whose host is kept for nodes that do not stand here."
        ),
    )
    keys: Path = Field(description="Folder with cert.pem and key.pem of its own, and ca.pem.")
    byte_budget_bytes: int = Field(
        default=256 * MIB,
        ge=MIB,
        le=1 << 40,
        description="Bytes of updates that may be under way or waiting in memory at once.",
    )
    held_max_clients: int = Field(
        default=5_000, ge=1, le=1_000_000, description="Most clients held at once."
    )
    update_max_bytes: int = Field(
        default=4 << 30, ge=1_024, le=1 << 40, description="Most bytes of one update."
    )
    window_bytes: int = Field(
        default=4 * MIB,
        ge=64 << 10,
        le=64 * MIB,
        description=(
            "Bytes that gRPC takes in ahead of every upload under way, and with them the speed of "
            "one upload over distance: 4 MiB carry about 55 MB/s over a line of 50 ms."
        ),
    )
    bdp_probe: bool = Field(
        default=False,
        description=(
            "Let gRPC widen that window to the line instead: three times as fast over 50 ms, and "
            "up to 27 MB of memory, counted in the byte budget, for every upload under way."
        ),
    )
    stall_timeout_s: float = Field(
        default=60.0,
        ge=1.0,
        le=3_600.0,
        description="Seconds without a byte after which a transfer is given up.",
    )
    verdict_timeout_s: float = Field(
        default=300.0,
        ge=1.0,
        le=86_400.0,
        description="Seconds for which a check-in waits for the coordinator's verdict.",
    )
    ask_timeout_s: float = Field(
        default=20.0,
        ge=0.1,
        le=600.0,
        description="Seconds for which a passed-on question waits for the coordinator's answer.",
    )
    reattach_least_s: float = Field(
        default=0.2, ge=0.01, le=60.0, description="Shortest pause before attaching again."
    )
    reattach_most_s: float = Field(
        default=5.0, ge=0.01, le=600.0, description="Longest pause before attaching again."
    )
    load_every_s: float = Field(
        default=5.0, ge=0.1, le=600.0, description="How often its load is reported, in seconds."
    )
    cache_folder: Path | None = Field(
        default=None,
        description="Where fetched model files are kept while it runs; unset: the system's own.",
    )
    log_level: str = Field(
        default="INFO",
        pattern=r"^(DEBUG|INFO|WARNING|ERROR)$",
        description="From which level on the log is written.",
    )

    @property
    def address_told(self) -> str:
        """How clients reach it, host:port; empty: as it listens."""
        hosts = dict(pair.split("=") for pair in self.node_hosts.split())
        host = hosts.get(self.node, "") if self.node else ""
        if not host or not self.public_address:
            return self.public_address
        _, _, port = self.public_address.rpartition(":")
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
