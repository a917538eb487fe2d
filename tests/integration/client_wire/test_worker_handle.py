"""The worker's process: started once, and what happens when it misbehaves."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np
import pytest

from fedota_client import worker_handle
from fedota_client.failures import TaskFailedError
from fedota_client.worker_handle import Loaded, Progress, WorkerHandle, WorkResult
from fedota_client.worker_protocol import payload_parts, payload_records, payload_sha256
from fedota_proto.errors import DataError, WorkerError
from fedota_proto.npy import npy_view

from .doubles import WAIT_S, model_records, until, worker_command

MakeWorker = Callable[..., WorkerHandle]


@pytest.fixture
async def make_worker(tmp_path: Path) -> AsyncIterator[MakeWorker]:
    made: list[WorkerHandle] = []

    def make(mode: str, **more: object) -> WorkerHandle:
        command = worker_command(mode, tmp_path / "worker")
        handle = WorkerHandle({"mode": "fake"}, command=command, **more)  # type: ignore[arg-type]
        made.append(handle)
        return handle

    yield make
    for handle in made:
        await handle.close()


async def work(handle: WorkerHandle, task_id: int, timeout_s: float = WAIT_S) -> WorkResult:
    return await handle.work(
        {"task_id": task_id, "message_type": "train", "round": {}, "node_id": 1},
        payload_parts(model_records(float(task_id))),
        timeout_s=timeout_s,
    )


def lives(tmp_path: Path) -> int:
    return len(list((tmp_path / "worker").glob("life-*")))


async def test_it_is_started_once_and_kept_warm(make_worker: MakeWorker, tmp_path: Path) -> None:
    handle = make_worker("obedient")
    assert await handle.start() == Loaded(10, 8, 2, "nothing")
    for task_id in (1, 2, 3):
        result = await work(handle, task_id)
        records = payload_records(result.payload)
        view = npy_view(records.arrays["arrays"]["w"])
        np.testing.assert_array_equal(view, [float(task_id)] * 4)
        assert result.update_sha256 == payload_sha256([result.payload])
    assert lives(tmp_path) == 1


async def test_a_large_payload_goes_there_and_back(make_worker: MakeWorker) -> None:
    handle = make_worker("obedient")
    await handle.start()
    parts = payload_parts(model_records(0.25, elements=3_000_000))
    result = await handle.work({"task_id": 1}, parts, timeout_s=WAIT_S)
    view = npy_view(payload_records(result.payload).arrays["arrays"]["w"])
    assert view.nbytes == 12_000_000
    assert float(view.sum()) == 750_000.0


async def test_progress_is_passed_on(make_worker: MakeWorker) -> None:
    handle = make_worker("obedient")
    await handle.start()
    seen: list[Progress] = []
    await handle.work(
        {"task_id": 1}, payload_parts(model_records(1.0)), timeout_s=WAIT_S, on_progress=seen.append
    )
    assert seen == [Progress(1, 1, 1, 1, 0.5)]


async def test_what_it_writes_to_standard_error_is_passed_on(make_worker: MakeWorker) -> None:
    lines: list[str] = []
    handle = make_worker("obedient", on_output=lines.append)
    await handle.start()
    await handle.close()
    assert lines == ["the worker says hello"]


async def test_what_its_load_refuses_is_raised(make_worker: MakeWorker) -> None:
    with pytest.raises(DataError, match=r"patients\.csv"):
        await make_worker("refusing").start()


async def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    handle = WorkerHandle({}, command=(str(tmp_path / "nothing"),))
    with pytest.raises(WorkerError, match="cannot be started"):
        await handle.start()
    await handle.close()


async def test_a_program_that_ends_before_it_has_loaded() -> None:
    handle = WorkerHandle({}, command=("true",))
    with pytest.raises(WorkerError, match="ended by itself"):
        await handle.start()
    await handle.close()


@pytest.mark.parametrize(
    ("mode", "code", "words"),
    [
        ("crashing-once", "crashed", "SIGABRT"),
        ("killed-once", "out-of-memory", "memory ran out"),
        ("babbling", "crashed", "broke its protocol"),
    ],
)
async def test_a_death_is_a_failed_task_and_the_next_one_is_done(
    make_worker: MakeWorker, tmp_path: Path, mode: str, code: str, words: str
) -> None:
    handle = make_worker(mode)
    await handle.start()
    with pytest.raises(TaskFailedError, match=words) as failed:
        await work(handle, 1)
    assert failed.value.code == code
    assert (await work(handle, 2)).payload.nbytes > 0
    assert lives(tmp_path) == 2


async def test_one_that_died_idle_is_started_for_the_next_task(
    make_worker: MakeWorker, tmp_path: Path
) -> None:
    handle = make_worker("dying-idle")
    await handle.start()
    await work(handle, 1)
    process = handle._process
    assert process is not None
    await asyncio.wait_for(process.wait(), WAIT_S)
    assert (await work(handle, 2)).payload.nbytes > 0
    assert lives(tmp_path) == 2


async def test_one_that_took_long_to_load_is_kept_for_several_times_as_long(
    make_worker: MakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_handle, "LONG_LOAD_S", 0.0)
    monkeypatch.setattr(worker_handle, "LOADS_WORTH", 1e6)
    handle = make_worker("good")
    await handle.start()
    await work(handle, 1)
    assert not handle.rest(1e-9)
    assert handle.rest(0.0)  # it must go: no work is allowed


async def test_a_failed_task_is_told_with_its_reason(make_worker: MakeWorker) -> None:
    handle = make_worker("failing")
    await handle.start()
    with pytest.raises(TaskFailedError, match="NaN") as failed:
        await work(handle, 1)
    assert failed.value.code == "diverged"


async def cancelled_work(handle: WorkerHandle, marker: Path) -> None:
    working = asyncio.create_task(work(handle, 1))
    await until(marker.exists)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working


async def test_a_worker_that_heeds_a_cancel_stays(make_worker: MakeWorker, tmp_path: Path) -> None:
    handle = make_worker("slow")
    await handle.start()
    await cancelled_work(handle, tmp_path / "worker" / "task-1-life-1")
    assert (await work(handle, 2)).payload.nbytes > 0
    assert lives(tmp_path) == 1


async def test_a_worker_that_does_not_is_killed(
    make_worker: MakeWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_handle, "_CANCEL_S", 0.01)
    handle = make_worker("stubborn")
    await handle.start()
    first = handle._process
    await cancelled_work(handle, tmp_path / "worker" / "task-1-life-1")
    assert first is not None
    await asyncio.wait_for(first.wait(), WAIT_S)
    assert await handle.start() == Loaded(10, 8, 2, "nothing")
    assert lives(tmp_path) == 2


async def test_the_deadline_ends_the_work(
    make_worker: MakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_handle, "_CANCEL_S", 0.01)
    handle = make_worker("stubborn")
    await handle.start()
    with pytest.raises(TaskFailedError, match="deadline") as failed:
        await work(handle, 1, timeout_s=0.05)
    assert failed.value.code == "deadline"


async def test_close_leaves_no_process_and_no_descriptor(make_worker: MakeWorker) -> None:
    before = set(os.listdir("/proc/self/fd"))
    handle = make_worker("obedient")
    await handle.start()
    await work(handle, 1)
    process = handle._process
    await handle.close()
    assert process is not None
    assert process.returncode == 0
    assert len(set(os.listdir("/proc/self/fd")) - before) <= 1  # the loop's child watcher
