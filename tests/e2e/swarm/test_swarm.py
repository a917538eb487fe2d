"""A problem on a Swarm of three engines, of which one dies in the middle of a round."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import pytest
import pytest_asyncio
from support.director import Director
from support.engine import SOCKET
from support.images import inspected
from support.programs import Program, environment
from support.swarm_lab import SwarmLab, address_of
from support.swarm_platform import PLATFORM, SwarmPlatform, image
from support.up import unused_port

EXAMPLE = Path(__file__).parents[3] / "examples" / "breast-cancer"
ROUNDS = 3
CLIENTS = ("north", "south", "west")
# Swarm takes a node for dead some 20 s after its last word, and then a selector has to start.
MOVED_S = 90.0

pytestmark = [pytest.mark.swarm, pytest.mark.timeout(400)]


@dataclass
class Story:
    """What the parts of the test share."""

    lab: SwarmLab
    platform: SwarmPlatform
    director: Director
    place: Path
    problem: str = ""
    clients: dict[str, Program] = field(default_factory=dict)

    def setter(self, method: str, path: str, **given: Any) -> Any:
        return self.platform.ask("Sara", method, f"{self.problem}{path}", **given)

    def service(self, server: str) -> str:
        return f"{PLATFORM}-{self.problem.rpartition('/')[2]}-{server}"

    def selectors(self) -> dict[str, str]:
        """Return where attached selectors say that clients reach them."""
        clock = self.setter("GET", "/clock")
        return {
            one["name"].partition(".")[0]: one["address"]
            for one in (clock or {}).get("selectors", ())
            if one["attached"]
        }

    def completed(self) -> int:
        rounds = self.setter("GET", "/rounds")
        return max((one["server_round"] for one in rounds if one["completed"]), default=0)


@pytest_asyncio.fixture
async def story(swarm_lab: SwarmLab, tmp_path: Path) -> AsyncIterator[Story]:
    for name in ("webserver", "engine-proxy", "coordinator", "selector", "client"):
        inspected(image(name))
    platform = SwarmPlatform(tmp_path, unused_port(), unused_port())
    director = Director()
    await director.start()
    told = Story(swarm_lab, platform, director, tmp_path)
    try:
        yield told
    finally:
        for client in told.clients.values():
            await client.kill()
            print(f"-- {client.name}\n{client.output}")  # noqa: T201 - shown where it failed
        await director.close()
        platform.remove()


async def published(story: Story) -> None:
    """The setter's way: upload, try, publish, start."""
    made = story.platform.ask("Sara", "POST", "/problems", json={"title": "Tumours"})
    story.problem = f"/problems/{made['problem_id']}"
    toml = (EXAMPLE / "problem.toml").read_text()
    for name, value in (("rounds", ROUNDS), ("goal_count", 3), ("minimum_reports", 2)):
        toml = re.sub(rf"^{name} = \d+", f"{name} = {value}", toml, flags=re.MULTILINE)
    story.setter("PUT", "/toml", content=toml)
    story.setter("PUT", "/model", content=(EXAMPLE / "model.keras").read_bytes())
    story.setter("PUT", "/admission", json={"admission": "anyone"})
    story.setter("PUT", "/selectors", json={"selectors": 2})
    await story.platform.job("Sara", story.problem, "inspect")
    story.setter("POST", "/dry-run")
    await story.platform.job("Sara", story.problem, "dry run")
    story.setter("POST", "/publish")
    story.setter("POST", "/start")


async def joined(story: Story, seed: int, name: str) -> None:
    """A holder's way: enrol a client, and run it with the invite alone."""
    made = story.platform.ask("Hans", "POST", f"{story.problem}/clients", json={"name": name})
    where = f"{story.problem}/clients/{made['node_id']}/invite"
    data, home = story.place / name / "data", story.place / name / "home"
    data.mkdir(parents=True)
    (data.parent / "invite").write_text(story.platform.ask("Hans", "GET", where))
    script = {"port": story.director.port, "name": name, "seed": seed, "weight": 10 * seed}
    (data / "script.json").write_text(json.dumps(script))
    story.clients[name] = await Program.start(
        name,
        "support.client_program",
        ["join", str(data.parent / "invite"), "--data", str(data), "--home", str(home), "--yes"],
        environment(FEDOTA_CLIENT_RETRY_MOST_S="1"),
        story.place,
    )


def left_over() -> dict[str, list[str]]:
    """List what of the platform's problems the engine still knows."""
    asked: Any = {"label": f"io.fedota.platform={PLATFORM}"}
    with docker.APIClient(base_url=SOCKET) as opened:
        manager: Any = opened
        found = {
            "services": [one["Spec"]["Name"] for one in manager.services(filters=asked)],
            "secrets": [one["Spec"]["Name"] for one in manager.secrets(filters=asked)],
            "configs": [one["Spec"]["Name"] for one in manager.configs(filters=asked)],
            "networks": [one["Name"] for one in manager.networks(filters=asked)],
        }
    return {kind: names for kind, names in found.items() if names}


async def test_a_round_outlives_the_node_of_a_selector(story: Story) -> None:
    lab, platform = story.lab, story.platform
    began = time.monotonic()

    def note(what: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {what}")  # noqa: T201 - shown where it failed

    platform.people_it()
    await asyncio.to_thread(lab.up, 2, [image("selector"), image("coordinator")])
    note("the lab is up")
    platform.start()
    await platform.until_it_answers()
    note("the webserver answers")
    await published(story)
    note("the problem is published")

    held, held_again = (story.director.hold("north", "train", number) for number in (2, 3))
    platform.ask("Hans", "POST", f"{story.problem}/join")
    await platform.until(lambda: len(story.selectors()) == 2, "two selectors", 60)
    note(f"selectors at {story.selectors()}")
    for seed, name in enumerate(CLIENTS, start=1):
        await joined(story, seed, name)
    await held.reached(90)
    note("round 2 is open, and one update in it is still to come")

    home = lab.worker_of(story.service("coordinator"))
    assert home
    lost = 3 - home
    moved = [
        name for name in ("selector-1", "selector-2") if lab.worker_of(story.service(name)) == lost
    ]
    assert moved, "Swarm spreads servers over nodes"
    ports = {name: address.rpartition(":")[2] for name, address in story.selectors().items()}
    await asyncio.to_thread(lab.kill, lost)
    note(f"worker {lost} is dead, and with it {moved}")
    held.release()

    await platform.until(lambda: story.completed() >= 2, "round 2", MOVED_S)
    note("round 2 is completed")
    wanted = {name: f"{address_of(home)}:{port}" for name, port in ports.items()}
    await platform.until(lambda: story.selectors() == wanted, f"selectors at {wanted}", MOVED_S)
    note(f"selectors at {story.selectors()}")
    assert all(lab.worker_of(story.service(name)) == home for name in moved)
    starts = {one["name"]: (one["state"], one["starts"]) for one in story.setter("GET", "/servers")}
    assert starts == dict.fromkeys(("coordinator", "selector-1", "selector-2"), ("running", 1))
    held_again.release()

    codes = [await client.ended(90) for client in story.clients.values()]
    assert codes == [0, 0, 0], [client.output for client in story.clients.values()]
    assert story.completed() == ROUNDS
    note("all rounds are completed, and the clients have ended")

    await platform.until(lambda: not left_over(), "an end of all that the problem had", 60)
    note("nothing is left")
