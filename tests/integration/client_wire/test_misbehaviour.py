"""Workers that die or refuse, tasks that are cancelled, sends that break."""

from __future__ import annotations

import asyncio

import pytest

from fedota_client import run as client_run
from fedota_client import worker_handle
from fedota_proto.errors import StreamError, UnreachableError
from fedota_proto.v1 import fl_round_pb2 as pb

from .conftest import StartClient
from .doubles import WAIT_S, Problem, model_records, until


@pytest.mark.parametrize(
    ("mode", "code"), [("crashing-once", "crashed"), ("killed-once", "out-of-memory")]
)
async def test_a_dead_worker_is_a_failed_task_and_the_client_goes_on(
    problem: Problem, start_client: StartClient, mode: str, code: str
) -> None:
    client = await start_client(mode)
    selector = problem.selectors[0]
    stream = await selector.next_stream()
    stream.task(1, model_records(1.0))
    failed = await selector.next_update()
    assert failed.header.failure.code == code
    assert "client.log" not in failed.header.failure.reason
    stream.task(2, model_records(1.0))
    update = await selector.next_update()
    assert update.header.task_id == 2
    assert update.records is not None
    await until(lambda: client.home.updates.kept() == [2])


async def test_a_cancelled_task_brings_nothing_and_the_next_is_done(
    problem: Problem, start_client: StartClient
) -> None:
    client = await start_client("slow")
    selector = problem.selectors[0]
    stream = await selector.next_stream()
    stream.task(1, model_records(1.0))
    await until((client.worker_folder / "task-1-life-1").exists)
    stream.send(cancel=pb.Cancel(task_ids=[1], reason="The round is over."))
    stream.task(2, model_records(1.0), server_round=2)
    assert (await selector.next_update()).header.task_id == 2
    assert client.home.updates.kept() == [2]


async def test_work_beyond_its_deadline_is_a_failed_task(
    problem: Problem, start_client: StartClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_handle, "_CANCEL_S", 0.01)
    monkeypatch.setattr(client_run, "_GRACE_S", 0.0)
    await start_client("stubborn")
    selector = problem.selectors[0]
    stream = await selector.next_stream()
    stream.task(1, model_records(1.0), deadline_s=0.05)
    assert (await selector.next_update()).header.failure.code == "deadline"


async def test_tasks_are_done_one_after_the_other(
    problem: Problem, start_client: StartClient
) -> None:
    await start_client()
    selector = problem.selectors[0]
    stream = await selector.next_stream()
    for task_id in (3, 1, 2):
        stream.task(task_id, model_records(float(task_id)))
    ids = [(await selector.next_update()).header.task_id for _ in range(3)]
    assert sorted(ids) == [1, 2, 3]


@pytest.mark.parametrize(("ahead_s", "way"), [(86_400.0, "behind"), (-86_400.0, "ahead of")])
async def test_a_clock_that_is_wrong_by_a_day_is_told_once(
    problem: Problem, start_client: StartClient, ahead_s: float, way: str
) -> None:
    selector = problem.selectors[0]
    selector.clock_ahead_s = ahead_s
    client = await start_client()
    line = await client.display.wait_for("clock")
    assert line.startswith(f"This machine's clock is 1 day {way} the platform's: set it")
    (await selector.next_stream()).end()
    # It goes on as ever, and says so no more.
    (await selector.next_stream()).task(1, model_records(1.0))
    assert (await selector.next_update()).header.task_id == 1
    assert client.display.lines.count(line) == 1


async def test_a_send_that_breaks_is_repeated_and_never_doubled(
    problem: Problem, start_client: StartClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_run, "_SEND_AGAIN_FIRST_S", 0.01)
    await start_client()
    selector = problem.selectors[0]
    stream = await selector.next_stream()
    selector.refuse_with = UnreachableError("The coordinator is away.")
    stream.task(1, model_records(1.0))
    await until(lambda: [method for method, _ in selector.calls].count("Update") >= 3)
    selector.refuse_with = None
    stream.send(resend=pb.Resend(task_id=1))
    assert (await selector.next_update()).header.task_id == 1
    assert selector.in_flight_most <= 1


async def test_a_resend_while_it_is_sent_sends_nothing_more(
    problem: Problem, start_client: StartClient
) -> None:
    client = await start_client()
    selector = problem.selectors[0]
    stream = await selector.next_stream()
    selector.hold_updates.clear()
    stream.task(1, model_records(1.0))
    await until(lambda: selector.in_flight == 1)
    stream.send(resend=pb.Resend(task_id=1))
    stream.task(2, model_records(2.0))
    await until(lambda: client.home.updates.kept() == [1, 2])
    selector.hold_updates.set()
    ids = [(await selector.next_update()).header.task_id for _ in range(2)]
    assert sorted(ids) == [1, 2]
    assert selector.updates.empty()


async def test_a_rejection_is_told_and_waits_for_its_outcome(
    problem: Problem, start_client: StartClient
) -> None:
    client = await start_client()
    selector = problem.selectors[0]
    selector.ack = lambda header: pb.Ack(
        status=pb.Ack.REJECTED, code="not-finite", reason="The array w holds a NaN."
    )
    stream = await selector.next_stream()
    stream.task(1, model_records(1.0))
    await selector.next_update()
    await client.display.wait_for("rejected (not-finite): The array w holds a NaN.")
    assert client.home.updates.kept() == [1]
    stream.send(outcome=problem.outcome(1, pb.REJECTED))
    await until(lambda: client.home.updates.kept() == [])


async def test_an_update_that_cannot_be_read_by_anyone_is_given_up(
    problem: Problem, start_client: StartClient
) -> None:
    client = await start_client()
    selector = problem.selectors[0]
    stream = await selector.next_stream()
    selector.refuse_with = StreamError("The table is malformed.")
    stream.task(1, model_records(1.0))
    await client.display.wait_for("cannot be sent: The table is malformed.")
    await until(lambda: client.home.updates.kept() == [])


async def test_an_unreachable_selector_is_given_up_if_it_never_answered(
    problem: Problem, start_client: StartClient
) -> None:
    from fedota_client.settings import ClientSettings

    await problem.selectors[0].stop()
    settings = ClientSettings(retry_first_s=0.01, retry_most_s=0.02, connect_timeout_s=0.2)
    client = await start_client(settings=settings)
    with pytest.raises(UnreachableError, match=r"No selector answered within 0\.2 s"):
        await asyncio.wait_for(client.running, WAIT_S)
    assert any("does not answer" in line for line in client.display.lines)


async def test_one_that_was_reached_is_waited_for(
    problem: Problem, start_client: StartClient
) -> None:
    from fedota_client.settings import ClientSettings

    settings = ClientSettings(retry_first_s=0.01, retry_most_s=0.02, connect_timeout_s=0.2)
    client = await start_client(settings=settings)
    selector = problem.selectors[0]
    await selector.next_stream()
    await client.display.wait_for("Connected")
    await selector.stop()
    await client.display.wait_for("Trying again")
    await asyncio.wait([client.running], timeout=0.4)
    assert not client.running.done()
