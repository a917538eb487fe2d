"""An example as a setter and its holders run it: commands alone, real processes, real Keras."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.programs import Finished, Program, command, environment, run_module

EXAMPLES = Path(__file__).parents[2] / "examples"
SERVER = "fedota_server.cli"
WAIT_S = 100.0


def copy_of_example(name: str, target: Path, *, rounds: int) -> Path:
    """Copy an example with fewer rounds."""
    place = target / name
    shutil.copytree(EXAMPLES / name, place, ignore=shutil.ignore_patterns(".fedota", "data"))
    if (EXAMPLES / name / "data").is_dir():
        shutil.copytree(EXAMPLES / name / "data", place / "data")
    text = (place / "problem.toml").read_text()
    short = re.sub(r"^rounds = \d+", f"rounds = {rounds}", text, flags=re.MULTILINE)
    assert short != text
    (place / "problem.toml").write_text(short)
    return place


async def fedota(home: Path, *arguments: str | Path) -> str:
    """Run a command that must go well."""
    done = await command(SERVER, "--home", home, *arguments, timeout_s=WAIT_S)
    assert done.code == 0, done
    return done.out


async def check(*arguments: str | Path) -> Finished:
    """Run ``fedota-client check``."""
    return await command("fedota_client", "check", *arguments, timeout_s=WAIT_S)


@dataclass(frozen=True)
class ExampleRun:
    """A problem that was trained to its end.

    Parameters
    ----------
    folder
        The problem's.
    home
        The platform's.
    status
        As ``fedota status --json`` says in the end.
    """

    folder: Path
    home: Path
    status: dict[str, Any]

    def evaluations(self, metric: str) -> list[float]:
        """Return a metric of the holders' evaluations, round by round."""
        return [one["evaluation"][metric] for one in self.status["rounds"]]

    async def export(self, out: Path) -> Path:
        """Export the newest model."""
        await fedota(self.home, "export", self.folder, "--out", out)
        return out


async def run_example(
    folder: Path,
    holders: Mapping[str, Path],
    tmp_path: Path,
    after: Callable[[], Awaitable[None]] | None = None,
    more: Sequence[str] = (),
) -> ExampleRun:
    """Serve a problem and train it with all its holders, from ``init`` to its end.

    Parameters
    ----------
    folder
        The problem's.
    holders
        Data folder by name.
    tmp_path
        For everything else: each holder's own folder bears its name.
    after
        What the holders do once the problem is completed, while it is still served.
    more
        Further arguments of ``join``.
    """
    home = tmp_path / "home"
    await fedota(home, "init")
    for name in holders:
        await fedota(home, "invite", folder, name, "--out", tmp_path / f"{name}.invite")
    env = environment(FEDOTA_HOME=str(home))
    programs = [await Program.start("serve", SERVER, ["serve", str(folder)], env, tmp_path)]
    try:
        await programs[0].says("is served", timeout_s=WAIT_S)
        for name, data in holders.items():
            arguments = [
                *("join", str(tmp_path / f"{name}.invite"), "--yes", "--data", str(data)),
                *("--home", str(tmp_path / name), *more),
            ]
            programs.append(
                await Program.start(name, "fedota_client", arguments, environment(), tmp_path)
            )
        await programs[0].says("the problem is completed", timeout_s=WAIT_S)
        codes = await asyncio.gather(*(program.ended() for program in programs[1:]))
        assert codes == [0] * len(holders), [program.output for program in programs]
        if after is not None:
            await after()
        status = json.loads(await fedota(home, "status", folder, "--json"))
    finally:
        for program in programs:
            await program.kill()
    assert status["state"] == "completed"
    assert [one["reported"] for one in status["rounds"]] == [len(holders)] * len(status["rounds"])
    return ExampleRun(folder, home, status)


def score(folder: Path, data: Path, *models: Path) -> list[dict[str, float]]:
    """Score models on data that no holder has: loss and metrics of each."""
    results = []
    for number, model in enumerate(models):
        out = folder / f"score-{number}.json"
        arguments = ("job", "score", "--problem", folder, "--model", model, "--data", data)
        run_module("fedota_client", *arguments, "--out", out)
        results.append(json.loads(out.read_text())["metrics"])
    return results
