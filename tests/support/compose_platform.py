"""A whole platform by docker/compose.yaml, from its images, in a folder of its own."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

from support.images import Container, docker, inspected, unless_in_ci
from support.up import unused_port

NAME = os.environ.get("FEDOTA_E2E_NAME", "fedota-e2e")
IMAGES = os.environ.get("FEDOTA_IMAGES", "fedota")
SERVICES = ("front", "webserver", "database", "engine-proxy")
USER = 10001
LABEL = f"io.fedota.platform={NAME}"
PASSWORD = "correct horse battery staple"

_COMPOSE = Path(__file__).parents[2] / "docker" / "compose.yaml"
_COMPOSE_S = 300.0
_LOOK_S = 0.25
_SETUP_CODE = re.compile(r"set-up code ([A-Z0-9-]{10,})")
# Beside those that other tests choose among: each selector gets one.
SELECTOR_PORTS = "30000-30039"

# What only the machine's own administrator can do, in the webserver's container.
_PEOPLE = """
import json, sys
from fedota_proto.settings_check import load_settings
from fedota_server.webserver.permissions import Role
from fedota_server.webserver.platform import Platform
from fedota_server.webserver.settings import WebserverSettings

wanted = json.load(sys.stdin)
platform = Platform.open(load_settings(WebserverSettings))
accounts = platform.accounts
session = accounts.sign_in(
    wanted["admin"], wanted["password"], address="127.0.0.1", browser="tests"
)
ada = accounts.by_session(session)
tokens = {ada.name: accounts.make_token(ada.actor, "tests", None)[0]}
for name, role in wanted["people"].items():
    one, first = accounts.add_user(ada.actor, f"{name.lower()}@example.org", name, [Role(role)])
    accounts.change_password(one.actor, first, wanted["password"])
    tokens[name] = accounts.make_token(one.actor, "tests", None)[0]
platform.database.close()
print(json.dumps(tokens))
"""


def image(name: str) -> str:
    """Name one of the platform's images."""
    return f"{IMAGES}/{name}:latest"


class ComposePlatform:
    """A platform that is started and stopped as its operator would, and its API.

    Parameters
    ----------
    place
        An empty folder.
    settings
        More lines of its ``.env``.
    """

    def __init__(self, place: Path, settings: Mapping[str, str] | None = None) -> None:
        self.place = place
        self.home = place / "platform"
        self.webserver = f"{NAME}-webserver"
        self.https_port = unused_port()
        self.round_port = unused_port()
        self.url = f"https://127.0.0.1:{self.https_port}"
        self.settings = {
            "FEDOTA_HOST": "127.0.0.1",
            "FEDOTA_FOLDER": str(self.home),
            "FEDOTA_BIND": "127.0.0.1",
            "FEDOTA_PUBLISH_ON": "127.0.0.1",
            "FEDOTA_HTTPS_PORT": str(self.https_port),
            "FEDOTA_HTTP_PORT": str(unused_port()),
            "FEDOTA_ROUND_PORT": str(self.round_port),
            "FEDOTA_SELECTOR_PORTS": SELECTOR_PORTS,
            "FEDOTA_PLATFORM": NAME,
            "FEDOTA_IMAGES": IMAGES,
            "FEDOTA_CLIENT_IMAGE": image("client"),
            **(settings or {}),
        }
        self.tokens: dict[str, str] = {}
        # Its certificate is one that it made for itself; and a proxy that reads its configuration
        # again closes connections that wait for more.
        self._http = httpx.Client(
            base_url=self.url,
            verify=False,  # noqa: S501
            timeout=60.0,
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    # As its operator does.

    async def start(self) -> None:
        """Start it, and wait until it is healthy; nothing is built or fetched."""
        self.home.mkdir(parents=True, exist_ok=True)
        os.chown(self.home, USER, USER)
        self.home.chmod(0o700)
        await self.compose("up", "--detach", "--no-build")
        await self.until_healthy()

    async def until_healthy(self, timeout_s: float = 120.0) -> None:
        """Wait until the page answers and every image's own health check passes.

        They are run here: the engine itself runs them every half minute only.
        """
        services = [Container(name) for name in self.containers()]

        def healthy() -> bool:
            try:
                if self._http.get("/healthz").status_code != 200:
                    return False
            except httpx.TransportError:
                return False
            return all(service.healthy() for service in services)

        await self.until(healthy, "a healthy platform", timeout_s)

    def containers(self) -> list[str]:
        """Name the platform's own containers."""
        label = f"label=com.docker.compose.project={NAME}"
        return docker("ps", "--all", "--filter", label, "--format", "{{.Names}}").split()

    async def compose(self, *words: str) -> str:
        """Run compose, as `docker compose` or as docker-compose 1.29."""
        env_file = self.place / "env"
        env_file.write_text("".join(f"{name}={value}\n" for name, value in self.settings.items()))
        command = [
            *_compose_command(),
            *("--project-name", NAME, "--env-file", str(env_file), "--file", str(_COMPOSE)),
            *words,
        ]
        done = await asyncio.to_thread(
            subprocess.run,
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=_COMPOSE_S,
        )
        assert done.returncode == 0, done.stdout
        return str(done.stdout)

    async def stop(self) -> None:
        """End it and remove what it made, problems' containers too."""
        self._http.close()
        try:
            await self.compose("down", "--volumes", "--timeout", "10")
        finally:
            await asyncio.to_thread(remove_left_over)

    def logs(self) -> str:
        """Return the end of what each service wrote."""
        return "\n".join(
            f"== {name}\n{docker('logs', '--tail', '60', name, check=False)}"
            for name in self.containers()
        )

    # People, and what they ask of the API.

    async def people_it(self, **people: str) -> None:
        """Make the first administrator, Ada, by the set-up page; then others, each with a role."""
        found = _SETUP_CODE.search(docker("logs", self.webserver))
        assert found, self.logs()
        form = {
            "code": found[1],
            "name": "Ada",
            "email": "ada@example.org",
            "password": PASSWORD,
        }
        answer = self._http.post("/setup", data=form, headers={"Origin": self.url})
        assert answer.status_code == 303, answer.text
        wanted = {"admin": form["email"], "password": PASSWORD, "people": people}
        said = await asyncio.to_thread(
            docker,
            *("exec", "--interactive", self.webserver, "python", "-P", "-c", _PEOPLE),
            stdin=json.dumps(wanted),
        )
        self.tokens = json.loads(said.splitlines()[-1])

    def ask(self, who: str, method: str, path: str, **given: Any) -> Any:
        """Ask the API something that must go well; its JSON, or its bytes where it has none."""
        answer = self.answer(who, method, path, **given)
        assert answer.status_code < 300, f"{method} {path}: {answer.text}"
        kind = answer.headers.get("content-type", "")
        return answer.json() if "json" in kind else answer.content

    def answer(self, who: str, method: str, path: str, **given: Any) -> httpx.Response:
        """Ask the API something, however it answers."""
        headers = {"Authorization": f"Bearer {self.tokens[who]}"}
        return self._http.request(method, f"/api/v1{path}", headers=headers, **given)

    async def job(self, who: str, problem: str, kind: str, timeout_s: float = 150.0) -> Any:
        """Wait until a problem's newest job of a kind has gone well."""

        def newest() -> Any:
            jobs = self.ask(who, "GET", f"{problem}/jobs")
            found = next((job for job in jobs if job["kind"] == kind), None)
            assert found is None or found["state"] != "failed", f"{found}\n{self.logs()}"
            return found if found is not None and found["state"] == "done" else None

        return await self.until(newest, f"an end of the job {kind}", timeout_s)

    async def until(self, reached: Callable[[], Any], what: str, timeout_s: float = 60.0) -> Any:
        """Wait until something is so; if it does not come, what the platform wrote is shown."""
        ends_at = time.monotonic() + timeout_s
        while not (found := await asyncio.to_thread(reached)):
            if time.monotonic() > ends_at:
                raise AssertionError(f"in {timeout_s:g} s there was not {what}:\n{self.logs()}")
            await asyncio.sleep(_LOOK_S)
        return found


def _compose_command() -> list[str]:
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    return ["docker", "compose"]


def skip_without_compose() -> None:
    """Skip where the platform cannot be started, with the reason; in CI, fail."""
    for name in (*SERVICES, "coordinator", "selector", "client"):
        inspected(image(name))
    words = [*_compose_command(), "version"]
    done = subprocess.run(words, capture_output=True, check=False, timeout=60)
    if done.returncode != 0:
        unless_in_ci("neither `docker compose` nor docker-compose is installed")
    if os.geteuid() != 0:
        unless_in_ci(f"only root can give the platform's folder to user {USER}")


def left_over() -> dict[str, list[str]]:
    """List what of the problems the engine still knows; the webserver is no problem's."""
    label = f"label={LABEL}"
    found = {
        kind: docker(kind, "ls", *more, "--filter", label, "--format", f"{{{{.{field}}}}}").split()
        for kind, more, field in (
            ("container", ("--all",), "Names"),
            ("network", (), "Name"),
            ("volume", (), "Name"),
        )
    }
    found["container"] = [name for name in found["container"] if name != f"{NAME}-webserver"]
    return found


def remove_left_over() -> None:
    """Remove what a platform of this name left behind, if it was cut off."""
    for label in (LABEL, f"com.docker.compose.project={NAME}"):
        for kind, more, remove in (
            ("container", ("--all",), ("rm", "--force", "--volumes")),
            ("network", (), ("rm",)),
            ("volume", (), ("rm", "--force")),
        ):
            for one in docker(kind, "ls", *more, "--filter", f"label={label}", "-q").split():
                docker(kind, *remove, one, check=False)
