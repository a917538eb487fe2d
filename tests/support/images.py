"""Fedota's images for tests: whether they are there, and containers of them that never stay."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import os
import shutil
import subprocess
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

LABEL = "io.fedota.platform=fedota-e2e"
LOCKED = ("--read-only", "--tmpfs", "/tmp:mode=1777", "--cap-drop", "ALL")
_CALL_TIMEOUT_S = 120.0
_LOOK_S = 0.1


def unless_in_ci(reason: str) -> None:
    """Skip the test with its reason; in CI, fail."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def bridge_address() -> str:
    """Return the host's address on the engine's own bridge, which no other machine reaches.

    An engine that has just made the bridge may tell its subnet alone: the host has the first of it.
    """
    found = json.loads(docker("network", "inspect", "bridge", "--format", "{{json .IPAM.Config}}"))
    network = ipaddress.ip_network(found[0]["Subnet"])
    return str(found[0].get("Gateway") or next(network.hosts()))


def docker(*words: str, check: bool = True, stdin: str | None = None) -> str:
    """Ask the engine something and return its answer; what it says of errors comes with it."""
    done = subprocess.run(
        ["docker", *words],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        input=stdin,
        timeout=_CALL_TIMEOUT_S,
    )
    assert not check or done.returncode == 0, done.stdout
    return done.stdout


def inspected(image: str) -> dict[str, Any]:
    """Return what the engine says of an image; skip where it has none."""
    if shutil.which("docker") is None:
        unless_in_ci("no docker is installed")
    done = subprocess.run(
        ["docker", "image", "inspect", image],
        capture_output=True,
        text=True,
        check=False,
        timeout=_CALL_TIMEOUT_S,
    )
    if done.returncode != 0:
        unless_in_ci(f"no engine answers, or it lacks {image}: {done.stderr.strip()}")
    (found,) = json.loads(done.stdout)
    return dict(found)


@dataclass(frozen=True)
class Container:
    """One that runs.

    Parameters
    ----------
    name
        As the engine knows it.
    """

    name: str

    def state(self) -> dict[str, Any]:
        """Return what the engine says of its state."""
        return dict(json.loads(docker("inspect", "--format", "{{json .State}}", self.name)))

    def logs(self) -> str:
        """Return all that it wrote."""
        return docker("logs", self.name)

    def healthy(self) -> bool:
        """Run the image's own health check in it."""
        kind, *words = json.loads(
            docker("inspect", "--format", "{{json .Config.Healthcheck.Test}}", self.name)
        )
        assert kind == "CMD"
        done = subprocess.run(
            ["docker", "exec", self.name, *words],
            capture_output=True,
            check=False,
            timeout=_CALL_TIMEOUT_S,
        )
        return done.returncode == 0

    async def until_healthy(self, timeout_s: float = 60.0) -> None:
        """Wait until its health check passes."""
        try:
            async with asyncio.timeout(timeout_s):
                while not await asyncio.to_thread(self.healthy):
                    assert self.state()["Running"], f"it ended:\n{self.logs()}"
                    await asyncio.sleep(_LOOK_S)
        except TimeoutError:
            raise AssertionError(f"it was not healthy in {timeout_s:g} s:\n{self.logs()}") from None

    async def stopped(self) -> int:
        """Ask it to stop, as the engine does; returns its exit code."""
        await asyncio.to_thread(docker, "stop", "--time", "20", self.name)
        return int(self.state()["ExitCode"])


@asynccontextmanager
async def running(
    image: str, options: Sequence[str] = (), command: Sequence[str] = ()
) -> AsyncIterator[Container]:
    """Run a container for as long as the block lasts, with nothing that it can write but /tmp."""
    name = f"fedota-e2e-{uuid.uuid4().hex[:8]}"
    labelled = ("run", "--detach", "--name", name, "--label", LABEL)
    try:
        await asyncio.to_thread(docker, *labelled, *LOCKED, *options, image, *command)
        yield Container(name)
    finally:
        await asyncio.to_thread(docker, "rm", "--force", "--volumes", name, check=False)
