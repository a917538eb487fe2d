"""What a Swarm's spawner makes of what happens to nodes, without an engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
import pytest_asyncio
from support.waiting import until

from fedota_proto.errors import ServerStartError
from fedota_server.spawners.base import Role, ServerSpec
from fedota_server.spawners.docker_place import DockerPlace
from fedota_server.spawners.swarm import SwarmSpawner
from fedota_server.spawners.swarm_engine import LogLine, Node, SwarmEngine
from fedota_server.spawners.swarm_place import SwarmPlace
from fedota_server.spawners.swarm_plan import Carried, ServicePlan
from fedota_server.spawners.swarm_tasks import TaskState

NAME = "selector-1"
SPEC = ServerSpec(NAME, Role.SELECTOR, {"FEDOTA_SELECTOR_CACHE_FOLDER": "/elsewhere"}, 5.0)
HOME = "n1"


class OneService:
    """A manager of one service, whose tasks the test moves as Swarm would."""

    node_id = HOME

    def __init__(self, logs: Path) -> None:
        self.plan: ServicePlan | None = None
        self.all: list[TaskState] = []
        self.kept: list[str] = []
        self.lines: list[LogLine] = []
        self.held = False
        self.refuses = ""
        self.first = "running"
        self.place = SwarmPlace(
            DockerPlace("fedota", "abc", dict.fromkeys(Role, "fedota/any"), "1:1", logs),
            keys=logs / "keys",
            place_most_s=0.3,
        )

    # What Swarm does.

    def task(self, state: str, desired: str = "running", node: str = HOME, said: str = "") -> None:
        number = len(self.all) + 1
        self.all.append(TaskState(f"t{number}", node, state, desired, f"{number}", said=said))
        if state == "running":
            self.lines.append(LogLine(f"t{number}", float(number), b"ready 0.0.0.0:20000\n"))

    def becomes(self, state: str, desired: str = "shutdown", code: int | None = None) -> None:
        self.all[-1] = replace(self.all[-1], state=state, desired=desired, exit_code=code)

    # What is asked of it.

    def pinned_image(self, image: str) -> str:
        return f"{image}@sha256:1"

    def nodes(self) -> list[Node]:
        return [Node(HOME, "here", ready=True, active=True, address="192.0.2.7")]

    def has_network(self, *_: object) -> bool:
        return False

    def make_overlay(self, *_: object, **__: object) -> None:
        pass

    def create_secret(self, name: str, data: bytes, target: str, labels: object) -> Carried:
        self.kept.append(target)
        return Carried("s", name, target)

    create_config = create_secret

    def create_service(self, plan: ServicePlan) -> None:
        if self.refuses:
            raise ServerStartError(self.refuses)
        self.plan, self.held = plan, False
        self.all, self.lines = [], []
        self.task(self.first)

    def service_labels(self, name: str) -> Mapping[str, str] | None:
        return None if self.plan is None else self.plan.container.labels

    def tasks(self, name: str) -> list[TaskState] | None:
        return None if self.plan is None else self.all

    def service_log(self, name: str, since: float = 0.0) -> list[LogLine]:
        return self.lines

    def hold_service(self, name: str) -> None:
        self.held = True
        self.becomes("shutdown", code=0)

    def remove_service(self, name: str) -> None:
        self.plan = None

    def remove_carried(self, labels: object) -> None:
        self.kept = []


@pytest.fixture
def swarm(tmp_path: Path) -> OneService:
    return OneService(tmp_path / "logs")


@pytest_asyncio.fixture
async def spawner(swarm: OneService) -> AsyncIterator[SwarmSpawner]:
    made = SwarmSpawner(lambda: cast(SwarmEngine, swarm), swarm.place, environ={})
    yield made
    await made.release()


async def test_a_server_that_swarm_moves_runs_on(spawner: SwarmSpawner, swarm: OneService) -> None:
    assert await spawner.start(SPEC) == "0.0.0.0:20000"
    swarm.becomes("running")  # its node is gone: Swarm wants it ended, and hears of no end
    swarm.task("ready", "ready")
    assert await spawner.poll(NAME) is None
    swarm.becomes("running", "running")
    assert await spawner.poll(NAME) is None
    assert not swarm.held
    assert await spawner.stop(NAME) == 0
    assert swarm.held
    assert swarm.plan is None


async def test_a_move_that_no_node_takes_ends_and_the_log_says_why(
    spawner: SwarmSpawner, swarm: OneService
) -> None:
    await spawner.start(SPEC)
    swarm.becomes("running")
    swarm.task("pending", said="no suitable node (2 nodes not available)")
    assert await spawner.poll(NAME, wait_s=5) == 1
    assert "no suitable node (2 nodes" in await spawner.logs(NAME)
    assert swarm.plan is None
    assert await spawner.poll(NAME) == 1


async def test_a_crash_is_the_supervisors_and_swarms_next_task_is_taken_away(
    spawner: SwarmSpawner, swarm: OneService
) -> None:
    await spawner.start(SPEC)
    swarm.becomes("failed", code=3)
    swarm.task("ready", "ready")
    assert await spawner.poll(NAME) == 3
    assert swarm.plan is None
    assert await spawner.start(SPEC) == "0.0.0.0:20000"


async def test_a_server_that_no_node_takes_does_not_start(
    spawner: SwarmSpawner, swarm: OneService
) -> None:
    swarm.first = "pending"
    with pytest.raises(ServerStartError, match=r"Swarm found no node for selector-1 within 0\.3 s"):
        await spawner.start(SPEC)
    assert swarm.plan is None


async def test_a_cancelled_start_leaves_nothing(spawner: SwarmSpawner, swarm: OneService) -> None:
    swarm.first = "starting"
    starting = asyncio.create_task(spawner.start(SPEC))
    await until(lambda: swarm.plan is not None, "a service")
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert swarm.plan is None


async def test_what_is_refused_half_way_leaves_no_secret(
    spawner: SwarmSpawner, swarm: OneService
) -> None:
    key = swarm.place.keys / "key.pem"
    key.parent.mkdir(parents=True)
    key.write_text("PEM")
    swarm.refuses = "The Docker engine does not make the service."
    with pytest.raises(ServerStartError, match="does not make"):
        await spawner.start(replace(SPEC, reads=(key,)))
    assert swarm.kept == []
    swarm.refuses = ""
    await spawner.start(replace(SPEC, reads=(key,)))
    assert swarm.kept == [str(key)]


async def test_a_selector_needs_no_folder_and_tells_its_nodes_address(
    spawner: SwarmSpawner, swarm: OneService
) -> None:
    await spawner.start(replace(SPEC, writes=(Path("/elsewhere"),)))
    assert swarm.plan is not None
    told = swarm.plan.container.environment
    assert told["FEDOTA_SELECTOR_CACHE_FOLDER"] == "/var/tmp"
    assert told["FEDOTA_SELECTOR_NODE"] == "{{.Node.ID}}"
    assert told["FEDOTA_SELECTOR_NODE_HOSTS"] == "n1=192.0.2.7"
    assert swarm.plan.scratch
    assert swarm.plan.container.writes == []
    assert swarm.plan.constraints == ()


@pytest.mark.parametrize(("shared", "constraints"), [(False, ("node.id==n1",)), (True, ())])
async def test_a_coordinator_stays_with_its_folder(
    swarm: OneService, shared: bool, constraints: tuple[str, ...]
) -> None:
    place = replace(swarm.place, shared=shared)
    spawner = SwarmSpawner(lambda: cast(SwarmEngine, swarm), place, environ={})
    coordinator = ServerSpec("coordinator", Role.COORDINATOR, {}, 5.0, writes=(Path("/state"),))
    await spawner.start(coordinator)
    await spawner.release()
    assert swarm.plan is not None
    assert swarm.plan.container.writes == ["/state"]
    assert swarm.plan.constraints == constraints


async def test_templates_in_settings_are_not_filled_in(
    spawner: SwarmSpawner, swarm: OneService
) -> None:
    settings = {"FEDOTA_SELECTOR_PUBLIC_ADDRESS": "{{.Node.Hostname}}:1"}
    await spawner.start(replace(SPEC, settings=settings))
    assert swarm.plan is not None
    told = swarm.plan.container.environment["FEDOTA_SELECTOR_PUBLIC_ADDRESS"]
    assert told == '{{"{{"}}.Node.Hostname}}:1'
