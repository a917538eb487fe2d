"""A container as it is asked for, and as the engine tells of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ContainerState:
    """What the engine says of a container.

    Parameters
    ----------
    name, labels
        Its own.
    running
        Whether it runs; also while it is being started.
    exit_code
        Of one that has ended; negative for a signal.
    out_of_memory
        Whether the kernel killed it for its memory limit.
    """

    name: str
    labels: Mapping[str, str]
    running: bool
    exit_code: int
    out_of_memory: bool


@dataclass(frozen=True)
class ContainerPlan:
    """A container to be made: locked down, but for what stands here.

    Parameters
    ----------
    name, image, labels
        What it is.
    command
        Arguments of the image's program.
    environment
        All that it is told.
    user
        ``uid:gid``, neither of them root's.
    networks
        Names, each with the names by which others on it find the container; the first is the one
        whose ports are published. None: no network at all.
    publish
        Ports that it listens on and that the host publishes under the same number.
    publish_on
        Address of the host.
    reads, writes
        Files and folders of the host, each mounted at its own path.
    memory_bytes, cpus, pids
        What it may use.
    scratch_bytes
        Size of its ``/tmp``, which is memory.
    log_bytes
        Size at which its log is rotated.
    """

    name: str
    image: str
    labels: Mapping[str, str]
    command: Sequence[str]
    environment: Mapping[str, str]
    user: str
    memory_bytes: int
    cpus: float
    pids: int
    networks: Mapping[str, Sequence[str]] = field(default_factory=dict)
    publish: Sequence[int] = ()
    publish_on: str = "127.0.0.1"
    reads: Sequence[str] = ()
    writes: Sequence[str] = ()
    scratch_bytes: int = 64 << 20
    log_bytes: int = 8 << 20
