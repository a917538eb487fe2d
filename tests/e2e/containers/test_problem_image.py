"""The image of one problem, loaded by a real engine and run as a data holder runs it."""

from __future__ import annotations

import asyncio
import io
import json
import os
import subprocess
import tarfile
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.images import LABEL, LOCKED, docker, inspected, unless_in_ci
from support.programs import run_module
from support.saved_images import tar_of
from support.world import World, problem_toml

from fedota_proto.invite import sign_invite
from fedota_server.problem_image.client_archive import ClientArchive
from fedota_server.problem_image.making import make_problem_image, problem_facts
from fedota_server.problem_image.problem_image import ProblemFacts, problem_image
from fedota_server.problem_image.squeezing import squeeze

ARCHIVE = Path(__file__).parents[3] / "build" / "images" / "client.tar"
# A container starts, loads TensorFlow and trains, on a machine that does other things too.
DEADLINE_S = 100.0
USER = 54321 if os.getuid() == 0 else os.getuid()


@pytest.fixture(scope="module", autouse=True)
def _engine() -> None:
    inspected("fedota/client:latest")


@pytest.fixture
def unknown() -> Iterator[tuple[str, bytes]]:
    """An image of one layer that no engine has seen before, and a file in it."""
    tag, data = f"fedota-e2e/{uuid.uuid4().hex[:12]}:latest", os.urandom(100_000)
    done = subprocess.run(
        ["docker", "import", "--change", "LABEL io.fedota.platform=fedota-e2e", "-", tag],
        input=tar_of({"random": data}),
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert done.stdout
    yield tag, data
    docker("image", "rm", "--force", tag, check=False)


def test_an_engine_loads_layers_that_it_does_not_know(
    unknown: tuple[str, bytes], tmp_path: Path
) -> None:
    tag, data = unknown
    saved, small, out = tmp_path / "saved", tmp_path / "small.tar", tmp_path / "out.tar"
    docker("save", "--output", str(saved), tag)
    docker("image", "rm", tag)
    squeeze(ClientArchive.read(saved), small)
    facts = ProblemFacts(uuid.uuid4().hex[:12], "Tumours", (("h:1", "s"),), "", "[data]\n")
    image = problem_image(ClientArchive.read(small), facts)
    image.write(out)
    try:
        assert image.tag in docker("load", "--input", str(out))
        found = inspected(image.tag)
        assert found["Id"] == f"sha256:{image.image_id}"
        assert found["Config"]["Labels"]["io.fedota.problem"] == facts.problem_id
        exported = tmp_path / "exported.tar"
        name = docker("create", "--label", LABEL, image.tag, "none").strip()
        docker("export", "--output", str(exported), name)
        docker("rm", name)
        with tarfile.open(exported) as files:
            random = files.extractfile("random")
            layer = files.extractfile("opt/fedota/problem/problem.json")
            assert random is not None
            assert random.read() == data
            assert layer is not None
            assert json.load(io.BytesIO(layer.read()))["title"] == "Tumours"
    finally:
        docker("image", "rm", "--force", image.tag, check=False)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A problem for one round of two, with one selector."""
    model, place = tmp_path / "model", tmp_path / "world"
    (model / "inspected").mkdir(parents=True)
    place.mkdir()
    await asyncio.to_thread(run_module, "support.model_maker", model)
    rules = f"selection_timeout_s = {DEADLINE_S:g}\nreporting_deadline_s = {DEADLINE_S:g}"
    text = problem_toml(rounds=1, more_rules=rules)
    async with World(place, model, text, selectors=1) as made:
        yield made


def holder(place: Path, table: str) -> list[str]:
    """Make a holder's two folders; returns the shown command's options for them."""
    for name in ("data", "fedota"):
        (place / name).mkdir(parents=True)
    (place / "data" / "table.csv").write_text(table)
    if os.getuid() == 0:
        subprocess.run(["chown", "-R", f"{USER}:{USER}", str(place)], check=True, timeout=60)
    mounts = ["-v", f"{place}/data:/data:ro", "-v", f"{place}/fedota:/fedota"]
    return ["--rm", "--label", LABEL, "--user", f"{USER}:{USER}", *LOCKED, *mounts]


@pytest.mark.timeout(240)
async def test_a_holder_needs_the_image_the_data_and_the_invite(
    world: World, tmp_path: Path
) -> None:
    if not ARCHIVE.exists():
        unless_in_ci(f"there is no {ARCHIVE}: `make images`")
    image = make_problem_image(ARCHIVE, problem_facts(world.folder))
    out = tmp_path / "image.tar"
    await asyncio.to_thread(image.write, out)
    await asyncio.to_thread(docker, "load", "--input", str(out))
    out.unlink()
    try:
        good = holder(tmp_path / "good", "x,y,answer\n" + "1,2,yes\n3,4,no\n" * 20)
        checked = docker("run", "--network", "none", *good, image.tag, "check")
        assert "Small" in checked
        bad = holder(tmp_path / "bad", "x,y,answer\n1,2,perhaps\n3,4,no\n")
        found = docker("run", "--network", "none", *bad, image.tag, "check", check=False)
        assert "perhaps" in found

        # The invite names an address where nobody is; the image knows where the selector is.
        await world.serve(1)
        invite = world.enrol("clinic", addresses=[("127.0.0.1:9", 1)]).invite
        (tmp_path / "good" / "fedota" / "invite").write_text(invite.text)
        reached = docker("run", "--network", "host", *good, image.tag, "connect-check", "--json")
        assert json.loads(reached)["works"] is True

        refused = docker(
            *("run", "--interactive", "--network", "none", *bad, image.tag, "join", "-"),
            check=False,
            stdin=_foreign_invite(world),
        )
        assert "This image is for the problem “Small”" in refused

        other = await world.join(world.enrol("other", selectors=(1,)))
        joined = await asyncio.to_thread(
            docker, *("run", "--network", "host", *good, image.tag, "join", "--yes")
        )
        assert "All 1 rounds are completed" in joined, joined
        assert await other.ended() == 0
        (row,) = world.rounds()
        assert set(world.counted(row)) == {"clinic", "other"}
        assert {path.stat().st_uid for path in (tmp_path / "good" / "fedota").iterdir()} <= {
            USER,
            os.getuid(),  # the invite, which the test put there
        }
    finally:
        await asyncio.to_thread(docker, "image", "rm", "--force", image.tag, check=False)


def _foreign_invite(world: World) -> str:
    """Sign an invite to a problem that is not the image's."""
    invite = world.enrol("foreign", selectors=(1,)).invite
    return sign_invite(world.keys.invite_key, replace(invite, problem_id="0" * 12)).text
