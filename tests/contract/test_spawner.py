"""What every spawner does, run over each of them."""

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from fedota_proto.errors import ServerStartError
from fedota_server.spawners.base import JobSpec, Role, ServerSpec, Spawner, StoppedBy
from fedota_server.spawners.process import ProcessSpawner

MIB = 1 << 20
HERE = Path(__file__).parent
PROGRAMS = dict.fromkeys(Role, "scripted_program")
ENVIRON = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join((str(HERE), str(HERE.parent.parent))),
    "FEDOTA_HOME": "/nowhere",
    "FEDOTA_SELECTOR_BDP_PROBE": "0",
    "FEDOTA_COORDINATOR_LISTEN": "127.0.0.1:1",
    "GITHUB_TOKEN": "secret",
}


def process_spawner(folder: Path) -> Spawner:
    return ProcessSpawner(folder, programs=PROGRAMS, environ=ENVIRON, log_max_bytes=64 << 10)


IMPLEMENTATIONS: dict[str, Callable[[Path], Spawner]] = {"process": process_spawner}


@pytest_asyncio.fixture(params=sorted(IMPLEMENTATIONS))
async def spawner(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Spawner]:
    async with IMPLEMENTATIONS[request.param](tmp_path / "logs") as made:
        yield made


def server(behaviour: str, name: str = "selector-1", ready_timeout_s: float = 20.0) -> ServerSpec:
    settings = {"FEDOTA_TEST_BEHAVIOUR": behaviour}
    return ServerSpec(name, Role.SELECTOR, settings, ready_timeout_s)


def job(
    *arguments: str, time_limit_s: float = 20.0, memory_limit_bytes: int = 512 * MIB
) -> JobSpec:
    return JobSpec("job", Role.CLIENT, arguments, time_limit_s, memory_limit_bytes)


def family_in(log: str) -> list[psutil.Process]:
    found = re.search(r"family (\d+) (\d+)", log)
    assert found is not None, log
    processes = []
    for pid in found.groups():
        try:
            processes.append(psutil.Process(int(pid)))
        except psutil.NoSuchProcess:
            continue
    return processes


async def all_end(processes: list[psutil.Process]) -> bool:
    _, alive = await asyncio.to_thread(psutil.wait_procs, processes, timeout=20)
    return not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


async def test_a_server_runs_from_its_start_to_its_stop(spawner: Spawner) -> None:
    assert await spawner.start(server("serves")) == "127.0.0.1:7"
    assert await spawner.poll("selector-1") is None
    assert await spawner.stop("selector-1") == 0
    assert await spawner.poll("selector-1") == 0
    assert (await spawner.logs("selector-1")).endswith("stopped gracefully\n")


async def test_nothing_is_known_of_a_server_that_was_never_started(spawner: Spawner) -> None:
    assert await spawner.poll("selector-9") == 0
    assert await spawner.stop("selector-9") == 0
    assert await spawner.logs("selector-9") == ""


async def test_stop_is_idempotent_and_a_stopped_server_starts_again(spawner: Spawner) -> None:
    await spawner.start(server("serves"))
    assert await spawner.stop("selector-1") == 0
    assert await spawner.stop("selector-1") == 0
    assert await spawner.start(server("serves")) == "127.0.0.1:7"
    assert await spawner.poll("selector-1") is None


async def test_two_servers_are_told_apart(spawner: Spawner) -> None:
    await asyncio.gather(
        spawner.start(server("serves", "selector-1")), spawner.start(server("serves", "selector-2"))
    )
    await spawner.stop("selector-1")
    assert await spawner.poll("selector-2") is None


async def test_a_second_start_is_refused_and_the_first_runs_on(spawner: Spawner) -> None:
    await spawner.start(server("serves"))
    with pytest.raises(ServerStartError, match="runs already"):
        await spawner.start(server("serves"))
    assert await spawner.poll("selector-1") is None


async def test_a_server_that_dies_at_its_start_is_told_with_its_last_line(
    spawner: Spawner,
) -> None:
    with pytest.raises(ServerStartError, match=r"exit code 3: the port is taken"):
        await spawner.start(server("dies"))
    assert await spawner.poll("selector-1") == 3


async def test_a_server_that_never_says_ready_is_killed(spawner: Spawner) -> None:
    with pytest.raises(ServerStartError, match="did not say within 1 s"):
        await spawner.start(server("silent", ready_timeout_s=1.0))
    assert await spawner.poll("selector-1") == -signal.SIGKILL


async def test_a_crash_is_seen_by_poll(spawner: Spawner) -> None:
    with contextlib.suppress(ServerStartError):  # it may be gone before its line was read
        await spawner.start(server("crashes later"))
    assert await spawner.poll("selector-1", wait_s=20) == -signal.SIGABRT


async def test_poll_returns_after_its_wait_while_the_server_runs(spawner: Spawner) -> None:
    await spawner.start(server("serves"))
    assert await spawner.poll("selector-1", wait_s=0.05) is None


async def test_a_server_that_will_not_stop_is_killed(spawner: Spawner) -> None:
    await spawner.start(server("stubborn"))
    assert await spawner.stop("selector-1", grace_s=0.2) == -signal.SIGKILL


async def test_a_servers_children_end_with_it(spawner: Spawner) -> None:
    await spawner.start(server("family"))
    family = family_in(await spawner.logs("selector-1"))
    assert len(family) == 2
    await spawner.stop("selector-1")
    assert await all_end(family)


async def test_close_stops_everything_and_starts_nothing_more(spawner: Spawner) -> None:
    await spawner.start(server("serves"))
    await spawner.close()
    assert await spawner.poll("selector-1") == 0
    with pytest.raises(ServerStartError):
        await spawner.start(server("serves"))


async def test_a_server_sees_its_own_settings_and_no_others(spawner: Spawner) -> None:
    await spawner.start(server("environment"))
    environment = json.loads((await spawner.logs("selector-1")).splitlines()[0])
    assert environment["FEDOTA_TEST_BEHAVIOUR"] == "environment"
    assert "PATH" in environment
    assert environment["FEDOTA_SELECTOR_BDP_PROBE"] == "0"
    assert not {"FEDOTA_HOME", "FEDOTA_COORDINATOR_LISTEN", "GITHUB_TOKEN"} & set(environment)


async def test_logs_give_the_newest_lines(spawner: Spawner) -> None:
    await spawner.start(server("chatty"))
    await spawner.stop("selector-1")
    lines = (await spawner.logs("selector-1", lines=3)).splitlines()
    assert [line[:9] for line in lines[:2]] == ["line 1999", "not yet"] or len(lines) == 3
    assert "stopped gracefully" in lines


async def test_a_jobs_lines_are_heard_as_they_come(spawner: Spawner) -> None:
    heard: list[str] = []
    result = await spawner.run_job(job("say", "loading", "one two"), heard.append)
    assert result.ok
    assert heard == ["loading", "one two"]
    assert result.log_end == "done\n"


async def test_a_failed_job_gives_its_exit_code_and_log(spawner: Spawner) -> None:
    result = await spawner.run_job(job("fail"))
    assert (result.ok, result.exit_code, result.stopped_by) == (False, 1, StoppedBy.NOTHING)
    assert result.log_end == "the model has no layers\n"


async def test_a_job_that_takes_too_long_is_killed_with_its_children(spawner: Spawner) -> None:
    result = await spawner.run_job(job("hang", time_limit_s=2.0))
    assert not result.ok
    assert result.stopped_by is StoppedBy.TIME
    assert await all_end(family_in(result.log_end))


async def test_a_job_that_takes_too_much_memory_is_killed(spawner: Spawner) -> None:
    result = await spawner.run_job(job("eat", "400", memory_limit_bytes=200 * MIB))
    assert not result.ok
    assert result.stopped_by is StoppedBy.MEMORY


async def test_a_cancelled_job_is_killed(spawner: Spawner) -> None:
    started = asyncio.Event()
    running = asyncio.create_task(spawner.run_job(job("hang"), on_line=lambda _: started.set()))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await asyncio.shield(running)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


PARENT = """
import asyncio, sys
from pathlib import Path
from fedota_server.spawners.base import Role, ServerSpec
from fedota_server.spawners.process import ProcessSpawner

async def main():
    spawner = ProcessSpawner(Path(sys.argv[1]), programs={Role.SELECTOR: "scripted_program"})
    spec = ServerSpec("s", Role.SELECTOR, {"FEDOTA_TEST_BEHAVIOUR": "family"})
    await spawner.start(spec)
    print(await spawner.logs("s"), flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_processes_end_when_the_spawners_process_is_killed(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PARENT,
        str(tmp_path),
        stdout=asyncio.subprocess.PIPE,
        env=ENVIRON,
    )
    assert parent.stdout is not None
    async with asyncio.timeout(20):
        family = family_in((await parent.stdout.readline()).decode())
    assert len(family) == 2
    parent.kill()
    await parent.wait()
    assert await all_end(family)
