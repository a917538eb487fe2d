"""Fixtures: a problem with two scripted selectors, and a client that is not yet started."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.keras_lab import KerasLab
from support.programs import environment

from fedota_client.attendance import Attendance
from fedota_client.dialing import Dialer
from fedota_client.home import ClientHome
from fedota_client.participation import make_member
from fedota_client.receipts.book import ReceiptBook
from fedota_client.run import ClientRun
from fedota_client.settings import ClientSettings
from fedota_client.worker_handle import WorkerHandle
from fedota_proto.v1 import fl_round_pb2 as pb

from .doubles import LineDisplay, Problem, ScriptedSelector, make_keys, worker_command

EXAMPLE = Path(__file__).parents[3] / "examples" / "diabetes"
DATA = EXAMPLE / "data" / "practice-north"
ROUND = 4


@pytest.fixture
async def problem(tmp_path: Path) -> AsyncIterator[Problem]:
    keys = make_keys(tmp_path)
    selectors = [ScriptedSelector(1), ScriptedSelector(2)]
    for selector in selectors:
        await selector.start(keys)
    yield Problem(keys, selectors)
    for selector in selectors:
        await selector.stop()


@dataclass
class Client:
    """A client under test."""

    home: ClientHome
    display: LineDisplay
    worker: WorkerHandle
    running: asyncio.Task[str]
    worker_folder: Path


StartClient = Callable[..., Coroutine[Any, Any, Client]]


@pytest.fixture
async def start_client(tmp_path: Path, problem: Problem) -> AsyncIterator[StartClient]:
    started: list[Client] = []
    books: list[ReceiptBook] = []

    async def start(
        mode: str = "obedient",
        *,
        selectors: int = 1,
        rounds_wanted: int = 0,
        evaluates: bool = True,
        folder: str = "client",
        settings: ClientSettings | None = None,
        attendance: Attendance | None = None,
        memory_max: int = 0,
    ) -> Client:
        of_problem = Problem(problem.keys, problem.selectors[:selectors], problem.node_id)
        invite = of_problem.invite()
        home = ClientHome(tmp_path / folder)
        home.adopt(invite)
        display = LineDisplay()
        worker_folder = tmp_path / f"worker-{folder}-{len(started)}"
        worker = WorkerHandle(
            {"mode": "fake"}, command=worker_command(mode, worker_folder), memory_max=memory_max
        )
        await worker.start()
        settings = settings or ClientSettings(retry_first_s=0.01, evaluation_wait_s=0.1)
        member = make_member(invite, home)
        book = ReceiptBook(home.folder, member.key, invite)
        books.append(book)
        run = ClientRun(
            invite,
            member,
            home,
            book,
            Dialer(invite, member, settings, display, release="test"),
            worker,
            display,
            settings,
            attendance=attendance,
            rounds_wanted=rounds_wanted,
            evaluates=evaluates,
        )
        running = asyncio.create_task(run.run())
        client = Client(home, display, worker, running, worker_folder)
        started.append(client)
        return client

    yield start
    for client in started:
        client.running.cancel()
        await asyncio.wait([client.running], timeout=10)
        client.worker.kill()
        await client.worker.close()
    for book in books:
        book.close()


@pytest.fixture(scope="package")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example's model, trained a little on what another practice has."""
    folder = tmp_path_factory.mktemp("shared")
    with KerasLab(environment()) as lab:
        inspected = lab.job("inspect", "--model", EXAMPLE / "model.keras", "--out", folder)
        assert inspected == {}
        trained = lab.job(
            *("train", "--problem", EXAMPLE, "--data", EXAMPLE / "data" / "practice-east"),
            *("--epochs", "5", "--out", folder / "train.json"),
            *("--model-out", folder / "shared.keras"),
        )
        assert trained == {}
    return folder


@pytest.fixture
def personalize(problem: Problem, shared: Path, tmp_path: Path) -> list[str]:
    """The command line of `personalize`; the selector serves an example."""
    selector = problem.selectors[0]
    selector.file = (EXAMPLE / "model.keras").read_bytes()
    selector.round_files = {ROUND: (shared / "shared.keras").read_bytes()}
    selector.description = pb.DescribeReply(
        problem_id=selector.problem_id,
        problem_toml=(EXAMPLE / "problem.toml").read_text(),
        manifest_json=(shared / "manifest.json").read_text(),
        model_sha256=hashlib.sha256(selector.file).digest(),
        model_size_bytes=len(selector.file),
        state="completed",
        completed_round=ROUND,
    )
    invite = tmp_path / "clinic.invite"
    invite.write_text(Problem(problem.keys, problem.selectors[:1]).invite().text)
    return [
        *("personalize", str(invite), "--data", str(DATA), "--home", str(tmp_path / "home")),
        *("--out", str(tmp_path / "mine")),
    ]
