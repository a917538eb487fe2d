"""The images that `make images` built: what is in them, what is not, and that they serve."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import tomllib
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.images import LABEL, LOCKED, docker, inspected, running
from support.programs import run_module
from support.world import World, problem_toml

ROOT = Path(__file__).parents[3]
BASE = "python:3.11-slim"
PYTHON = ("selector", "coordinator", "webserver", "client", "engine-proxy")
ALL = (*PYTHON, "database", "front")
SERVERS = tuple(name for name in ALL if name != "client")
# One that neither the host nor an image knows; whose files are read, where tests are not root.
USER = "10001:10001" if os.getuid() == 0 else f"{os.getuid()}:{os.getgid()}"

_LOOK = """
import importlib.metadata, importlib.util, json, os, shutil, subprocess, sys
from pathlib import Path

def there(*patterns):
    return sorted(str(p) for one in patterns for p in Path("/").glob(one))

def writable():
    try:
        Path("/opt/fedota/new").write_text("")
        return True
    except OSError:
        return False

own = Path("/opt/fedota/lib/python3.11/site-packages")
dists = importlib.metadata.distributions(path=[str(own)]) if own.is_dir() else []
listed = subprocess.run(
    ["dpkg-query", "-W", "-f", "${db:Status-Status} ${Package} ${Version}\\n"],
    capture_output=True, text=True, check=True).stdout.splitlines()
names = ("gcc", "cc", "g++", "clang", "make", "ld")
json.dump({
    "uid": os.getuid(),
    "writable": writable(),
    "python": sorted(f"{d.name}=={d.version}" for d in dists),
    "debian": sorted("==".join(l.split()[1:]) for l in listed if l.startswith("installed ")),
    "compilers": [n for n in names if shutil.which(n)],
    "left": there("root/.cache", "tmp/*", "var/lib/apt/lists/*", "var/cache/apt/*.bin", "src",
                  "tools", "wheels", "hollow", "own", "opt/fedota/**/pip", "opt/fedota/**/tests",
                  "opt/fedota/**/*.pyx", "opt/fedota/include", "opt/fedota/bin/uv",
                  "opt/fedota/bin/uvx"),
    "sbom": json.loads(sbom.read_text()) if (sbom := Path("/opt/fedota/sbom.cdx.json")).exists()
        else None,
}, sys.stdout)
"""


@pytest.fixture(scope="module", autouse=True)
def _images() -> None:
    for name in ALL:
        inspected(f"fedota/{name}:latest")


@cache
def looked_at(name: str) -> dict[str, Any]:
    """Look into an image, from a container that may do next to nothing."""
    options = ("--rm", "--interactive", "--network", "none", "--label", LABEL, *LOCKED)
    image = BASE if name == BASE else f"fedota/{name}:latest"
    said = docker("run", *options, "--entrypoint", "python", image, "-", stdin=_LOOK)
    return dict(json.loads(said))


def canonical(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


# What is in them.


@pytest.mark.parametrize(("name", "most_mb"), [("selector", 250), ("coordinator", 330)])
def test_sizes_over_the_base_image(name: str, most_mb: int) -> None:
    over = inspected(f"fedota/{name}:latest")["Size"] - inspected(BASE)["Size"]
    assert 0 < over <= most_mb * 1_000_000


@pytest.mark.parametrize("name", ["selector", "coordinator", "webserver", "engine-proxy"])
def test_no_server_holds_keras_or_tensorflow(name: str) -> None:
    held = {canonical(one.partition("==")[0]) for one in looked_at(name)["python"]}
    assert "fedota" in held
    assert not {one for one in held if one.startswith(("keras", "tensorflow"))}


def test_the_selector_holds_no_flower() -> None:
    held = {one.partition("==")[0] for one in looked_at("selector")["python"]}
    assert "flwr" not in held


@pytest.mark.parametrize("name", PYTHON)
def test_versions_are_those_of_the_constraints(name: str) -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = dict(line.split("==") for line in lines if "==" in line)
    wanted = {canonical(one): version for one, version in pinned.items()}
    for one in looked_at(name)["python"]:
        package, _, version = one.partition("==")
        if package != "fedota":
            assert wanted.get(canonical(package)) == version, one


@pytest.mark.parametrize("name", ALL)
def test_nothing_is_left_of_the_building(name: str) -> None:
    found = looked_at(name)
    assert found["compilers"] == []
    assert set(found["left"]) <= set(looked_at(BASE)["left"])


@pytest.mark.parametrize("name", ALL)
def test_it_runs_as_nobody_on_a_root_that_cannot_be_written(name: str) -> None:
    found = looked_at(name)
    assert found["uid"] == 10001
    assert not found["writable"]
    assert inspected(f"fedota/{name}:latest")["Config"]["User"] == "10001:10001"


@pytest.mark.parametrize("name", ALL)
def test_labels_and_health_check(name: str) -> None:
    config = inspected(f"fedota/{name}:latest")["Config"]
    labels = config["Labels"]
    release = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert labels["io.fedota.image"] == name
    assert labels["org.opencontainers.image.version"] == release
    assert labels["org.opencontainers.image.revision"]
    for said in ("title", "vendor", "licenses"):
        assert labels[f"org.opencontainers.image.{said}"]
    assert labels["io.fedota.sbom"] == "/opt/fedota/sbom.cdx.json"
    assert ("Healthcheck" in config) == (name in SERVERS)


@pytest.mark.parametrize("name", ALL)
def test_the_bill_of_materials_lists_exactly_what_is_installed(name: str) -> None:
    found = looked_at(name)
    bill = found["sbom"]
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    parts: dict[str, list[str]] = {"pypi": [], "deb": [], "": []}
    for one in bill["components"]:
        kind = one.get("purl", "").removeprefix("pkg:").partition("/")[0]
        parts[kind].append(f"{one['name']}=={one['version']}")
    assert sorted(parts["pypi"] + parts[""]) == found["python"]
    assert set(parts[""]) <= {one for one in found["python"] if one.startswith("fedota==")}
    assert sorted(parts["deb"]) == found["debian"]


def test_own_code_is_a_layer_of_its_own() -> None:
    tops = {tuple(inspected(f"fedota/{name}:latest")["RootFS"]["Layers"][:-1]) for name in PYTHON}
    assert len(tops) == len(PYTHON)
    for name in PYTHON:
        sizes = docker("history", "--human=false", "--format", "{{.Size}}", f"fedota/{name}:latest")
        own = next(int(size) for size in sizes.split() if int(size))
        assert own < 20_000_000


# That they serve, say so, and end when asked.


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A problem whose servers the test runs itself."""
    model, place = tmp_path / "model", tmp_path / "world"
    (model / "inspected").mkdir(parents=True)
    place.mkdir()
    await asyncio.to_thread(run_module, "support.model_maker", model)
    async with World(place, model, problem_toml(), selectors=1) as made:
        yield made


def given_to_container(folder: Path) -> None:
    """Hand a folder to the images' user."""
    if os.getuid() == 0:
        subprocess.run(["chown", "-R", USER, str(folder)], check=True, timeout=60)


@pytest.mark.timeout(180)
async def test_coordinator_and_selector_serve_and_stop(world: World) -> None:
    keys = world.keys.selector(1)
    given_to_container(world.place)
    mounted = ("--network", "host", "--user", USER, "--volume", f"{world.place}:{world.place}")
    told = {
        "FEDOTA_COORDINATOR_FOLDER": str(world.folder.state),
        "FEDOTA_COORDINATOR_PROBLEM_DIR": str(world.folder.folder),
        "FEDOTA_COORDINATOR_KEYS": str(world.folder.keys_folder),
        "FEDOTA_COORDINATOR_LISTEN": world.ports.coordinator_address,
        "FEDOTA_COORDINATOR_STATUS_ADDRESS": world.ports.status_address,
        "FEDOTA_SELECTOR_INDEX": "1",
        "FEDOTA_SELECTOR_PROBLEM_ID": world.keys.problem_id,
        "FEDOTA_SELECTOR_COORDINATOR_ADDRESS": world.ports.coordinator_address,
        "FEDOTA_SELECTOR_LISTEN": world.ports.selector_listen(1),
        "FEDOTA_SELECTOR_PUBLIC_ADDRESS": world.ports.selector_address(1),
        "FEDOTA_SELECTOR_KEYS": str(keys),
    }

    def options(role: str) -> list[str]:
        mine = {name: value for name, value in told.items() if f"_{role}_" in name}
        return [*mounted, *(w for n, v in mine.items() for w in ("--env", f"{n}={v}"))]

    async with (
        running("fedota/coordinator:latest", options("COORDINATOR")) as coordinator,
        running("fedota/selector:latest", options("SELECTOR")) as selector,
    ):
        await coordinator.until_healthy()
        await selector.until_healthy()
        # A round begins: the two have found each other, and the status service.
        await world.events.until(lambda event: True)
        assert await selector.stopped() == 0, selector.logs()
        assert await coordinator.stopped() == 0, coordinator.logs()
        assert "Traceback" not in coordinator.logs() + selector.logs()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@pytest.mark.timeout(180)
async def test_the_webserver_serves_and_stops(tmp_path: Path) -> None:
    home, port = tmp_path / "home", free_port()
    home.mkdir()
    given_to_container(home)
    options = ("--network", "host", "--user", USER, "--volume", f"{home}:/fedota")
    told = ("--env", f"FEDOTA_WEB_PORT={port}")
    async with (
        running("fedota/webserver:latest", [*options, *told]) as webserver,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as browser,
    ):
        await webserver.until_healthy()
        assert (await browser.get("/healthz")).status_code == 200
        page = await browser.get("/", follow_redirects=True)
        assert page.status_code == 200
        assert "fedota" in page.text.lower()
        assert (await browser.get("/api/v1/openapi.json")).status_code == 200
        assert (home / "fedota.db").stat().st_uid == int(USER.partition(":")[0])
        assert await webserver.stopped() == 0, webserver.logs()
        assert "Traceback" not in webserver.logs()


@pytest.mark.timeout(180)
async def test_the_database_serves_and_stops() -> None:
    async with running("fedota/database:latest", ["--network", "none"]) as database:
        await database.until_healthy()
        assert await database.stopped() == 0, database.logs()
        assert "database system is shut down" in database.logs()


def test_a_database_of_another_postgresql_is_told_and_left_alone(tmp_path: Path) -> None:
    """Debian's next release brings the next PostgreSQL, which reads no earlier one's files."""
    cluster = tmp_path / "data" / "cluster"
    cluster.mkdir(parents=True)
    (cluster / "PG_VERSION").write_text("9.6\n")
    given_to_container(tmp_path / "data")
    options = ("--rm", "--network", "none", "--label", LABEL, *LOCKED, "--user", USER)
    said = docker(
        *("run", *options, "--volume", f"{tmp_path}/data:/data", "fedota/database:latest"),
        check=False,
    )
    assert "was made by PostgreSQL 9.6, and this image has 1" in said
    assert "fedota backup" in said
    assert [path.name for path in cluster.iterdir()] == ["PG_VERSION"]


@pytest.mark.timeout(180)
async def test_the_front_serves_and_stops() -> None:
    options = ["--network", "none", "--env", "FEDOTA_HOST=fedota.example"]
    async with running("fedota/front:latest", options) as front:
        await front.until_healthy()
        assert await front.stopped() == 0, front.logs()


@pytest.mark.timeout(180)
async def test_the_engine_proxy_serves_and_stops(tmp_path: Path) -> None:
    engine = "/var/run/docker.sock"
    options = [
        *("--network", "none", "--user", "0:0", "--cap-add", "CHOWN"),
        *("--volume", f"{engine}:{engine}", "--tmpfs", "/engine"),
        *("--env", "FEDOTA_ENGINE_PROXY_LISTEN=/engine/docker.sock"),
        *("--env", "FEDOTA_ENGINE_PROXY_PLATFORM=fedota-e2e"),
        *("--env", f"FEDOTA_ENGINE_PROXY_FOLDER={tmp_path}"),
        *("--volume", f"{tmp_path}:{tmp_path}:ro"),
    ]
    async with running("fedota/engine-proxy:latest", options) as proxy:
        await proxy.until_healthy()
        assert await proxy.stopped() == 0, proxy.logs()
