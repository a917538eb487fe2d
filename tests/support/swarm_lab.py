"""A Swarm of several engines on this machine, whose nodes can be killed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import docker
import pytest

from support.engine import SOCKET, unless_in_ci

_PROGRAM = Path(__file__).parents[3] / "shared" / "docker" / "swarm-lab"
_TIMEOUT_S = 240
# Docker's rules for the machine's own bridges would keep the workers' packets from each other.
_LET_PASS = ("DOCKER-USER", "-i", "swlbr", "-o", "swlbr", "-j", "ACCEPT")
HOST = "10.99.0.1"


def address_of(worker: int) -> str:
    """Return the address of a worker, counted from 1."""
    return f"10.99.0.1{worker}"


class SwarmLab:
    """Workers beside a manager that is this machine's own engine.

    It must not be drained, else the webserver's container could not join networks.
    """

    def __init__(self) -> None:
        self.nodes: dict[int, str] = {}

    def up(self, workers: int, images: Sequence[str]) -> None:
        """Start the workers, each with the images; label each with its address."""
        self._run("up", str(workers), *images)
        subprocess.run(["iptables", "-I", *_LET_PASS], check=True, timeout=_TIMEOUT_S)
        for worker in range(1, workers + 1):
            with docker.APIClient(base_url=f"unix:///run/swarm-lab/{worker}/docker.sock") as engine:
                self.nodes[worker] = engine.info()["Swarm"]["NodeID"]
        with docker.APIClient(base_url=SOCKET) as opened:
            manager: Any = opened
            for worker, node in self.nodes.items():
                labels = {"io.fedota.address": address_of(worker)}
                self._change(manager, node, Labels=labels)

    def kill(self, worker: int) -> None:
        """End a worker and all that runs on it, as if its host had died."""
        self._run("kill", str(worker))

    def down(self) -> None:
        """End all workers, leave the Swarm, and remove every trace."""
        self._run("down")
        rule = ["iptables", "-D", *_LET_PASS]
        while subprocess.run(rule, capture_output=True, check=False).returncode == 0:
            continue

    def worker_of(self, service: str) -> int:
        """Tell on which worker a service's task runs; 0 while none does."""
        with docker.APIClient(base_url=SOCKET) as opened:
            manager: Any = opened
            tasks = manager.tasks({"service": service, "desired-state": "running"})
        running = [task["NodeID"] for task in tasks if task["Status"]["State"] == "running"]
        found = [worker for worker, node in self.nodes.items() if node in running]
        return found[0] if found else 0

    @staticmethod
    def _change(manager: Any, node: str, **changes: Any) -> None:
        found = manager.inspect_node(node)
        manager.update_node(node, found["Version"]["Index"], {**found["Spec"], **changes})

    @staticmethod
    def _run(*words: str) -> None:
        done = subprocess.run(
            [str(_PROGRAM), *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=_TIMEOUT_S,
        )
        assert done.returncode == 0, done.stdout


@pytest.fixture
def swarm_lab() -> Iterator[SwarmLab]:
    """Make a lab, and take it down whatever happens."""
    if not _PROGRAM.exists() or os.geteuid() != 0:
        unless_in_ci(f"a Swarm of several engines takes {_PROGRAM}, and root")
    lab = SwarmLab()
    lab.down()
    yield lab
    lab.down()
