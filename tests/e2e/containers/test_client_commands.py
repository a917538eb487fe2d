"""Every command of the client through its image, with the folders that the shown command mounts."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from support.images import LABEL, LOCKED, inspected
from support.programs import run_module
from support.world import World, problem_toml
from typer.main import get_command

from fedota_client.command_line import app

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]

IMAGE = f"{os.environ.get('FEDOTA_IMAGES', 'fedota')}/client:latest"
# A user that neither the host nor the image knows; files of one's own where tests are not root.
USER = 54321 if os.getuid() == 0 else os.getuid()
GROUP = 54321 if os.getuid() == 0 else os.getgid()
DEADLINE_S = 100.0
REACHED = ("--network", "host")
ALONE = ("--network", "none")


@dataclass(frozen=True)
class Ran:
    """What a command did.

    Parameters
    ----------
    code, said
        Its exit code, and all that it wrote.
    fedota
        The holder's folder for it.
    """

    code: int
    said: str
    fedota: Path

    @property
    def document(self) -> Any:
        """What it wrote, as JSON."""
        return json.loads(self.said)


class Holder:
    """A data holder's two folders, and the command that is shown on the join page.

    Parameters
    ----------
    place
        Where the folders are.
    invite
        The text of an invite, which the holder has put into the folder.
    """

    def __init__(self, place: Path, invite: str = "") -> None:
        self.data, self.new, self.fedota = (place / name for name in ("data", "new", "fedota"))
        for folder in (self.data, self.new, self.fedota):
            folder.mkdir(parents=True)
        rows = [(i % 7, i % 5, "yes" if (i % 7) > 3 else "no") for i in range(80)]
        self._write(
            self.data / "patients.csv", ["x,y,answer", *(f"{x},{y},{a}" for x, y, a in rows)]
        )
        self._write(self.new / "new.csv", ["x,y", "1,2", "6,1", "5,4"])
        if invite:
            (self.fedota / "invite").write_text(invite)
        self.give(place)

    def give(self, place: Path) -> None:
        """Give what is there to the holder alone."""
        for path in (place, *place.rglob("*")):
            os.chown(path, USER, GROUP)
            path.chmod(0o700 if path.is_dir() else 0o600)

    async def run(
        self,
        *words: str,
        network: tuple[str, ...] = ALONE,
        data: Path | None = None,
        user: str = f"{USER}:{GROUP}",
    ) -> Ran:
        """Run the shown command, with other words after the image."""
        command = [
            *("run", "--rm", "--label", LABEL, *LOCKED, *network),
            *("--user", user),
            *("--volume", f"{data or self.data}:/data:ro", "--volume", f"{self.fedota}:/fedota"),
            *(IMAGE, *words),
        ]
        process = await asyncio.create_subprocess_exec(
            "docker",
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(DEADLINE_S):
            out, _ = await process.communicate()
        assert process.returncode is not None
        return Ran(process.returncode, out.decode(), self.fedota)

    @staticmethod
    def _write(path: Path, lines: list[str]) -> None:
        path.write_text("\n".join((*lines, "")))


@dataclass(frozen=True)
class Trained:
    """A problem that is trained, and the holders of it.

    Parameters
    ----------
    holder
        Has joined to the end.
    newcomer
        Has an invite and nothing else.
    joined
        What `join` did.
    counted
        Whose updates the round counted.
    """

    holder: Holder
    newcomer: Holder
    joined: Ran
    counted: frozenset[str]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def trained(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Trained]:
    """Train one round with the image; the servers go on, as a completed problem's do."""
    inspected(IMAGE)
    place = tmp_path_factory.mktemp("commands")
    place.chmod(0o755)
    model, world = place / "model", place / "world"
    (model / "inspected").mkdir(parents=True)
    world.mkdir()
    await asyncio.to_thread(run_module, "support.model_maker", model)
    rules = f"selection_timeout_s = {DEADLINE_S:g}\nreporting_deadline_s = {DEADLINE_S:g}"
    text = problem_toml(rounds=1, more_rules=rules)
    async with World(world, model, text, selectors=1) as made:
        await made.serve(1)
        other = await made.join(made.enrol("other", selectors=(1,)))
        holder, newcomer = (
            Holder(place / name, made.enrol(name, selectors=(1,)).invite.text)
            for name in ("clinic", "newcomer")
        )
        shutil.copy(made.folder.folder / "problem.toml", holder.fedota / "format.toml")
        shutil.copy(model / "model.keras", holder.fedota / "model.keras")
        holder.give(holder.fedota)
        joined = await holder.run("join", "--yes", network=REACHED)
        assert await other.ended() == 0
        (row,) = made.rounds()
        yield Trained(holder, newcomer, joined, frozenset(made.counted(row)))


def nothing_wrong(ran: Ran) -> None:
    """Check what holds of every command that went well."""
    assert ran.code == 0, ran.said
    assert "Traceback" not in ran.said
    owners = {(path.stat().st_uid, path.stat().st_gid) for path in ran.fedota.rglob("*")}
    assert owners == {(USER, GROUP)}


# One for each command, in any order; `leave` has a holder of its own.


async def check(its: Trained) -> None:
    offline = await its.holder.run("check", "--format", "/fedota/format.toml", "--json")
    nothing_wrong(offline)
    assert (offline.document["kept"], offline.document["examples"]) == (True, 80)
    by_invite = await its.newcomer.run(
        "check", "--tell-ready", "--report", "/fedota/check.html", network=REACHED
    )
    nothing_wrong(by_invite)
    assert "The data keeps the format." in by_invite.said
    assert "<html" in (by_invite.fedota / "check.html").read_text()
    bad = await its.holder.run("check", "--format", "/fedota/format.toml", data=its.holder.new)
    assert bad.code == 1
    assert "answer" in bad.said


async def connect_check(its: Trained) -> None:
    ran = await its.newcomer.run("connect-check", "--json", network=REACHED)
    nothing_wrong(ran)
    assert ran.document["works"] is True
    assert (await its.newcomer.run("connect-check")).code == 1


async def join(its: Trained) -> None:
    nothing_wrong(its.joined)
    assert "All 1 rounds are completed" in its.joined.said
    assert its.counted == {"clinic", "other"}


async def receipts(its: Trained) -> None:
    ran = await its.holder.run("receipts", "--json")
    nothing_wrong(ran)
    assert (ran.document["counted"], ran.document["verified"]) == (1, True)
    other = await its.holder.run("receipts", user="4321:4321")
    assert (other.code, "Traceback" in other.said) == (1, False)
    assert "cannot be read by the user id 4321" in other.said


async def personalize(its: Trained) -> None:
    ran = await its.holder.run("personalize", "--epochs", "2", network=REACHED)
    nothing_wrong(ran)
    assert "Model and report are in /fedota/personal" in ran.said
    made = {path.name for path in (ran.fedota / "personal").iterdir()}
    assert made == {"shared.keras", "personal.keras", "report.html"}
    lost = await its.holder.run("personalize", "--out", "mine")
    assert lost.code == 1
    assert "lost with the container" in lost.said


async def predict(its: Trained) -> None:
    ran = await its.holder.run(
        *("predict", "/fedota/model.keras", "--data", "/data", "--json"),
        *("--format", "/fedota/format.toml"),
        data=its.holder.new,
    )
    nothing_wrong(ran)
    assert (ran.document["rows"], ran.document["out"]) == (3, "/fedota/predictions.csv")
    with (ran.fedota / "predictions.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 3


async def pause(its: Trained) -> None:
    ran = await its.holder.run("pause", "--json")
    nothing_wrong(ran)
    assert ran.document == {"paused": True, "file": "/fedota/pause"}
    assert (ran.fedota / "pause").exists()


async def resume(its: Trained) -> None:
    (its.holder.fedota / "pause").touch()
    os.chown(its.holder.fedota / "pause", USER, GROUP)
    nothing_wrong(await its.holder.run("resume", "--json"))
    assert not (its.holder.fedota / "pause").exists()


async def policy(its: Trained) -> None:
    ran = await its.holder.run("policy", "/fedota/invite", "--json")
    nothing_wrong(ran)
    assert ran.document["policies"] == []
    assert len(ran.document["platform"]) == 64


async def service(its: Trained) -> None:
    ran = await its.holder.run("service", "compose")
    nothing_wrong(ran)
    assert f'user: "{USER}:{GROUP}"' in ran.said
    assert 'source: "./fedota", target: /fedota' in ran.said
    assert (await its.holder.run("service", "systemd")).code == 2


async def leave(its: Trained) -> None:
    asked = await its.newcomer.run("leave", network=REACHED)
    assert asked.code == 2
    ran = await its.newcomer.run("leave", "--yes", "--wipe", "--json", network=REACHED)
    nothing_wrong(ran)
    assert (ran.document["told"], ran.document["wiped"]) == (True, True)
    assert not (ran.fedota / "key.pem").exists()


async def version(its: Trained) -> None:
    ran = await its.holder.run("version", "--json")
    nothing_wrong(ran)
    assert ran.document["protocol"] == 1


async def job(its: Trained) -> None:
    ran = await its.holder.run(
        "job", "inspect", "--model", "/fedota/model.keras", "--out", "/fedota/inspected"
    )
    nothing_wrong(ran)
    assert (ran.fedota / "inspected" / "manifest.json").exists()


RUNS: dict[str, Callable[[Trained], Any]] = {
    "check": check,
    "connect-check": connect_check,
    "join": join,
    "receipts": receipts,
    "personalize": personalize,
    "predict": predict,
    "pause": pause,
    "resume": resume,
    "policy": policy,
    "service": service,
    "version": version,
    "job": job,
    "leave": leave,  # the last: the newcomer is then none
}


async def test_no_command_is_forgotten() -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]
    assert set(RUNS) == set(commands)


@pytest.mark.parametrize("name", RUNS)
async def test_a_command_does_in_its_image_what_it_does_without(
    name: str, trained: Trained
) -> None:
    await RUNS[name](trained)
