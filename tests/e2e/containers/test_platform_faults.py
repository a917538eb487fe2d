"""Two problems at once on one platform: what they cannot reach, and what they outlive.

One story in the order of its tests: one problem trains all the time with holders' containers, while
its servers, its clients, the webserver and at last the engine itself are taken from under it.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from support.compose_platform import LABEL, ComposePlatform, image, left_over
from support.compose_problem import HOLDER, ComposeProblem
from support.images import bridge_address, docker, running, unless_in_ci
from support.isolation import Address, addresses_of, listening, outside_machine, reached_from

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(300),
]

ENGINE = Path(__file__).parents[4] / "shared" / "docker" / "engine"
SERVERS = ("coordinator", "selector-1")
# Far more than can be trained while the tests last: the setter stops it at the end.
ROUNDS = 5000
_BACK_S = 90.0

# Takes memory as long as it is given some; the kernel ends what it was told to end first.
_TAKE = """
taken = []
while True:
    taken.append(bytearray(32 << 20))
"""


@dataclass
class Story:
    """What the tests share."""

    platform: ComposePlatform
    trained: ComposeProblem
    other: ComposeProblem

    def counted(self, client: str) -> int:
        """Return how many updates of a client were counted."""
        path = f"/problems/{self.trained.problem_id}/clients"
        found = {one["name"]: one for one in self.platform.ask(HOLDER, "GET", path)}
        return int(found[client]["counted"])

    async def goes_on(self, more: int = 2, timeout_s: float = _BACK_S) -> None:
        """Wait until so many more rounds are completed."""
        await self.trained.round_completed(self.trained.completed() + more, timeout_s)

    def servers(self) -> dict[str, tuple[str, int]]:
        """Return state and number of starts of the trained problem's servers."""
        return {
            one["name"]: (one["state"], one["starts"])
            for one in self.platform.ask("Ada", "GET", "/admin/servers")
            if one["problem_id"] == self.trained.problem_id
        }

    def ports(self, problem: ComposeProblem) -> list[Address]:
        """List where a problem's servers listen, at every address that they have."""
        found = []
        for server in SERVERS:
            name = problem.container(server)
            told = json.loads(docker("inspect", "--format", "{{json .Config.Env}}", name))
            listen = next(one for one in told if one.partition("=")[0].endswith("_LISTEN"))
            port = int(listen.rpartition(":")[2])
            found += [(address, port) for address in addresses_of(name)]
        return found


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def story(compose_platform: ComposePlatform) -> AsyncIterator[Story]:
    rules = {
        "rounds": ROUNDS,
        "goal_count": 2,
        "minimum_reports": 2,
        "local_epochs": 1,
        # A round whose client is killed waits for it until then: it may come back with its update.
        "reporting_deadline_s": 20,
    }
    trained = ComposeProblem(compose_platform, "Trained", **rules)
    other = ComposeProblem(compose_platform, "Other", **rules)
    try:
        await trained.publish()
        await other.publish()
        await trained.join("north", "hospital-north")
        await trained.join("south", "hospital-south")
        yield Story(compose_platform, trained, other)
    finally:
        await trained.leave_nothing()
        await other.leave_nothing()


async def test_two_problems_reach_neither_each_other_nor_the_outside(story: Story) -> None:
    await story.goes_on()
    names = [story.other.container(server) for server in SERVERS]
    with outside_machine() as outside, listening("0.0.0.0") as (_, host_port):  # noqa: S104
        # Where nothing keeps a container from it, all this is reached: the probe can fail.
        async with running("python:3.11-slim", command=("sleep", "60")) as free:
            assert outside in reached_from(free.name, [outside]).addresses
        theirs = story.ports(story.other)
        for server in SERVERS:
            container = story.trained.container(server)
            own = set(story.ports(story.trained))
            asked = [*own, *theirs, outside]
            found = await asyncio.to_thread(reached_from, container, asked, names)
            assert found.addresses & own, f"{container} reaches its own problem's servers"
            assert found.addresses <= own, f"{container} reaches {found.addresses - own}"
            assert not any(found.names.values())
        # The coordinator, which publishes nothing, has not even the host for a neighbour.
        host = [(bridge_address(), host_port)]
        coordinator = story.trained.container("coordinator")
        assert not reached_from(coordinator, host).addresses


async def test_a_client_joins_late_and_another_is_killed(story: Story) -> None:
    await story.trained.join("west", "hospital-west")
    await story.platform.until(lambda: story.counted("west") > 0, "an update of west", _BACK_S)
    await story.trained.clients["south"].remove()
    before = story.counted("west")
    await story.goes_on()
    await story.platform.until(lambda: story.counted("west") > before, "more of west", _BACK_S)


async def test_a_coordinator_that_takes_too_much_memory_is_ended_and_resumes(
    story: Story,
) -> None:
    _, starts = story.servers()["coordinator"]
    container = story.trained.container("coordinator")
    if os.geteuid() != 0:
        unless_in_ci("only root can say what the kernel ends first")
    _end_first(container)
    before = story.trained.completed()
    await asyncio.to_thread(docker, "exec", container, "python", "-P", "-c", _TAKE, check=False)

    def again() -> bool:
        state, now = story.servers()["coordinator"]
        return state == "running" and now == starts + 1

    await story.platform.until(again, "the coordinator once more", _BACK_S)
    assert "killed, as the system does with what takes more memory" in story.platform.logs()
    await story.trained.round_completed(before + 2, _BACK_S)
    rounds = story.trained.setter("GET", "/rounds")  # also those that were abandoned, and repeated
    completed = [one["server_round"] for one in rounds if one["completed"]]
    assert len(completed) == len(set(completed)), "no round is there twice"


async def test_the_webserver_is_replaced_by_a_newer_one(story: Story) -> None:
    platform = story.platform
    before = {name: starts for name, (_, starts) in story.servers().items()}
    ran = {name: _started(story.trained.container(name)) for name in SERVERS}
    old = docker("image", "inspect", "--format", "{{.Id}}", image("webserver")).strip()
    newer = f'FROM {image("webserver")}\nLABEL org.opencontainers.image.version="newer"\n'
    await asyncio.to_thread(docker, "build", "-q", "-t", image("webserver"), "-", stdin=newer)
    try:
        await platform.compose("up", "--detach", "--no-build", "--no-deps", "webserver")
        await platform.until_healthy()
        label = '{{index .Config.Labels "org.opencontainers.image.version"}}'
        assert docker("inspect", "--format", label, platform.webserver).strip() == "newer"
        await story.goes_on()
        assert {name: starts for name, (_, starts) in story.servers().items()} == before
        assert {name: _started(story.trained.container(name)) for name in SERVERS} == ran
    finally:
        docker("tag", old, image("webserver"))


async def test_the_engine_is_restarted(story: Story) -> None:
    if os.geteuid() != 0 or not ENGINE.exists():
        unless_in_ci("the engine is not this machine's own to restart")
    before = story.trained.completed()
    ended = _end_engine()
    await story.platform.until(ended, "an end of the engine", 60)
    await asyncio.to_thread(subprocess.run, [ENGINE], check=True, timeout=90)
    await story.platform.until_healthy()
    for name in ("north", "west"):
        client = story.trained.clients[name]
        await client.remove()
        await client.run()
    await story.trained.serves(1, _BACK_S)
    await story.trained.round_completed(before + 2, _BACK_S)


async def test_nothing_is_left_of_problems_that_end(story: Story) -> None:
    story.trained.setter("POST", "/stop")
    clients = [story.trained.clients[name] for name in ("north", "west")]

    def ended() -> bool:
        return all(client.exit_code() is not None for client in clients)

    await story.platform.until(ended, "an end of every client", 60)
    assert [client.exit_code() for client in clients] == [0, 0], clients[0].logs()
    for problem in (story.trained, story.other):
        await problem.leave_nothing()

    def left() -> list[str]:
        ids = (story.trained.problem_id, story.other.problem_id)
        names = [name for kind in left_over().values() for name in kind]
        return [name for name in names if any(one in name for one in ids)]

    await story.platform.until(lambda: not left(), "an engine without anything of either")
    secret_files = docker("volume", "ls", "--quiet", "--filter", f"label={LABEL}").split()
    assert not secret_files


def _end_first(container: str) -> None:
    """Have the kernel end a container's first process before others, where memory is short."""
    pid = docker("inspect", "--format", "{{.State.Pid}}", container).strip()
    Path(f"/proc/{pid}/oom_score_adj").write_text("1000")


def _end_engine() -> Callable[[], bool]:
    """Ask the engine to end; tell whether it has."""
    pid = int(Path("/var/run/docker.pid").read_text())
    os.kill(pid, signal.SIGTERM)
    return lambda: not Path(f"/proc/{pid}").exists()


def _started(container: str) -> str:
    return docker("inspect", "--format", "{{.State.StartedAt}}", container).strip()
