"""The coordinator's stream is lost and comes back; the clients stay."""

from __future__ import annotations

from fedota_proto.records import npy_view
from fedota_proto.v1 import fl_intra_pb2 as intra
from fedota_proto.v1 import fl_records_pb2 as records_pb
from fedota_proto.v1 import fl_round_pb2 as pb
from fedota_server.authority import ProblemKeys

from .clients import Client, update
from .conftest import MakeClient, StartSelector
from .scripted_coordinator import SPECS, ScriptedCoordinator, model, round_key


def expected(
    task_id: int, node_id: int, *, mean: bool = True, resend: bool = True
) -> intra.ExpectedTask:
    return intra.ExpectedTask(
        task_id=task_id,
        node_id=node_id,
        round=round_key(1),
        message_type="train",
        deadline_s=30.0,
        mean=mean,
        checked=True,
        resend=resend,
        expect=[records_pb.ArraySpec(name=n, dtype=d, shape=s) for n, d, s in SPECS],
    )


async def test_in_the_same_epoch_everything_held_stays_and_is_told_again(
    coordinator: ScriptedCoordinator, client: MakeClient
) -> None:
    ann, bob, cid = client(1), client(2), client(3)
    for one in (ann, bob, cid):
        await one.join()
    await coordinator.hand_out({11: 1, 12: 2, 13: 3}, model(0.0))
    for one, task_id in ((ann, 11), (bob, 12), (cid, 13)):
        await one.task(task_id)
    await ann.send(11, update(1.0, 10), sha256=b"a" * 32)
    await bob.send(12, update(1.0, -1))
    await coordinator.break_stream()
    held = await coordinator.heard.one("held", task_id=11)
    assert held.update_sha256 == b"a" * 32
    await coordinator.heard.one("rejected", task_id=12)
    opened = await coordinator.heard.one("client_open", node_id=1)
    assert list(opened.open_tasks) == [pb.OpenTask(task_id=11, update_ready=True)]
    assert not opened.invite
    opened = await coordinator.heard.one("client_open", node_id=3)
    assert list(opened.open_tasks) == [pb.OpenTask(task_id=13)]
    kinds = [m.WhichOneof("body") for m in coordinator.heard.messages]
    assert kinds.index("held") < kinds.index("client_open")
    await cid.send(13, update(3.0, 10))
    partial, mean = await coordinator.close()
    assert [entry.task_id for entry in partial.entries] == [11, 13]
    assert all((npy_view(a) == 2.0).all() for a in mean.arrays["arrays"].values())
    assert not any(one.ended for one in (ann, bob, cid))
    assert len(ann.all("welcome")) == 1


async def test_an_update_is_held_while_the_coordinator_is_away(
    coordinator: ScriptedCoordinator, client: MakeClient
) -> None:
    ann, bob = client(1), client(2)
    for one in (ann, bob):
        await one.join()
    await coordinator.hand_out({11: 1}, model(0.0))
    await coordinator.hand_out({12: 2}, model(0.0), message_type="query", mean=False)
    await ann.task(11)
    await bob.task(12)
    await coordinator.stop()
    assert (await ann.send(11, update(3.0))).status == pb.Ack.HELD
    assert (await bob.send(12, update(4.0))).status == pb.Ack.HELD
    coordinator.heard.messages.clear()
    await coordinator.start()
    await coordinator.heard.one("held", task_id=11)
    await coordinator.heard.transfer("forward", task_id=12)
    partial, mean = await coordinator.close()
    assert [entry.task_id for entry in partial.entries] == [11]
    assert all((npy_view(a) == 3.0).all() for a in mean.arrays["arrays"].values())
    kinds = [m.WhichOneof("body") for m in coordinator.heard.messages]
    assert kinds.count("forward") == 1


async def test_who_left_while_the_coordinator_was_away_is_told_in_the_same_epoch(
    coordinator: ScriptedCoordinator, client: MakeClient
) -> None:
    ann, bob = client(1), client(2)
    await ann.join()
    await bob.join()
    opened = await coordinator.heard.one("client_open", node_id=1)
    await coordinator.stop()
    await ann.leave()
    await coordinator.start()
    gone = await coordinator.heard.one("client_gone", node_id=1)
    assert gone.stream_id == opened.stream_id
    await coordinator.heard.until(
        lambda: len([o for o in coordinator.heard.all("client_open") if o.node_id == 2]) == 2
    )


async def test_a_new_epoch_voids_what_was_held_and_takes_it_again(
    coordinator: ScriptedCoordinator, client: MakeClient
) -> None:
    ann = client(1)
    await ann.join()
    await coordinator.hand_out({11: 1}, model(0.0))
    await ann.task(11)
    await ann.send(11, update(1.0))
    coordinator.epoch = 2

    def verdict(opened: intra.ClientOpen) -> intra.Verdict:
        assert [(t.task_id, t.update_ready) for t in opened.open_tasks] == [(11, True)]
        return intra.Verdict(stream_id=opened.stream_id, accepted=True, expected=[expected(11, 1)])

    coordinator.verdict = verdict
    await coordinator.break_stream()
    resend = await ann.one("resend")
    assert resend.task_id == 11
    assert not coordinator.heard.all("held")
    ack = await ann.send(11, update(5.0))
    assert ack.status == pb.Ack.HELD
    partial, mean = await coordinator.close()
    assert len(partial.entries) == 1
    assert all((npy_view(a) == 5.0).all() for a in mean.arrays["arrays"].values())


async def test_a_restarted_coordinator_finds_its_clients_and_begins_anew(
    coordinator: ScriptedCoordinator, client: MakeClient
) -> None:
    ann, bob = client(1), client(2)
    await ann.join()
    await bob.join()
    await coordinator.hand_out({11: 1, 12: 2}, model(0.0))
    await ann.task(11)
    await bob.task(12)
    await ann.send(11, update(9.0))

    def verdict(opened: intra.ClientOpen) -> intra.Verdict:
        outcome = pb.Outcome(
            task_id=opened.open_tasks[0].task_id, round=round_key(1), kind=pb.ROUND_ABANDONED
        )
        return intra.Verdict(stream_id=opened.stream_id, accepted=True, outcomes=[outcome])

    coordinator.verdict = verdict
    await coordinator.restart(b"run-2")
    assert (await ann.one("outcome")).kind == pb.ROUND_ABANDONED
    assert (await bob.one("outcome")).task_id == 12
    await coordinator.hand_out({21: 1, 22: 2}, model(0.0))
    await ann.task(21)
    await bob.task(22)
    await ann.send(21, update(1.0))
    await bob.send(22, update(3.0))
    partial, mean = await coordinator.close()
    assert [entry.task_id for entry in partial.entries] == [21, 22]
    assert all((npy_view(a) == 2.0).all() for a in mean.arrays["arrays"].values())
    assert not ann.ended
    assert not bob.ended
    old = await ann.send(11, update(9.0))
    assert (old.status, old.code) == (pb.Ack.REJECTED, "unknown-task")


async def test_check_ins_wait_for_a_coordinator_that_is_away(
    coordinator: ScriptedCoordinator, keys: ProblemKeys, start_selector: StartSelector
) -> None:
    await coordinator.stop()
    selector, port = await start_selector()
    ann = Client(keys, port, 1)
    await ann.check_in()
    await coordinator.start()
    await ann.until(lambda: ann.all("welcome"))
    assert selector.state.is_attached
    # pending ones are announced again too
    coordinator.verdict = lambda opened: None
    bob = Client(keys, port, 2)
    await bob.check_in()
    await coordinator.heard.one("client_open", node_id=2)
    coordinator.verdict = coordinator.accept
    await coordinator.break_stream()
    await bob.until(lambda: bob.all("welcome"))
    for one in (ann, bob):
        await one.close()


async def test_a_forward_that_was_cut_off_goes_up_again(
    coordinator: ScriptedCoordinator, client: MakeClient
) -> None:
    ann = client(1)
    await ann.join()
    await coordinator.hand_out({11: 1}, model(0.0), mean=False)
    await ann.task(11)
    await ann.send(11, update(1.0))
    await coordinator.heard.transfer("forward", task_id=11)
    await coordinator.break_stream()
    await coordinator.heard.one("held", task_id=11)
    # it was sent whole, as far as the selector knows: only the coordinator can ask for it
    await coordinator.send(
        to_client=intra.ToClient(node_id=1, expected=expected(11, 1, mean=False))
    )
    assert (await ann.one("resend")).task_id == 11
    ack = await ann.send(11, update(1.0))
    assert ack.status == pb.Ack.HELD
    await coordinator.heard.transfer("forward", task_id=11)


async def test_a_content_that_makes_no_sense_begins_a_new_instance(
    coordinator: ScriptedCoordinator, client: MakeClient
) -> None:
    ann = client(1)
    await ann.join()
    first = await coordinator.heard.one("attaching")
    coordinator.heard.messages.clear()
    coordinator.epoch = 2
    await coordinator.send(hand_out=intra.HandOut(content_id=999))
    again = await coordinator.heard.one("attaching")
    assert again.epoch == 0
    assert again.instance_id != first.instance_id
    await coordinator.heard.one("client_open", node_id=1)
    await coordinator.hand_out({11: 1}, model(0.0))
    await ann.task(11)
    assert not ann.ended


async def test_a_dropped_round_may_begin_again(
    coordinator: ScriptedCoordinator, client: MakeClient
) -> None:
    ann, bob = client(1), client(2)
    await ann.join()
    await bob.join()
    await coordinator.hand_out({11: 1, 12: 2}, model(0.0))
    await ann.task(11)
    await bob.task(12)
    await ann.send(11, update(9.0))
    await coordinator.send(drop=intra.DropTasks(round=round_key(1)))
    for node_id, task_id in ((1, 11), (2, 12)):
        await coordinator.send(
            to_client=intra.ToClient(node_id=node_id, expected=expected(task_id, node_id))
        )
    await ann.one("resend")
    await bob.one("resend")
    await ann.send(11, update(1.0))
    await bob.send(12, update(2.0))
    partial, mean = await coordinator.close()
    assert [entry.task_id for entry in partial.entries] == [11, 12]
    assert all((npy_view(a) == 1.5).all() for a in mean.arrays["arrays"].values())
