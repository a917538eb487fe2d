"""What every spawner does, run over each of them."""

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest
import pytest_asyncio
from support.engine import docker_place
from support.swarm import swarm_place
from support.waiting import until

from fedota_proto.errors import ServerStartError
from fedota_server.spawners.base import JobSpec, Role, ServerSpec, Spawner, StoppedBy
from fedota_server.spawners.docker import DockerSpawner
from fedota_server.spawners.engine import Engine
from fedota_server.spawners.kept import KeptProcessSpawner
from fedota_server.spawners.kept_state import load_state
from fedota_server.spawners.process import ProcessSpawner
from fedota_server.spawners.swarm import SwarmSpawner
from fedota_server.spawners.swarm_engine import SwarmEngine

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


def kept_spawner(folder: Path) -> Spawner:
    return KeptProcessSpawner(
        folder / "kept", folder, programs=PROGRAMS, environ=ENVIRON, log_max_bytes=64 << 10
    )


IMPLEMENTATIONS: dict[str, Callable[[Path], Spawner]] = {
    "process": process_spawner,
    "kept process": kept_spawner,
}


@pytest_asyncio.fixture(
    params=[
        *sorted(IMPLEMENTATIONS),
        "docker",
        pytest.param("swarm", marks=pytest.mark.swarm),
    ]
)
async def spawner(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Spawner]:
    logs = tmp_path / "logs"
    if request.param == "docker":
        engine: Engine = request.getfixturevalue("engine")
        place = docker_place(logs, request.getfixturevalue("scripted_image"))
        chosen: Spawner = DockerSpawner(lambda: engine, place, environ=ENVIRON)
    elif request.param == "swarm":
        manager: SwarmEngine = request.getfixturevalue("swarm_manager")
        swarm = swarm_place(logs, request.getfixturevalue("scripted_image"))
        chosen = SwarmSpawner(lambda: manager, swarm, environ=ENVIRON)
    else:
        chosen = IMPLEMENTATIONS[request.param](logs)
    async with chosen as made:
        yield made


@pytest_asyncio.fixture
async def next_spawner(tmp_path: Path) -> AsyncIterator[Callable[[], Spawner]]:
    """Spawners that keep servers, all of one place, as one webserver after the other has them."""
    made: list[Spawner] = []

    def make() -> Spawner:
        made.append(kept_spawner(tmp_path / "logs"))
        return made[-1]

    yield make
    for one in made:
        await one.close(grace_s=0)


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
    if isinstance(spawner, DockerSpawner | SwarmSpawner):
        await spawner.stop("selector-1")
        assert await spawner.poll("selector-1") == 0  # a container's end is that of all in it
        return
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
    lines = (await spawner.logs("selector-1")).splitlines()
    environment = json.loads(next(line for line in lines if line.startswith("{")))
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
    if isinstance(spawner, DockerSpawner | SwarmSpawner):
        return
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
{imports}

async def main():
    logs, programs = Path(sys.argv[1]), {{Role.SELECTOR: "scripted_program"}}
    spawner = {spawner}
    spec = ServerSpec("s", Role.SELECTOR, {{"FEDOTA_TEST_BEHAVIOUR": "family"}})
    await spawner.start(spec)
    log = await spawner.logs("s")
    print(next(line for line in log.splitlines() if "family" in line), flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""
KEPT = "from fedota_server.spawners.kept import KeptProcessSpawner"


async def family_of_killed_spawner(logs: Path, imports: str, spawner: str) -> list[psutil.Process]:
    """Have a server started in a process of its own, which is then killed."""
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PARENT.format(imports=imports, spawner=spawner), str(logs)),
        stdout=asyncio.subprocess.PIPE,
        env=ENVIRON,
    )
    assert parent.stdout is not None
    async with asyncio.timeout(20):
        family = family_in((await parent.stdout.readline()).decode())
    assert len(family) == 2
    parent.kill()
    await parent.wait()
    return family


async def test_processes_end_when_the_spawners_process_is_killed(tmp_path: Path) -> None:
    family = await family_of_killed_spawner(
        tmp_path,
        "from fedota_server.spawners.process import ProcessSpawner",
        "ProcessSpawner(logs, programs=programs)",
    )
    assert await all_end(family)


async def test_nothing_is_adopted_where_nothing_runs(spawner: Spawner) -> None:
    assert await spawner.adopt(server("serves")) is None
    assert await spawner.poll("selector-1") == 0


async def test_a_kept_server_is_adopted_with_its_log(
    next_spawner: Callable[[], Spawner],
) -> None:
    first = next_spawner()
    await first.start(server("family"))
    family = family_in(await first.logs("selector-1"))
    await first.release()
    with pytest.raises(ServerStartError):
        await first.start(server("serves", "selector-2"))
    second = next_spawner()
    assert await second.poll("selector-1") is None
    assert await second.adopt(server("family")) == "127.0.0.1:7"
    assert all(process.is_running() for process in family)
    with pytest.raises(ServerStartError, match="runs already"):
        await second.start(server("family"))
    assert await second.stop("selector-1") == 0
    assert (await second.logs("selector-1")).endswith("stopped gracefully\n")
    assert await all_end(family)


async def test_a_kept_server_of_other_settings_is_stopped_not_adopted(
    next_spawner: Callable[[], Spawner],
) -> None:
    await next_spawner().start(server("serves"))
    second = next_spawner()
    assert await second.adopt(server("family")) is None
    assert await second.poll("selector-1") == 0
    assert await second.start(server("family")) == "127.0.0.1:7"


async def test_the_end_of_an_adopted_server_is_told_at_once(
    next_spawner: Callable[[], Spawner],
) -> None:
    first = next_spawner()
    await first.start(server("family"))
    (process, _) = family_in(await first.logs("selector-1"))
    second = next_spawner()
    await second.adopt(server("family"))
    ending = asyncio.create_task(second.poll("selector-1", wait_s=20))
    process.kill()
    async with asyncio.timeout(5):
        assert await ending == -signal.SIGKILL


async def test_no_kept_server_outlives_its_keeper(
    next_spawner: Callable[[], Spawner],
) -> None:
    spawner = next_spawner()
    await spawner.start(server("family"))
    family = family_in(await spawner.logs("selector-1"))
    keeper = family[0].parent()
    assert keeper is not None
    keeper.kill()
    assert await spawner.poll("selector-1", wait_s=20) == -signal.SIGKILL
    assert await all_end(family)
    assert await spawner.start(server("serves")) == "127.0.0.1:7"


async def test_a_keeper_ends_with_its_server_and_when_it_is_told_to(
    next_spawner: Callable[[], Spawner],
) -> None:
    spawner = next_spawner()
    ends: list[Callable[[psutil.Process], None]] = [
        lambda keeper: keeper.terminate(),
        lambda keeper: keeper.children()[0].kill(),
    ]
    for end in ends:
        await spawner.start(server("family"))
        family = family_in(await spawner.logs("selector-1", lines=3))
        keeper = family[0].parent()
        assert keeper is not None
        await asyncio.to_thread(end, keeper)
        assert await spawner.poll("selector-1", wait_s=20) in (0, -signal.SIGKILL)
        assert await all_end([keeper, *family])


async def test_a_pid_that_was_given_out_again_is_not_killed(
    next_spawner: Callable[[], Spawner], tmp_path: Path
) -> None:
    spawner = next_spawner()
    await spawner.start(server("serves"))
    await spawner.stop("selector-1")
    stranger = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "import threading; threading.Event().wait(60)"
    )
    path = tmp_path / "logs" / "kept" / "selector-1.json"
    state = json.loads(path.read_text())
    state |= {"keeper": [stranger.pid, "then"], "server": [stranger.pid, "then"]}
    path.write_text(json.dumps({**state, "exit_code": None}))
    assert await spawner.poll("selector-1") == -signal.SIGKILL
    assert await spawner.stop("selector-1") == -signal.SIGKILL
    assert stranger.returncode is None
    stranger.kill()
    await stranger.wait()


async def test_a_damaged_state_file_keeps_nothing_from_starting(
    next_spawner: Callable[[], Spawner], tmp_path: Path
) -> None:
    spawner = next_spawner()
    await spawner.start(server("serves"))
    await spawner.stop("selector-1")
    (tmp_path / "logs" / "kept" / "selector-1.json").write_text("{")
    assert await spawner.adopt(server("serves")) is None
    assert await spawner.start(server("serves")) == "127.0.0.1:7"


async def test_a_cancelled_start_leaves_nothing(
    next_spawner: Callable[[], Spawner], tmp_path: Path
) -> None:
    spawner = next_spawner()
    starting = asyncio.create_task(spawner.start(server("silent")))
    path = tmp_path / "logs" / "kept" / "selector-1.json"
    await until(lambda: load_state(path) is not None, "the keeper's first word")
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert await spawner.poll("selector-1") == -signal.SIGKILL


async def test_a_kept_server_survives_its_spawners_process(
    next_spawner: Callable[[], Spawner], tmp_path: Path
) -> None:
    family = await family_of_killed_spawner(
        tmp_path / "logs", KEPT, "KeptProcessSpawner(logs / 'kept', logs, programs=programs)"
    )
    spawner = next_spawner()
    spec = ServerSpec("s", Role.SELECTOR, {"FEDOTA_TEST_BEHAVIOUR": "family"})
    assert await spawner.adopt(spec) == "127.0.0.1:7"
    assert all(process.is_running() for process in family)
    await spawner.close()
    assert await all_end(family)


async def test_a_kept_server_on_a_lifeline_ends_with_its_spawners_process(
    next_spawner: Callable[[], Spawner], tmp_path: Path
) -> None:
    family = await family_of_killed_spawner(
        tmp_path / "logs",
        f"{KEPT}\nfrom fedota_server.spawners.lifeline import Lifeline",
        "KeptProcessSpawner(logs / 'kept', logs, programs=programs, lifeline=Lifeline())",
    )
    spawner = next_spawner()
    assert await spawner.poll("s", wait_s=20) == 0
    assert (await spawner.logs("s")).endswith("stopped gracefully\n")
    assert await all_end(family)


async def test_a_copied_folder_is_no_reason_to_touch_the_originals_servers(
    next_spawner: Callable[[], Spawner], tmp_path: Path
) -> None:
    original = next_spawner()
    await original.start(server("serves"))
    shutil.copytree(tmp_path / "logs", tmp_path / "copy")
    async with kept_spawner(tmp_path / "copy") as copy:
        assert await copy.adopt(server("family")) is None
        assert await copy.poll("selector-1") == 0
    assert await original.poll("selector-1") is None
