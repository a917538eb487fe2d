"""Who is let in, who is sent away with which words, and whose stream ends when."""

from __future__ import annotations

import time
from typing import Any

import pytest

from fedota_proto.credential import METADATA_KEY, SigningKey, new_session_id
from fedota_proto.errors import (
    AuthenticationError,
    BusyError,
    FedotaError,
    InviteError,
    SessionInUseError,
    VersionError,
)
from fedota_proto.v1 import fl_intra_pb2 as intra
from fedota_proto.v1 import fl_round_pb2 as pb
from fedota_server.authority import ProblemKeys

from .clients import Client, invite_text, translated, update
from .conftest import MakeClient, RunningSelector, StartSelector
from .scripted_coordinator import WAIT_S, ScriptedCoordinator, model


async def test_another_protocol_is_refused_in_one_sentence(client: MakeClient) -> None:
    with pytest.raises(VersionError, match="update the client") as raised:
        await client(1).hello(protocol=0)
    assert (raised.value.theirs, raised.value.ours) == (0, 1)
    with pytest.raises(VersionError, match="update the selector"):
        await client(2).hello(protocol=2)


async def test_a_new_client_is_announced_with_its_invite_and_welcomed(
    coordinator: ScriptedCoordinator, client: MakeClient, selector: RunningSelector
) -> None:
    ann = client(1)
    request = pb.CheckInRequest(
        open_tasks=[pb.OpenTask(task_id=5, update_ready=True)],
        no_evaluation=True,
        rounds_left=3,
        wants_outcome=[4],
    )
    await ann.join(request)
    opened = await coordinator.heard.one("client_open", node_id=1)
    assert opened.public_key == ann.key.public_bytes
    assert opened.session_id == ann.session_id
    assert opened.invite == ann.invite
    assert (opened.no_evaluation, opened.rounds_left) == (True, 3)
    assert list(opened.wants_outcome) == [4]
    assert list(opened.open_tasks) == list(request.open_tasks)
    welcome = ann.all("welcome")[0]
    assert welcome.version.protocol == 1
    assert len(welcome.next_challenge) == 32
    assert len(selector.state.admission) == 1
    await ann.leave()
    gone = await coordinator.heard.one("client_gone", node_id=1)
    assert (gone.stream_id, gone.reason) == (opened.stream_id, "dropped")
    assert len(selector.state.admission) == 0


async def refused(one: Client, **changed: Any) -> FedotaError:
    await one.check_in(**changed)
    await one.until_ended()
    assert one.error is not None
    assert not one.messages
    return one.error


async def test_credentials_that_do_not_fit_open_nothing(
    coordinator: ScriptedCoordinator, client: MakeClient
) -> None:
    ann = client(1)
    used = (await ann.hello()).challenge
    await ann.join()
    for method, changed in (
        ("Describe", {"challenge": b"x" * 32}),
        ("Update", {}),
        ("Describe", {"node_id": 0}),
        ("Describe", {"session_id": b"short"}),
    ):
        metadata = await ann.metadata(method, **changed)
        call = ann.stub.Describe(pb.DescribeRequest(), metadata=metadata, timeout=WAIT_S)
        with pytest.raises(AuthenticationError):
            await translated(call)
    once = await ann.metadata("Tell", challenge=used, node_id=7)
    for metadata in (once, (), ((METADATA_KEY, b"\xff\xff"),)):
        with pytest.raises((AuthenticationError, InviteError)):
            await translated(ann.stub.Tell(pb.TellRequest(), metadata=metadata, timeout=WAIT_S))
    with pytest.raises(AuthenticationError, match="unknown, used or too old"):
        await translated(ann.stub.Tell(pb.TellRequest(), metadata=once, timeout=WAIT_S))


async def test_each_bad_invite_is_refused_with_its_reason(
    coordinator: ScriptedCoordinator, client: MakeClient, keys: ProblemKeys
) -> None:
    eve = client(2)
    stranger = SigningKey.generate()
    bad = {
        "expired": invite_text(keys, 2, expires_unix_s=time.time() - 5),
        "another problem": invite_text(keys, 2, problem_id="other1"),
        "another client's": invite_text(keys, 3),
        "not made by this problem's setter": invite_text(
            keys, 2, signed_by=stranger, invite_public_key=stranger.public_bytes
        ),
        "not a whole invite": "fedota1:abc",
    }
    for reason, text in bad.items():
        error = await refused(eve, invite=text)
        assert isinstance(error, InviteError)
        assert reason in error.public_message
    error = await refused(eve, invite="")
    assert isinstance(error, AuthenticationError)
    assert not coordinator.heard.all("client_open")


async def test_a_used_invite_opens_nothing_for_another_key(
    coordinator: ScriptedCoordinator, client: MakeClient
) -> None:
    await client(1).join()
    error = await refused(client(1))
    assert isinstance(error, InviteError)
    assert "used" in error.public_message


async def test_the_coordinators_refusal_goes_down_the_stream(
    coordinator: ScriptedCoordinator, client: MakeClient, selector: RunningSelector
) -> None:
    refusal = pb.Refusal(code="session-in-use", reason="In use since noon.", retry_after_s=5.0)
    coordinator.verdict = lambda opened: intra.Verdict(stream_id=opened.stream_id, refusal=refusal)
    ann = client(1)
    await ann.check_in()
    await ann.until_ended()
    assert ann.all("refusal") == [refusal]
    assert ann.error is None
    assert len(selector.state.admission) == 0


async def test_a_newer_stream_of_the_same_process_replaces_the_older(
    coordinator: ScriptedCoordinator, client: MakeClient, selector: RunningSelector
) -> None:
    older, newer = client(1), client(1)
    newer.key, newer.session_id = older.key, older.session_id
    await older.join()
    await newer.join()
    await older.until_ended()
    assert [refusal.code for refusal in older.all("refusal")] == ["replaced"]
    await coordinator.heard.one("client_gone", node_id=1)
    assert len(selector.state.admission) == 1
    await coordinator.hand_out({11: 1}, model(0.0))
    await newer.task(11)
    assert not older.tasks


async def test_a_second_process_is_refused_while_the_first_is_pending(
    coordinator: ScriptedCoordinator, client: MakeClient
) -> None:
    coordinator.verdict = lambda opened: None
    first, second = client(1), client(1)
    second.key = first.key
    await first.check_in()
    await coordinator.heard.one("client_open", node_id=1)
    second.session_id = new_session_id()
    error = await refused(second)
    assert isinstance(error, SessionInUseError)
    assert error.since_unix_s == pytest.approx(time.time(), abs=60)


async def test_a_revoked_client_loses_its_stream_and_comes_no_more(
    coordinator: ScriptedCoordinator, client: MakeClient
) -> None:
    ann, bob = client(1), client(2)
    await ann.join()
    await bob.join()
    binding = intra.Binding(node_id=1, public_key=ann.key.public_bytes, revoked=True)
    await coordinator.send(binding=intra.BindingChange(binding=binding))
    await ann.until_ended()
    (refusal,) = ann.all("refusal")
    assert (refusal.code, refusal.retry_after_s) == ("invite", 0)
    assert not bob.ended
    ann.messages.clear()
    assert "revoked" in (await refused(ann)).public_message


async def test_no_more_clients_than_the_limit_are_held(
    coordinator: ScriptedCoordinator, keys: ProblemKeys, start_selector: StartSelector
) -> None:
    selector, port = await start_selector(held_max_clients=1)
    ann, bob, ann_again = (Client(keys, port, node) for node in (1, 2, 1))
    await ann.join()
    error = await refused(bob)
    assert isinstance(error, BusyError)
    assert error.retry_after_s > 0
    ann_again.key, ann_again.session_id = ann.key, ann.session_id
    await ann_again.join()
    await ann.until_ended()
    await ann_again.leave()
    await coordinator.heard.until(lambda: len(coordinator.heard.all("client_gone")) == 2)
    await bob.join()
    assert len(selector.state.admission) == 1
    for one in (ann, bob, ann_again):
        await one.close()


async def test_those_who_wait_can_be_sent_away(
    coordinator: ScriptedCoordinator, client: MakeClient
) -> None:
    busy, idle, named = client(1), client(2), client(3)
    for one in (busy, idle, named):
        await one.join()
    await coordinator.hand_out({11: 1}, model(0.0))
    await busy.task(11)
    later = pb.Refusal(code="paused", reason="Paused.", retry_after_s=60.0)
    await coordinator.send(refuse=intra.RefuseClients(node_ids=[3], refusal=later))
    await named.until_ended()
    assert not idle.ended
    await coordinator.send(refuse=intra.RefuseClients(refusal=later))
    await idle.until_ended()
    assert idle.all("refusal") == [later]
    assert not busy.ended


async def test_the_end_of_the_problem_is_told_to_all_and_to_those_who_come_later(
    coordinator: ScriptedCoordinator, client: MakeClient
) -> None:
    ann, bob = client(1), client(2)
    await ann.join()
    finished = pb.Finished(reason="20 rounds are done.", server_round=20)
    await coordinator.send(finished=finished)
    await ann.until_ended()
    assert ann.all("finished") == [finished]
    await bob.check_in()
    await bob.until_ended()
    assert bob.all("finished") == [finished]
    assert bob.all("welcome")


async def test_a_stopping_selector_sends_everyone_on(
    coordinator: ScriptedCoordinator, keys: ProblemKeys, start_selector: StartSelector
) -> None:
    selector, port = await start_selector()
    ann = Client(keys, port, 1)
    await ann.join()
    began = time.monotonic()
    await selector.stop()
    assert time.monotonic() - began < 5
    await ann.until_ended()
    (refusal,) = ann.all("refusal")
    assert refusal.code == "stopping"
    assert refusal.retry_after_s > 0
    await ann.close()


async def test_a_task_that_did_not_reach_its_client_has_failed(
    coordinator: ScriptedCoordinator, client: MakeClient
) -> None:
    await coordinator.heard.one("attaching")
    await coordinator.hand_out({11: 1}, model(0.0))
    failed = await coordinator.heard.one("task_failed", task_id=11)
    assert failed.code == "not-delivered"
    # the same task, handed out again once the client is here, is taken up
    ann = client(1)
    await ann.join()
    await coordinator.hand_out({11: 1}, model(0.0))
    await ann.task(11)
    ack = await ann.send(11, update(1.0))
    assert ack.status == pb.Ack.HELD


async def test_new_addresses_and_clocks_reach_everyone(
    coordinator: ScriptedCoordinator, client: MakeClient
) -> None:
    ann = client(1)
    await ann.join()
    address = pb.SelectorAddress(address="elsewhere:1", server_name="selector-2.abc123.fedota")
    await coordinator.send(selectors=intra.SelectorList(selectors=[address]))
    await ann.until(lambda: len(ann.all("welcome")) == 2)
    assert list(ann.all("welcome")[-1].selectors) == [address]
    clock = pb.Clock(stage="reporting", cohort=4, reported=2)
    await coordinator.send(clock=clock)
    assert await ann.one("clock") == clock
