"""The selector as a process: how it starts, what it prints, how it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator

import pytest

from fedota_server.authority import ProblemKeys

from .clients import Client
from .conftest import PROBLEM
from .scripted_coordinator import WAIT_S, ScriptedCoordinator


async def start(**settings: str) -> Process:
    variables = {f"FEDOTA_SELECTOR_{name.upper()}": value for name, value in settings.items()}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "fedota_selector"),
        env={**os.environ, **variables},
        stdout=PIPE,
        stderr=PIPE,
    )


async def output(process: Process) -> tuple[str, str]:
    async with asyncio.timeout(WAIT_S):
        out, err = await process.communicate()
    return out.decode(), err.decode()


@pytest.fixture
async def process(keys: ProblemKeys, coordinator: ScriptedCoordinator) -> AsyncIterator[Process]:
    started = await start(
        index="1",
        problem_id=PROBLEM,
        coordinator_address=f"127.0.0.1:{coordinator.port}",
        keys=str(keys.selector(1)),
    )
    yield started
    if started.returncode is None:
        started.kill()
        await output(started)


async def test_it_says_that_it_is_ready_and_on_a_signal_sends_its_clients_on(
    process: Process, keys: ProblemKeys, coordinator: ScriptedCoordinator
) -> None:
    assert process.stdout is not None
    async with asyncio.timeout(WAIT_S):
        ready = (await process.stdout.readline()).decode().split()
    assert ready[0] == "ready"
    attaching = await coordinator.heard.one("attaching")
    assert attaching.address == ready[1]
    ann = Client(keys, int(ready[1].rpartition(":")[2]), 1)
    await ann.join()
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    await ann.until_ended()
    assert [refusal.code for refusal in ann.all("refusal")] == ["stopping"]
    out, err = await output(process)
    assert time.monotonic() - began < 5
    assert process.returncode == 0
    assert out == ""
    assert "Traceback" not in err
    await ann.close()


@pytest.mark.parametrize(
    ("changed", "code", "said"),
    [
        ({"index": "none"}, 2, "FEDOTA_SELECTOR_INDEX"),
        ({"keys": "/nowhere"}, 1, "certificate"),
        ({"listen": "192.0.2.1:1"}, 1, "cannot listen at 192.0.2.1:1"),
    ],
)
async def test_what_it_cannot_start_with_is_said_in_a_sentence(
    keys: ProblemKeys, changed: dict[str, str], code: int, said: str
) -> None:
    fields = {
        "index": "1",
        "problem_id": PROBLEM,
        "coordinator_address": "127.0.0.1:1",
        "keys": str(keys.selector(1)),
    }
    failed = await start(**{**fields, **changed})
    out, err = await output(failed)
    assert failed.returncode == code
    assert said in err
    assert "Traceback" not in err
    assert out == ""
