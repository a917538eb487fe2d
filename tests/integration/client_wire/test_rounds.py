"""Rounds as they should go, and connections that come and go."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from fedota_client.receipts.book import ReceiptBook
from fedota_client.receipts.checking import check_book
from fedota_client.update_store import KeptUpdate
from fedota_proto.errors import FolderError, InviteError, SessionInUseError, VersionError
from fedota_proto.npy import npy_view
from fedota_proto.v1 import fl_records_pb2 as records_pb
from fedota_proto.v1 import fl_round_pb2 as pb

from .conftest import StartClient
from .doubles import WAIT_S, Problem, model_records, until


async def test_a_round_from_task_to_outcome(problem: Problem, start_client: StartClient) -> None:
    client = await start_client()
    selector = problem.selectors[0]
    stream = await selector.next_stream()
    stream.task(7, model_records(2.5))
    update = await selector.next_update()

    assert update.header.task_id == 7
    assert update.records is not None
    assert update.records.metrics == {"metrics": {"num-examples": 8, "loss": 0.5}}
    np.testing.assert_array_equal(npy_view(update.records.arrays["arrays"]["w"]), [2.5] * 4)
    assert len(update.header.update_sha256) == 32
    assert client.home.updates.kept() == [7]

    stream.send(outcome=problem.outcome(7))
    line = await client.display.wait_for("counted")
    assert line == "round 1: training counted (weight 8)"
    stream.send(finished=pb.Finished(reason="All rounds are done.", server_round=1))
    assert await asyncio.wait_for(client.running, WAIT_S) == "All rounds are done."
    assert client.home.updates.kept() == []
    checked = check_book(client.home.folder)
    assert checked.findings == []
    opened, sent, settled = checked.lines
    assert [line["kind"] for line in checked.lines] == ["opened", "sent", "outcome"]
    assert opened["node_id"] == problem.node_id
    assert sent["weight"] == 8
    assert sent["metrics"] == {"loss": 0.5}
    assert sent["bytes"] == settled["bytes"] > 16
    assert sent["update_sha256"] == update.header.update_sha256.hex()
    assert len(sent["model_in"]) == 64
    assert sent["to"] == selector.address
    assert (settled["outcome"], settled["round"]) == ("COUNTED", [1, 1, 1])


async def test_arrays_that_the_client_has_do_not_travel(
    problem: Problem, start_client: StartClient
) -> None:
    await start_client()
    selector = problem.selectors[0]
    stream = await selector.next_stream()
    first = model_records(1.0)
    digest = first.arrays["arrays"]["w"].sha256
    stream.task(1, first)
    await selector.next_update()
    stream.task(2, first, have=(digest,), message_type="evaluate")
    assert (await selector.next_update()).records is not None
    stream.end()
    stream = await selector.next_stream()
    assert list(stream.request.have) == [digest]
    stream.task(3, first, have=(digest,))
    update = await selector.next_update()
    assert update.records is not None
    np.testing.assert_array_equal(npy_view(update.records.arrays["arrays"]["w"]), [1.0] * 4)


async def test_a_large_update_travels_in_chunks(
    problem: Problem, start_client: StartClient
) -> None:
    client = await start_client()
    selector = problem.selectors[0]
    stream = await selector.next_stream()
    stream.task(1, model_records(0.5, elements=1_000_000))
    update = await selector.next_update()
    assert update.records is not None
    view = npy_view(update.records.arrays["arrays"]["w"])
    assert view.shape == (1_000_000,)
    assert float(view.sum()) == 500_000.0
    assert not update.header.payload.data
    stream.send(outcome=problem.outcome(1))
    await client.display.wait_for("counted")
    await until(lambda: not client.home.updates.kept())


async def test_one_hello_serves_many_calls(problem: Problem, start_client: StartClient) -> None:
    await start_client()
    selector = problem.selectors[0]
    stream = await selector.next_stream()
    for task_id in range(1, 6):
        stream.task(task_id, model_records(float(task_id)))
        await selector.next_update()
    assert selector.hellos == 1


async def test_the_invite_travels_until_the_key_is_bound(
    problem: Problem, start_client: StartClient
) -> None:
    client = await start_client()
    selector = problem.selectors[0]
    stream = await selector.next_stream()
    assert stream.credential.invite.startswith("fedota1:")
    await client.display.wait_for("Connected")
    stream.end()
    stream = await selector.next_stream()
    assert stream.credential.invite == ""
    assert client.home.enrolled


async def test_it_works_on_while_the_connection_is_gone_and_sends_to_another_selector(
    problem: Problem, start_client: StartClient
) -> None:
    client = await start_client(selectors=2)
    first, second = problem.selectors
    streams = {
        asyncio.create_task(first.next_stream()): first,
        asyncio.create_task(second.next_stream()): second,
    }
    done, pending = await asyncio.wait(streams, timeout=WAIT_S, return_when=asyncio.FIRST_COMPLETED)
    for other in pending:
        other.cancel()
    (chosen,) = done
    used = streams[chosen]
    other_selector = second if used is first else first
    used.hold_updates.clear()
    chosen.result().task(5, model_records(1.0))
    await client.display.wait_for("training")
    await used.stop()
    stream = await other_selector.next_stream()
    (open_task,) = stream.request.open_tasks
    assert open_task.task_id == 5
    if open_task.update_ready:
        assert list(stream.request.wants_outcome) == [5]
        stream.send(resend=pb.Resend(task_id=5))
    update = await other_selector.next_update()
    assert update.header.task_id == 5


async def test_an_update_is_sent_again_where_the_selector_lacks_it(
    problem: Problem, start_client: StartClient
) -> None:
    await start_client()
    selector = problem.selectors[0]
    stream = await selector.next_stream()
    stream.task(9, model_records(3.0))
    first = await selector.next_update()
    stream.end()
    stream = await selector.next_stream()
    assert [(one.task_id, one.update_ready) for one in stream.request.open_tasks] == [(9, True)]
    stream.send(resend=pb.Resend(task_id=9))
    again = await selector.next_update()
    assert again.header.update_sha256 == first.header.update_sha256
    assert again.records is not None
    np.testing.assert_array_equal(npy_view(again.records.arrays["arrays"]["w"]), [3.0] * 4)


async def test_another_process_sends_what_the_last_one_kept(
    problem: Problem, start_client: StartClient
) -> None:
    client = await start_client()
    selector = problem.selectors[0]
    stream = await selector.next_stream()
    stream.task(9, model_records(3.0))
    first = await selector.next_update()
    client.running.cancel()
    await asyncio.wait([client.running], timeout=WAIT_S)
    assert selector.tells == [pb.TellRequest.STOPPING]

    client = await start_client()
    stream = await selector.next_stream()
    assert [(one.task_id, one.update_ready) for one in stream.request.open_tasks] == [(9, True)]
    stream.send(resend=pb.Resend(task_id=9))
    again = await selector.next_update()
    assert again.header.update_sha256 == first.header.update_sha256
    stream.send(outcome=problem.outcome(9, pb.LATE))
    await client.display.wait_for("came too late")
    assert client.home.updates.kept() == []


async def test_an_outcome_that_nobody_signed_is_ignored(
    problem: Problem, start_client: StartClient
) -> None:
    client = await start_client()
    selector = problem.selectors[0]
    stream = await selector.next_stream()
    stream.task(9, model_records(3.0))
    await selector.next_update()
    stream.send(outcome=problem.outcome(9, signed=False))
    await client.display.wait_for("did not sign")
    assert client.home.updates.kept() == [9]


async def test_it_leaves_after_the_wanted_rounds_and_their_evaluation(
    problem: Problem, start_client: StartClient
) -> None:
    client = await start_client(rounds_wanted=1, selectors=1)
    selector = problem.selectors[0]
    stream = await selector.next_stream()
    assert stream.request.rounds_left == 1
    stream.task(1, model_records(1.0))
    await selector.next_update()
    stream.send(outcome=problem.outcome(1))
    stream.task(2, model_records(1.0), message_type="evaluate")
    await selector.next_update()
    assert not client.running.done()
    stream.send(outcome=problem.outcome(2, message_type="evaluate"))
    reason = await asyncio.wait_for(client.running, WAIT_S)
    assert reason == "counted in 1 round, as asked"
    assert selector.tells == [pb.TellRequest.STOPPING]


async def test_without_evaluation_it_leaves_at_once(
    problem: Problem, start_client: StartClient
) -> None:
    client = await start_client(rounds_wanted=1, evaluates=False)
    selector = problem.selectors[0]
    stream = await selector.next_stream()
    assert stream.request.no_evaluation
    stream.task(1, model_records(1.0))
    await selector.next_update()
    stream.send(outcome=problem.outcome(1))
    await asyncio.wait_for(client.running, WAIT_S)


async def test_new_addresses_are_learned(problem: Problem, start_client: StartClient) -> None:
    first, second = problem.selectors
    first.welcome = pb.Welcome(
        selectors=[
            pb.SelectorAddress(
                address=second.address, server_name=f"selector-2.{second.problem_id}.fedota"
            )
        ]
    )
    client = await start_client(selectors=1)
    await first.next_stream()
    await client.display.wait_for("Connected")
    await first.stop()
    await second.next_stream()


async def test_a_final_refusal_ends_it_with_its_reason(
    problem: Problem, start_client: StartClient
) -> None:
    client = await start_client()
    stream = await asyncio.wait_for(problem.selectors[0].streams.get(), WAIT_S)
    stream.send(refusal=pb.Refusal(code="invite", reason="Your membership was revoked."))
    with pytest.raises(InviteError, match="revoked"):
        await asyncio.wait_for(client.running, WAIT_S)


async def test_a_passing_refusal_is_waited_out(problem: Problem, start_client: StartClient) -> None:
    client = await start_client()
    selector = problem.selectors[0]
    stream = await asyncio.wait_for(selector.streams.get(), WAIT_S)
    stream.send(refusal=pb.Refusal(code="busy", reason="Full.", retry_after_s=0.01))
    await selector.next_stream()
    assert any(line.startswith("Full.") for line in client.display.lines)


async def test_an_id_in_use_is_waited_out(problem: Problem, start_client: StartClient) -> None:
    selector = problem.selectors[0]
    selector.refuse_with = SessionInUseError("It is in use since noon.")
    client = await start_client()
    await client.display.wait_for("in use since noon")
    selector.refuse_with = None
    await selector.next_stream()


async def test_a_used_invite_ends_it(problem: Problem, start_client: StartClient) -> None:
    problem.selectors[0].refuse_with = InviteError("This invite is used.")
    client = await start_client()
    with pytest.raises(InviteError, match="used"):
        await asyncio.wait_for(client.running, WAIT_S)


async def test_another_protocol_ends_it(problem: Problem, start_client: StartClient) -> None:
    problem.selectors[0].protocol = 99
    client = await start_client()
    with pytest.raises(VersionError, match=r"protocol 99.*update this client"):
        await asyncio.wait_for(client.running, WAIT_S)


async def test_a_broken_task_is_no_end(problem: Problem, start_client: StartClient) -> None:
    client = await start_client()
    selector = problem.selectors[0]
    stream = await selector.next_stream()
    payload = records_pb.Payload(follows=[3, 1])
    stream.send(task=pb.Task(task_id=1, message_type="train", payload=payload))
    await client.display.wait_for("unsorted")
    assert not client.running.done()


async def test_a_clock_that_is_wrong_by_a_day_is_told_once_and_hinders_nothing(
    problem: Problem, start_client: StartClient
) -> None:
    selector = problem.selectors[0]
    selector.clock_ahead_s = 86_400.0
    client = await start_client()
    stream = await selector.next_stream()
    line = await client.display.wait_for("clock")
    assert line.startswith("This machine's clock is 1 day behind the platform's: set it")
    stream.end()
    stream = await selector.next_stream()
    stream.task(1, model_records(1.0))
    await selector.next_update()
    assert len([line for line in client.display.lines if "clock" in line]) == 1


async def test_nothing_leaves_without_a_receipt(
    problem: Problem, start_client: StartClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: ReceiptBook, update: KeptUpdate, address: str) -> None:
        raise FolderError("The receipts cannot be written (No space left on device).")

    monkeypatch.setattr(ReceiptBook, "sending", full)
    client = await start_client()
    selector = problem.selectors[0]
    stream = await selector.next_stream()
    stream.task(1, model_records(1.0))
    line = await client.display.wait_for("cannot be sent")
    assert "No space left on device" in line
    assert selector.updates.empty()
    # The next update is tried again.
    monkeypatch.undo()
    stream.task(2, model_records(2.0))
    assert (await selector.next_update()).header.task_id == 2
