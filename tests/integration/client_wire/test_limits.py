"""A client that must not work now: it says when it is back, goes, and comes back."""

from __future__ import annotations

import asyncio
import time

from fedota_client.attendance import Attendance
from fedota_client.limits.limits import Away
from fedota_client.limits.memory import resident_bytes
from fedota_client.receipts.checking import check_book
from fedota_client.settings import ClientSettings
from fedota_proto.v1 import fl_round_pb2 as pb

from .conftest import StartClient
from .doubles import WAIT_S, Problem, model_records, until


class Hours:
    """The holder's limits, as a test sets them."""

    def __init__(self) -> None:
        self.away: Away | None = None

    def attendance(self) -> Attendance:
        return Attendance(lambda: self.away, every_s=0.01)

    def close(self) -> None:
        self.away = Away(time.time() + 3600.0, "it is outside of the allowed hours and days")


async def test_it_says_when_it_is_back_and_goes(
    problem: Problem, start_client: StartClient
) -> None:
    hours = Hours()
    client = await start_client(attendance=hours.attendance())
    selector = problem.selectors[0]
    await selector.next_stream()
    await client.display.wait_for("Connected")
    hours.close()
    line = await client.display.wait_for("No work now")
    assert "outside of the allowed hours" in line
    await until(lambda: pb.TellRequest.AWAY in selector.tells)
    assert hours.away is not None
    assert selector.away_until_unix_s == hours.away.until_unix_s
    await until(lambda: selector.open_streams == 0)
    told = check_book(client.home.folder).lines[-1]
    assert (told["kind"], told["what"]) == ("told", "away")
    assert told["until_unix_s"] == hours.away.until_unix_s

    hours.away = None
    stream = await selector.next_stream()
    stream.task(1, model_records(1.0))
    assert (await selector.next_update()).header.task_id == 1


async def test_what_it_computes_is_dropped_and_what_is_there_stays(
    problem: Problem, start_client: StartClient
) -> None:
    hours = Hours()
    client = await start_client("slow", attendance=hours.attendance())
    selector = problem.selectors[0]
    stream = await selector.next_stream()
    stream.task(1, model_records(1.0))
    await until(lambda: (client.worker_folder / "task-1-life-1").exists())
    hours.close()
    await until(lambda: selector.open_streams == 0)
    hours.away = None
    stream = await selector.next_stream()
    assert list(stream.request.open_tasks) == []
    stream.task(2, model_records(1.0))
    await until(lambda: any(client.worker_folder.glob("task-2-life-*")))
    assert not any(client.worker_folder.glob("task-1-life-2"))


async def test_an_update_that_is_there_is_reported_when_it_is_back(
    problem: Problem, start_client: StartClient
) -> None:
    hours = Hours()
    await start_client(attendance=hours.attendance())
    selector = problem.selectors[0]
    stream = await selector.next_stream()
    stream.task(1, model_records(1.0))
    await selector.next_update()
    hours.close()
    await until(lambda: selector.open_streams == 0)
    hours.away = None
    stream = await selector.next_stream()
    assert [(one.task_id, one.update_ready) for one in stream.request.open_tasks] == [(1, True)]
    assert list(stream.request.wants_outcome) == [1]


async def test_outside_of_the_hours_it_does_not_even_connect(
    problem: Problem, start_client: StartClient
) -> None:
    hours = Hours()
    hours.close()
    client = await start_client(attendance=hours.attendance())
    await client.display.wait_for("No work now")
    assert problem.selectors[0].hellos == 0
    hours.away = None
    await problem.selectors[0].next_stream()


async def test_an_idle_worker_is_ended_and_started_for_the_next_task(
    problem: Problem, start_client: StartClient
) -> None:
    settings = ClientSettings(retry_first_s=0.01, worker_idle_s=0.05)
    client = await start_client(settings=settings, attendance=Hours().attendance())
    selector = problem.selectors[0]
    stream = await selector.next_stream()
    stream.task(1, model_records(1.0))
    await selector.next_update()
    await until(lambda: client.worker.pid == 0)
    stream.task(2, model_records(2.0))
    update = await selector.next_update()
    assert update.header.task_id == 2
    assert (client.worker_folder / "task-2-life-2").exists()


async def test_a_worker_beyond_its_memory_is_ended_with_one_sentence(
    problem: Problem, start_client: StartClient
) -> None:
    client = await start_client("hungry", memory_max=200 << 20)
    selector = problem.selectors[0]
    stream = await selector.next_stream()
    stream.task(1, model_records(1.0))
    update = await asyncio.wait_for(selector.next_update(), WAIT_S)
    assert update.header.failure.code == "out-of-memory"
    assert "its limit of 209.7 MB (--memory-max)" in update.header.failure.reason
    await client.display.wait_for("out-of-memory")
    assert resident_bytes(1 << 30) == 0
