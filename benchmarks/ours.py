"""The bench's Flower app on Fedota: `fedota run-app`, selectors, clients; with TLS."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.door import PROBLEM_ID, first_line, running
from benchmarks.stock_flower import APP, AppRun, read_result
from fedota_server.authority import PlatformHome, ProblemKeys

FEDOTA = str(Path(sys.executable).parent / "fedota")


def run_ours(
    *, elements: int, rounds: int, nodes: int = 4, selectors: int = 2, timeout_s: float = 420.0
) -> AppRun:
    """Run the bench's app on Fedota.

    Up to four nodes are `fedota-client` processes; more are load clients, 32 to a process, each on
    a connection of its own.

    Raises
    ------
    RuntimeError
        It did not end well in time; the message holds the end of what it said.
    """
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-ours-")))
        result, log = folder / "result.json", folder / "log"
        pairs = (
            f"num-server-rounds={rounds}",
            f"num-elements={elements}",
            f"num-nodes={nodes}",
            f'result-file="{result}"',
        )
        command = [FEDOTA, "run-app", str(APP), f"--nodes={nodes}", f"--selectors={selectors}"]
        command += [part for pair in pairs for part in ("--run-config", pair)]
        invites = folder / "invites"
        if nodes > 4:
            command.append(f"--invites={invites}")
        env = {**os.environ, "FEDOTA_HOME": str(folder / "home")}
        out = stack.enter_context(log.open("wb"))
        served = subprocess.Popen(command, stdout=out, stderr=out, env=env)
        stack.callback(_end, served)
        deadline_s = time.monotonic() + timeout_s
        if nodes > 4:
            _wait_until(
                lambda: invites.is_dir() and len(list(invites.iterdir())) == nodes,
                served,
                log,
                deadline_s,
            )
            for first in range(0, nodes, 32):
                count = min(32, nodes - first)
                load = [sys.executable, "-m", "benchmarks.load", str(invites)]
                load += [f"--first={first}", f"--count={count}"]
                stack.enter_context(running(load, log=log))
        _wait_until(result.exists, served, log, deadline_s)
        _wait_until(lambda: _whole(result), served, log, deadline_s)
        return read_result(result)


def _whole(path: Path) -> bool:
    try:
        json.loads(path.read_text())
    except ValueError:
        return False
    return True


def _wait_until(
    condition: Callable[[], bool], served: subprocess.Popen[bytes], log: Path, deadline_s: float
) -> None:
    while not condition():
        if served.poll() is not None and not condition():
            raise RuntimeError(f"run-app ended with {served.returncode}: {log.read_text()[-2000:]}")
        if time.monotonic() > deadline_s:
            raise RuntimeError(f"run-app did not end: {log.read_text()[-2000:]}")
        time.sleep(0.1)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)


async def coordinator_start_s() -> float:
    """Measure the seconds from a coordinator's start until it serves."""
    with tempfile.TemporaryDirectory(prefix="bench-start-") as name:
        folder = Path(name)
        home = PlatformHome(folder / "home")
        home.init()
        keys = ProblemKeys.create(folder / "run" / "keys", PROBLEM_ID, home.authority())
        (folder / "run" / "problem.json").write_text(json.dumps({"problem_id": PROBLEM_ID}))
        env = {
            **os.environ,
            "FEDOTA_COORDINATOR_FOLDER": str(folder / "run"),
            "FEDOTA_COORDINATOR_KEYS": str(keys.folder),
            "FEDOTA_COORDINATOR_APP_DIR": str(APP),
            "FEDOTA_COORDINATOR_NODES": "4",
        }
        start = time.perf_counter()
        log = folder / "log"
        command = [sys.executable, "-m", "fedota_server.coordinator"]
        with running(command, env, log) as process:
            try:
                await first_line(process)
            except RuntimeError as error:
                raise RuntimeError(log.read_text()[-2000:]) from error
            return time.perf_counter() - start
