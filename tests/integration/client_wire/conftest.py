"""Fixtures: a problem with two scripted selectors, and a client that is not yet started."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fedota_client.attendance import Attendance
from fedota_client.dialing import Dialer
from fedota_client.home import ClientHome
from fedota_client.participation import make_member
from fedota_client.receipts.book import ReceiptBook
from fedota_client.run import ClientRun
from fedota_client.settings import ClientSettings
from fedota_client.worker_handle import WorkerHandle

from .doubles import LineDisplay, Problem, ScriptedSelector, make_keys, worker_command


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
