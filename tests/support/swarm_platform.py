"""A platform on a Swarm: the webserver in a container on the manager, behind the engine's proxy."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
from argon2.profiles import CHEAPEST

from fedota_server.webserver.permissions import Role
from fedota_server.webserver.platform import Platform
from fedota_server.webserver.settings import WebserverSettings
from support.accounts import add, set_up
from support.images import docker
from support.swarm_lab import HOST

PLATFORM = "fedota-swarm"
IMAGES = os.environ.get("FEDOTA_IMAGES", "fedota")
USER = 10001
_LABEL = f"io.fedota.platform={PLATFORM}"
_LOOK_S = 0.3


def image(name: str) -> str:
    """Name one of the platform's images."""
    return f"{IMAGES}/{name}:latest"


class SwarmPlatform:
    """Start the webserver, and ask its API on somebody's behalf.

    Parameters
    ----------
    place
        For the platform's folder, which every node sees.
    port, round_port
        Of the API on loopback; at which data holders reach the webserver.
    """

    def __init__(self, place: Path, port: int, round_port: int) -> None:
        self.home = place / "platform"
        self.webserver = f"{PLATFORM}-webserver"
        self._port = port
        self._round_port = round_port
        self._tokens: dict[str, str] = {}
        self._api = httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", timeout=60.0)

    def people_it(self) -> None:
        """Make the folder with an administrator, a setter and a holder."""
        with patch("fedota_server.webserver.passwords.RFC_9106_LOW_MEMORY", CHEAPEST):
            platform = Platform.open(WebserverSettings(home=self.home))
        platform.home.init()
        platform.database.migrate()
        accounts = platform.accounts
        ada = set_up(accounts, "ada@example.org", "Ada")
        people = {
            "Ada": ada,
            "Sara": add(accounts, ada, "Sara", Role.SETTER),
            "Hans": add(accounts, ada, "Hans", Role.HOLDER),
        }
        for name, account in people.items():
            self._tokens[name], _ = accounts.make_token(account.actor, "tests", None)
        platform.database.close()
        for path in (self.home, *self.home.rglob("*")):
            os.chown(path, USER, USER, follow_symlinks=False)

    def start(self) -> None:
        """Start the engine's proxy and the webserver."""
        folder = f"{self.home}:{self.home}"
        locked = ("--read-only", "--tmpfs", "/tmp:mode=1777", "--cap-drop", "ALL")
        run = ("run", "--detach", "--label", _LABEL, *locked)
        docker("volume", "create", "--label", _LABEL, f"{PLATFORM}-engine")
        docker(
            *(*run, "--name", f"{PLATFORM}-proxy", "--user", "0:0", "--network", "none"),
            *("--cap-add", "CHOWN", "--cap-add", "DAC_READ_SEARCH"),
            *("-v", "/var/run/docker.sock:/var/run/docker.sock", "-v", f"{folder}:ro"),
            *("-v", f"{PLATFORM}-engine:/engine"),
            *_told(
                ENGINE_PROXY_LISTEN="/engine/docker.sock",
                ENGINE_PROXY_PLATFORM=PLATFORM,
                ENGINE_PROXY_FOLDER=str(self.home),
                ENGINE_PROXY_SWARM="true",
                ENGINE_PROXY_IMAGES=" ".join(map(image, ("coordinator", "selector", "client"))),
            ),
            image("engine-proxy"),
        )
        docker(
            *(*run, "--name", self.webserver, "--user", f"{USER}:{USER}"),
            *("-v", folder, "-v", f"{PLATFORM}-engine:/engine:ro"),
            *("-p", f"127.0.0.1:{self._port}:8501"),
            *("-p", f"{HOST}:{self._round_port}:{self._round_port}"),
            *_told(
                HOME=str(self.home),
                SPAWNER="swarm",
                SWARM_STORAGE="shared",
                SWARM_CONSTRAINTS="node.role==worker",
                DOCKER_HOST="unix:///engine/docker.sock",
                PLATFORM=PLATFORM,
                COORDINATOR_IMAGE=image("coordinator"),
                SELECTOR_IMAGE=image("selector"),
                JOB_IMAGE=image("client"),
                WEB_HOST="0.0.0.0",  # noqa: S104 - published on loopback alone
                TRUSTED_PROXY="true",
                PUBLIC_HOST=HOST,
                SELECTOR_PORTS="20000-20999",
                ROUND_PORT=str(self._round_port),
            ),
            image("webserver"),
        )

    def logs(self) -> str:
        """Return what both containers wrote."""
        return "\n".join(
            docker("logs", name, check=False) for name in (self.webserver, f"{PLATFORM}-proxy")
        )

    def remove(self) -> None:
        """Remove both containers and what is theirs."""
        self._api.close()
        docker("rm", "--force", "--volumes", self.webserver, f"{PLATFORM}-proxy", check=False)
        docker("volume", "rm", "--force", f"{PLATFORM}-engine", check=False)

    def ask(self, who: str, method: str, path: str, **given: Any) -> Any:
        """Ask the API something that must go well; its JSON, or its text where it has none."""
        headers = {"Authorization": f"Bearer {self._tokens[who]}"}
        answer = self._api.request(method, path, headers=headers, **given)
        assert answer.status_code < 300, f"{method} {path}: {answer.text}"
        kind = answer.headers.get("content-type", "")
        return answer.json() if "json" in kind else answer.text

    async def until_it_answers(self, timeout_s: float = 60.0) -> None:
        """Wait until the API answers."""

        def answers() -> bool:
            try:
                return self._api.get("/account").status_code == 401
            except httpx.TransportError:
                return False

        await self.until(answers, "an answer of the API", timeout_s)

    async def job(self, who: str, problem: str, kind: str, timeout_s: float = 100.0) -> None:
        """Wait until a problem's newest job of a kind has gone well."""

        def done() -> bool:
            jobs = self.ask(who, "GET", f"{problem}/jobs")
            newest = next((job for job in jobs if job["kind"] == kind), None)
            assert newest is None or newest["state"] not in ("failed", "cancelled"), newest
            return newest is not None and newest["state"] == "done"

        await self.until(done, f"an end of the job {kind}", timeout_s)

    async def until(self, reached: Any, what: str, timeout_s: float) -> None:
        """Wait until a condition holds; if not, what the platform wrote is shown."""
        ends_at = time.monotonic() + timeout_s
        while not await asyncio.to_thread(reached):
            if time.monotonic() > ends_at:
                raise AssertionError(f"in {timeout_s:g} s there was not {what}:\n{self.logs()}")
            await asyncio.sleep(_LOOK_S)


def _told(**settings: str) -> list[str]:
    return [word for name, value in settings.items() for word in ("-e", f"FEDOTA_{name}={value}")]
