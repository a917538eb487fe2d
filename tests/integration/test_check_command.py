"""`fedota-client check` as a holder types it: with an invite, offline, and on bad data."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from support.example_run import EXAMPLES, SERVER, WAIT_S, check, copy_of_example, fedota
from support.programs import Program, environment

DATA = EXAMPLES / "breast-cancer" / "data" / "hospital-north"
FORMAT = EXAMPLES / "breast-cancer" / "problem.toml"


@dataclass
class Site:
    """A problem that is served, and an invite to it."""

    folder: Path
    platform: Path
    home: Path
    invite: Path
    serve: Program

    async def members(self) -> list[dict[str, Any]]:
        status = json.loads(await fedota(self.platform, "status", self.folder, "--json"))
        members: list[dict[str, Any]] = status["members"]
        return members


@pytest_asyncio.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    folder = copy_of_example("breast-cancer", tmp_path, rounds=3)
    platform = tmp_path / "platform"
    await fedota(platform, "init")
    await fedota(platform, "invite", folder, "north", "--out", tmp_path / "north.invite")
    env = environment(FEDOTA_HOME=str(platform))
    arguments = ["serve", str(folder), "--selectors", "1"]
    serve = await Program.start("serve", SERVER, arguments, env, tmp_path)
    try:
        await serve.says("is served", timeout_s=WAIT_S)
        yield Site(folder, platform, tmp_path / "home", tmp_path / "north.invite", serve)
    finally:
        await serve.kill()


@pytest.mark.timeout(120)
async def test_nothing_is_told_unless_the_holder_agrees_to_the_one_word(
    site: Site, tmp_path: Path
) -> None:
    arguments = (site.invite, "--data", DATA, "--home", site.home)
    done = await check(*arguments)
    assert done.code == 0, done
    assert "The data keeps the format." in done.out
    assert "ready" not in done.out  # there is no terminal to ask on
    assert not (site.home / "enrolled").exists()
    assert await site.members() == []

    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "a.csv").write_text("mean_radius\nx\n")
    done = await check(site.invite, "--data", broken, "--home", site.home, "--tell-ready")
    assert done.code == 1, done
    assert "a.csv, row 1: found no columns 'mean_texture'" in done.out
    assert await site.members() == []

    done = await check(*arguments, "--tell-ready")
    assert done.code == 0, done
    assert "The setter was told that your data is ready." in done.out
    (after,) = await site.members()
    assert (after["name"], after["last"], after["ready"]) == ("north", "bound", True), after
    assert not (site.home / "enrolled").exists()  # the invite goes along until a task was fetched


async def test_offline_it_needs_no_home_and_no_connection(tmp_path: Path) -> None:
    done = await check("--data", DATA, "--format", FORMAT, "--json")
    assert done.code == 0, done
    found = json.loads(done.out)
    assert (found["kept"], found["examples"], found["mistakes"]) == (True, 169, [])
    assert found["title"] == "Breast tumours: benign or malignant"
    assert len(found["columns"]) == 31


async def test_what_is_wrong_is_told_with_exit_code_1_and_nothing_is_written(
    tmp_path: Path,
) -> None:
    text = (DATA / "tumours.csv").read_text()
    (tmp_path / "a.csv").write_text(text.replace(",", ";").replace(".", ","))
    (tmp_path / "b.csv").write_bytes("größe,".encode("latin-1") + text.encode())
    (tmp_path / "c.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())

    done = await check("--data", tmp_path, "--format", FORMAT)

    assert done.code == 1
    assert done.err == ""
    plain = " ".join(done.out.split())
    assert "a.csv, row 1: found cells separated by semicolons and numbers with a decimal" in plain
    assert (
        """python -c "import pandas; pandas.read_csv('a.csv', sep=';', decimal=',')""" in done.out
    )
    assert "b.csv is not UTF-8 text." in plain
    assert "iconv -f WINDOWS-1252 -t UTF-8 b.csv > b-utf8.csv" in done.out
    assert "169 examples in 3 files" in plain
    assert sorted(os.listdir(tmp_path)) == ["a.csv", "b.csv", "c.csv"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--format", str(FORMAT)], 2, "Pass --data DIR with your data."),
        (["--data", ".", "--format", "nowhere.toml"], 1, "nowhere.toml cannot be read"),
        (["x.invite", "--data", ".", "--format", str(FORMAT)], 2, "pass either it or an INVITE"),
        (["--data", ".", "--format", str(FORMAT), "--tell-ready"], 2, "takes an INVITE"),
        (["nonsense", "--data", "."], 1, "invite"),
    ],
)
async def test_a_wrong_command_line_is_told(arguments: list[str], code: int, said: str) -> None:
    done = await check(*arguments)
    done.is_one_sentence(code, said)


async def test_a_report_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    done = await check(
        *("--data", DATA, "--format", FORMAT, "--report", tmp_path / "nowhere" / "a.html")
    )
    done.is_one_sentence(1, "The report", "cannot be written")
