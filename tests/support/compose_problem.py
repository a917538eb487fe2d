"""A problem on a platform by compose: published by its setter, joined by holders' containers."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from support.compose_platform import LABEL, NAME, USER, ComposePlatform, image
from support.images import docker
from ui.parts.docker_command import docker_command

EXAMPLE = Path(__file__).parents[2] / "examples" / "breast-cancer"
SETTER, HOLDER = "Sara", "Hans"
_START_S = 120.0
_TRAINING = frozenset({"running", "waiting for data holders", "paused"})


class ComposeProblem:
    """The breast-cancer example with few and small rounds; each fixture or test has its own.

    Parameters
    ----------
    platform
        With a setter and a holder.
    title
        Its title; names its clients' containers too.
    rules
        Changes of its ``[rounds]`` and ``[training]``.
    """

    def __init__(self, platform: ComposePlatform, title: str, **rules: int) -> None:
        self.platform = platform
        self.title = title
        self.clients: dict[str, ClientContainer] = {}
        self._rules = {
            "rounds": 2,
            "goal_count": 3,
            "minimum_reports": 2,
            "local_epochs": 2,
            **rules,
        }
        self.problem_id = ""

    def setter(self, method: str, path: str = "", **given: Any) -> Any:
        """Ask the API as the problem's setter."""
        return self.platform.ask(SETTER, method, f"/problems/{self.problem_id}{path}", **given)

    def container(self, server: str) -> str:
        """Name the container of one of its servers."""
        return f"{NAME}-{self.problem_id}-{server}"

    async def draft(self, selectors: int = 1) -> None:
        """Upload it; the model is inspected in a container."""
        made = self.platform.ask(SETTER, "POST", "/problems", json={"title": self.title})
        self.problem_id = made["problem_id"]
        toml = (EXAMPLE / "problem.toml").read_text()
        for name, value in self._rules.items():
            toml, found = re.subn(rf"^{name} = \d+", f"{name} = {value}", toml, flags=re.MULTILINE)
            assert found == 1, name
        self.setter("PUT", "/toml", content=toml)
        self.setter("PUT", "/model", content=(EXAMPLE / "model.keras").read_bytes())
        self.setter("PUT", "/admission", json={"admission": "anyone"})
        self.setter("PUT", "/selectors", json={"selectors": selectors})
        await self.job("inspect")

    async def publish(self, selectors: int = 1) -> None:
        """Upload it, run it dry, publish and start it."""
        await self.draft(selectors)
        self.setter("POST", "/dry-run")
        await self.job("dry run")
        self.setter("POST", "/publish")
        self.setter("POST", "/start")
        await self.serves(selectors)

    async def job(self, kind: str) -> Any:
        """Wait until the newest job of a kind has gone well."""
        return await self.platform.job(SETTER, f"/problems/{self.problem_id}", kind)

    async def serves(self, selectors: int, timeout_s: float = _START_S) -> None:
        """Wait until the coordinator and so many selectors serve."""
        wanted = {"coordinator", *(f"selector-{number}" for number in range(1, selectors + 1))}

        def serve() -> bool:
            found = {
                one["name"]: one["state"]
                for one in self.platform.ask("Ada", "GET", "/admin/servers")
                if one["problem_id"] == self.problem_id
            }
            return {name for name, state in found.items() if state == "running"} == wanted

        await self.platform.until(serve, f"servers {sorted(wanted)}", timeout_s)

    async def status(self, *words: str, timeout_s: float = _START_S) -> Any:
        """Wait until the problem has one of these statuses."""

        def has() -> Any:
            found = self.setter("GET")
            return found if found["status"] in words else None

        return await self.platform.until(has, f"status {' or '.join(words)}", timeout_s)

    def completed(self) -> int:
        """Return the newest completed round."""
        rounds = self.setter("GET", "/rounds")
        return max((one["server_round"] for one in rounds if one["completed"]), default=0)

    async def round_completed(self, server_round: int, timeout_s: float = _START_S) -> None:
        """Wait until a round is completed."""
        await self.platform.until(
            lambda: self.completed() >= server_round, f"round {server_round}", timeout_s
        )

    async def join(self, name: str, hospital: str) -> ClientContainer:
        """Have the holder join with one more client, by the command that the page shows."""
        path = f"/problems/{self.problem_id}"
        if not self.clients:
            self.platform.ask(HOLDER, "POST", f"{path}/join")
        made = self.platform.ask(HOLDER, "POST", f"{path}/clients", json={"name": name})
        invite = self.platform.ask(HOLDER, "GET", f"{path}/clients/{made['node_id']}/invite")
        place = self.platform.place / self.problem_id / name
        client = ClientContainer(f"{NAME}-client-{self.problem_id}-{name}", place)
        client.lay_out(EXAMPLE / "data" / hospital, invite)
        self.clients[name] = client
        await client.run()
        return client

    async def leave_nothing(self) -> None:
        """End and archive it, and remove its clients."""
        for client in self.clients.values():
            await client.remove()
        path = f"/problems/{self.problem_id}"
        if self.problem_id and self.setter("GET")["status"] in _TRAINING:
            self.platform.answer(SETTER, "POST", f"{path}/stop")
            await self.status("completed")
        if self.problem_id:
            self.platform.answer(SETTER, "POST", f"{path}/archive")


class ClientContainer:
    """A data holder's client: the shown command, run in a folder of the holder's.

    Parameters
    ----------
    name
        Of the container.
    place
        The holder's folder, with ``data`` and ``fedota``.
    """

    def __init__(self, name: str, place: Path) -> None:
        self.name = name
        self.place = place

    def lay_out(self, data: Path, invite: bytes) -> None:
        """Put data and invite where the command looks for them."""
        shutil.copytree(data, self.place / "data")
        (self.place / "fedota").mkdir()
        (self.place / "fedota" / "invite").write_bytes(invite)
        for path in (self.place, *self.place.rglob("*")):
            os.chown(path, USER, USER)

    async def run(self, options: Sequence[str] = ()) -> None:
        """Run the shown command: with a name, without a terminal, in the host's network."""
        shown = docker_command(image("client"))
        for here, there in (
            (
                "--rm -it",
                f"--detach --name {self.name} --label {LABEL} --network host {' '.join(options)}",
            ),
            ('"$(id -u):$(id -g)"', f"{USER}:{USER}"),
            (" join", " join --yes"),
        ):
            assert here in shown
            shown = shown.replace(here, there)
        done = await asyncio.to_thread(
            subprocess.run,
            ["sh", "-c", shown],
            cwd=self.place,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout

    def exit_code(self) -> int | None:
        """Return its exit code; None while it runs."""
        found = docker("inspect", "--format", "{{.State.Running}} {{.State.ExitCode}}", self.name)
        running, code = found.split()
        return None if running == "true" else int(code)

    def logs(self) -> str:
        """Return all that it wrote."""
        return docker("logs", self.name, check=False)

    async def remove(self) -> None:
        """Kill it, if it still runs, and remove its container."""
        await asyncio.to_thread(docker, "rm", "--force", self.name, check=False)
