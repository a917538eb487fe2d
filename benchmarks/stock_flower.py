"""Stock Flower on this machine: SuperLink, SuperNodes, `flwr run`; without TLS."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

APP = Path(__file__).parent / "flower_app"
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class AppRun:
    """What one run of the bench's Flower app measured.

    Parameters
    ----------
    round_s
        Seconds of each round after the first (which carries start-up).
    peak_mb
        Peak memory of the process that runs the strategy, in MB (10**6 bytes).
    error
        Largest deviation of the final array from what it must be.
    """

    round_s: list[float]
    peak_mb: float
    error: float

    @property
    def median_round_s(self) -> float:
        """The middle one of the rounds' times."""
        return sorted(self.round_s)[len(self.round_s) // 2]


def read_result(path: Path) -> AppRun:
    """Read the file that the bench's Flower app writes at its end."""
    result = json.loads(path.read_text())
    ended = result["ended_s"]
    rounds = [later - earlier for earlier, later in itertools.pairwise(ended)]
    if not rounds or result["evaluations"] != len(rounds):
        raise RuntimeError(f"the app ran {len(rounds)} rounds, {result['evaluations']} evaluated")
    return AppRun(rounds[1:] or rounds, max(result["peak_kb"]) * 1024 / 1e6, result["error"])


def free_port() -> int:
    """Ask the system for a port on loopback that nobody uses."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextlib.contextmanager
def started(
    command: list[str], log: Path, env: dict[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process in a session of its own and end that whole session afterwards."""
    with log.open("ab") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=env, start_new_session=True)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 15)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait(10)


def run_stock(*, elements: int, rounds: int, nodes: int = 4, timeout_s: float = 420.0) -> AppRun:
    """Run the bench's app on stock Flower.

    Raises
    ------
    RuntimeError
        It did not end in time; the message holds the end of its log.
    """
    folder = Path(tempfile.mkdtemp(prefix="stock-flower-"))
    result = folder / "result.json"
    log = folder / "log"
    superlink = f"127.0.0.1:{free_port()}"
    env = {
        **os.environ,
        "FLWR_HOME": str(folder / "home"),
        "FLWR_TELEMETRY_ENABLED": "0",
        "PATH": f"{BIN}:{os.environ['PATH']}",
    }
    (folder / "home").mkdir()
    (folder / "home" / "config.toml").write_text(
        f'[superlink]\ndefault = "bench"\n\n[superlink.bench]\n'
        f'address = "{superlink}"\ninsecure = true\n'
    )
    app = shutil.copytree(APP, folder / "app", ignore=shutil.ignore_patterns("__pycache__"))
    try:
        with contextlib.ExitStack() as stack:
            stack.enter_context(
                started(
                    [
                        str(BIN / "flower-superlink"),
                        "--insecure",
                        "--disable-runtime-dependency-installation",
                        f"--port={superlink.rpartition(':')[2]}",
                    ],
                    log,
                    env,
                )
            )
            for node in range(nodes):
                stack.enter_context(
                    started(
                        [
                            str(BIN / "flower-supernode"),
                            "--insecure",
                            f"--superlink={superlink}",
                            f"--port={free_port()}",
                            f"--node-config=partition-id={node} num-partitions={nodes}",
                        ],
                        log,
                        env,
                    )
                )
            deadline = time.monotonic() + timeout_s
            config = (
                f"num-server-rounds={rounds} num-elements={elements} num-nodes={nodes} "
                f'result-file="{result}"'
            )
            submit = [str(BIN / "flwr"), "run", str(app), "bench", "--run-config", config]
            while True:
                done = subprocess.run(submit, env=env, capture_output=True, timeout=60, check=False)
                if done.returncode == 0:
                    break
                if time.monotonic() > deadline - timeout_s + 60:
                    raise RuntimeError(f"flwr run: {done.stdout.decode()}{done.stderr.decode()}")
                time.sleep(1)
            while not result.exists():
                if time.monotonic() > deadline:
                    raise RuntimeError(f"stock Flower did not end: {log.read_text()[-3000:]}")
                time.sleep(0.2)
            return read_result(result)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
