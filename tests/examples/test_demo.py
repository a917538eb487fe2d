"""`fedota demo`: its web page answers while hospitals train, and nothing of it is left behind."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import psutil
import pytest
from support.example_run import SERVER, WAIT_S, copy_of_example
from support.programs import Program, environment
from support.up import unused_port
from support.waiting import until

from fedota_server.webserver.platform import Platform
from fedota_server.webserver.settings import WebserverSettings

ROUNDS = 14  # enough for the page to be looked at meanwhile


class Demo:
    """A running demo of fewer rounds, in a folder of the test's.

    Parameters
    ----------
    program
        The process.
    place
        Where it makes its temporary folder.
    """

    def __init__(self, program: Program, place: Path) -> None:
        self.program = program
        self.place = place
        self._tree: set[psutil.Process] = set()

    def note_processes(self) -> bool:
        """Take note of all that runs for it now, its children and its servers: is there any?"""
        self._tree.update(psutil.Process(self.program.pid).children(recursive=True))
        for process in psutil.process_iter():
            try:
                if str(self.place) in " ".join(process.cmdline()):
                    self._tree.add(process)
            except psutil.NoSuchProcess:
                continue
        return bool(self._tree)

    async def leaves_nothing(self) -> None:
        """Check that all of it has ended, and that its folder is gone."""
        await until(
            lambda: not [one for one in self._tree if one.is_running()], "its processes end"
        )
        assert not list(self.place.glob("fedota-demo-*"))
        assert "Traceback" not in self.program.output, self.program.output


@pytest.fixture
async def demo(tmp_path: Path) -> AsyncIterator[Demo]:
    folder = copy_of_example("breast-cancer", tmp_path, rounds=ROUNDS)
    place = tmp_path / "temporary"
    place.mkdir()
    env = environment(
        TMPDIR=str(place), FEDOTA_WEB_PORT=str(unused_port()), FEDOTA_DATABASE_URL="sqlite:////no"
    )
    arguments = ["demo", "--example", str(folder), "--keep-serving"]
    program = await Program.start("demo", SERVER, arguments, env, tmp_path)
    try:
        yield Demo(program, place)
    finally:
        await program.kill()


@pytest.mark.timeout(240)
async def test_the_page_answers_while_four_hospitals_train(demo: Demo) -> None:
    program = demo.program
    url = (await program.says("Fedota is at http", timeout_s=WAIT_S)).split()[3].rstrip(";")
    logins = {}
    for role in ("administrator", "problem setter", "data holder"):
        *_, email, password = (await program.says(f"^  {role} ")).split()
        logins[role] = {"email": email, "password": password}
    async with httpx.AsyncClient(base_url=url, headers={"Origin": url}, timeout=30.0) as browser:
        for login in logins.values():
            answer = await browser.post("/login", data=login)
            assert answer.status_code == 303, answer.text
    token = await asyncio.to_thread(_token, demo, logins["problem setter"])
    async with httpx.AsyncClient(
        base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=30.0
    ) as api:
        await program.says("is connected", timeout_s=WAIT_S)
        assert demo.note_processes()
        await program.says("^round 1 completed", timeout_s=WAIT_S)
        assert (await api.get("/healthz")).status_code == 200
        (found,) = (await api.get("/api/v1/problems")).json()["items"]
        rounds = f"/api/v1/problems/{found['problem_id']}/rounds"
        seen = (await api.get(rounds)).json()
        assert "problem is completed" not in program.output
        assert [one["completed"] for one in seen] == [True] * len(seen)
        assert seen[0]["reported"] == 4

        await program.says(f"^demo: .*rounds={ROUNDS} accuracy=0", timeout_s=WAIT_S)
        await program.says("stays at")
        seen = (await api.get(rounds)).json()
        assert [one["server_round"] for one in seen] == list(range(1, ROUNDS + 1))
    program.send(signal.SIGINT)
    assert await program.ended() == 130
    await demo.leaves_nothing()


def _token(demo: Demo, login: dict[str, str]) -> str:
    """Make an API token for the person who signs in so."""
    (folder,) = demo.place.glob("fedota-demo-*")
    platform = Platform.open(WebserverSettings(home=folder / "home"))
    try:
        session = platform.accounts.sign_in(**login, address="127.0.0.1", browser="test")
        account = platform.accounts.by_session(session)
        assert account is not None
        token, _ = platform.accounts.make_token(account.actor, "test", None)
    finally:
        platform.database.close()
    return token


async def test_ctrl_c_ends_it_at_once(demo: Demo) -> None:
    await demo.program.says("model is inspected", timeout_s=WAIT_S)
    await until(demo.note_processes, "the dry run's job runs")
    demo.program.send(signal.SIGINT)
    assert await demo.program.ended() == 130
    await demo.leaves_nothing()
