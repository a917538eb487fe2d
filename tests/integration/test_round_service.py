"""The webserver answers clients of problems whose selectors do not run; real clients use it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from support.holder import Holder
from support.programs import command
from support.waiting import until
from support.web_world import PROBLEM, MakeWebWorld, WebWorld

from fedota_client.connection import Member as Caller
from fedota_client.connection import SelectorLink
from fedota_proto.credential import ClientKey, new_session_id, verify_outcome
from fedota_proto.errors import (
    AuthenticationError,
    BusyError,
    CheckpointError,
    ConflictError,
    FedotaError,
    InviteError,
    NotFoundError,
)
from fedota_proto.invite import Invite, sign_invite
from fedota_proto.tls import WEBSERVER_NAME
from fedota_proto.v1 import fl_round_pb2 as pb
from fedota_server.webserver.tables import ClientRow, CommandRow
from fedota_server.webserver.views import AttendanceView

MODEL_MAX_BYTES = 10 << 20


@asynccontextmanager
async def calling(
    invite: Invite, key: ClientKey | None = None, *, with_invite: bool = True
) -> AsyncIterator[SelectorLink]:
    """Call the webserver at the address in an invite."""
    caller = Caller(
        key or ClientKey.generate(),
        invite.problem_id,
        invite.node_id,
        new_session_id(),
        invite=invite.text if with_invite else "",
    )
    link = SelectorLink(
        invite.webserver, WEBSERVER_NAME, invite.ca_pem.encode(), caller, release="test"
    )
    await link.hello()
    yield link
    await link.close()


async def completed(make_web_world: MakeWebWorld) -> tuple[WebWorld, Holder, Holder]:
    """Train a problem to its end, and wait until its servers rest."""
    world = await make_web_world(rounds=2)
    await world.start_webserver()
    world.web.problems.start(world.setter, PROBLEM)
    await world.state_of("selector-1", "running")
    world.take_part("west")  # and never comes
    north, south = await world.holder("north"), await world.holder("south")
    for server_round in (1, 2):
        await asyncio.gather(north.train(server_round), south.train(server_round))
    await world.status("completed")
    await world.comes(lambda: world.problem.wanted == "stopped", "that the servers may rest")
    await until(lambda: not world.pids(), "an end of all servers")
    return world, north, south


async def fetched(link: SelectorLink, request: pb.FetchRequest, place: Path) -> bytes:
    """Fetch a file, and check the hash that came with it."""
    out = place / "fetched.keras"
    sha256 = await link.fetch(request, out, max_bytes=MODEL_MAX_BYTES)
    data = out.read_bytes()
    assert hashlib.sha256(data).hexdigest() == sha256
    return data


async def assert_tells_everything(world: WebWorld, holder: Holder) -> None:
    """Check what a member of a completed problem gets: description, outcomes, models."""
    async with calling(holder.invite, holder.key, with_invite=False) as link:
        description = await link.describe()
        assert (description.state, description.completed_round) == ("completed", 2)
        assert description.problem_id == PROBLEM
        assert description.problem_toml == (world.folder.folder / "problem.toml").read_text()
        assert description.manifest_json == world.folder.manifest_path.read_text()
        assert list(description.selectors) == []
        kinds = [(one.round.server_round, one.message_type) for one in description.outcomes]
        assert kinds == [(1, "train"), (1, "evaluate"), (2, "train"), (2, "evaluate")]
        for outcome in description.outcomes:
            assert outcome.kind == pb.COUNTED
            assert verify_outcome(
                holder.invite.receipt_public_key, PROBLEM, holder.invite.node_id, outcome
            )
        place = world.place
        model = await fetched(link, pb.FetchRequest(model_file=True), place)
        assert model == world.folder.model_path().read_bytes()
        for server_round in (1, 2):
            out = world.place / f"exported-{server_round}.keras"
            world.web.problems.export_model(world.setter, PROBLEM, out, server_round)
            got = await fetched(link, pb.FetchRequest(server_round=server_round), place)
            assert got == out.read_bytes()
        with pytest.raises(CheckpointError, match="Round 3"):
            await fetched(link, pb.FetchRequest(server_round=3), place)
    left = [path.name for path in world.folder.state.iterdir() if path.name.startswith("tmp")]
    assert left == []


async def test_members_of_a_completed_problem_are_answered_also_after_a_restart(
    make_web_world: MakeWebWorld,
) -> None:
    world, north, south = await completed(make_web_world)
    await assert_tells_everything(world, north)
    await world.stop_webserver()
    await world.start_webserver()
    assert world.pids() == {}
    await assert_tells_everything(world, south)


async def test_whoever_leaves_a_completed_problem_is_out_for_good(
    make_web_world: MakeWebWorld,
) -> None:
    world, north, _ = await completed(make_web_world)
    async with calling(north.invite, north.key, with_invite=False) as link:
        await link.tell(pb.TellRequest.READY)
        await link.tell(pb.TellRequest.LEAVING)
        with pytest.raises(InviteError, match="has ended"):
            await link.describe()
    rows = {row.node_id: row for row in world.rows(ClientRow)}
    assert rows[north.invite.node_id].last_change == "left"
    # The coordinator hears of it as soon as there is one.
    (revoke,) = [row for row in world.rows(CommandRow) if row.what == "revoke"]
    assert (revoke.value, revoke.answered_unix_s) == (north.invite.node_id, None)
    world.web.problems.roll_back(world.setter, PROBLEM, 1)
    answer = await world.answer(revoke.id)
    assert answer.done
    bindings = (world.folder.coordinator_folder / "bindings.jsonl").read_text().splitlines()
    assert f'"node_id":{north.invite.node_id}' in bindings[-1]
    assert '"ended":"revoked"' in bindings[-1]
    assert {row.node_id: row.last_change for row in world.rows(ClientRow)}[
        north.invite.node_id
    ] == "left"


async def test_who_is_not_who_it_says_gets_nothing(make_web_world: MakeWebWorld) -> None:
    world = await make_web_world(rounds=2)
    await world.start_webserver()
    north = world.take_part("north").invite
    south = world.take_part("south").invite

    async def refused(invite: Invite, error: type[FedotaError], *, with_invite: bool = True) -> str:
        async with calling(invite, with_invite=with_invite) as link:
            with pytest.raises(error) as raised:
                await link.describe()
        return raised.value.public_message

    assert "brings no invite" in await refused(north, AuthenticationError, with_invite=False)
    swapped = replace(north, node_id=south.node_id)
    assert "another client's" in await refused(swapped, InviteError)
    key = ClientKey.generate()
    forged = sign_invite(key, replace(north, invite_public_key=key.public_bytes))
    assert "not made by" in await refused(forged, InviteError)
    expired = sign_invite(world.keys.invite_key, replace(north, expires_unix_s=1.0))
    assert "expired" in await refused(expired, InviteError)
    stranger = sign_invite(world.keys.invite_key, replace(north, node_id=77))
    assert "knows no such client" in await refused(stranger, NotFoundError)
    world.web.memberships.leave(world.holders["north"], PROBLEM)
    assert "ended" in await refused(north, InviteError)


async def test_a_problem_that_is_not_started_is_described_but_enrols_nobody(
    make_web_world: MakeWebWorld,
) -> None:
    world = await make_web_world(rounds=2)
    await world.start_webserver()
    north, south = world.take_part("north").invite, world.take_part("south").invite
    async with calling(north) as link:
        assert (await link.describe()).state == "ready"
        with pytest.raises(BusyError, match="not being served yet") as refused:
            await link.tell(pb.TellRequest.ENROLLING)
        assert refused.value.retry_after_s > 0
        # The one word, which a start may wait for, needs no key to be bound.
        assert not any(row.ready for row in world.rows(ClientRow))
        await link.tell(pb.TellRequest.READY)
        with pytest.raises(BusyError):
            await fetched(link, pb.FetchRequest(model_file=True), world.place)
    assert not (world.folder.coordinator_folder / "bindings.jsonl").exists()
    ready = {row.node_id: row.ready for row in world.rows(ClientRow)}
    assert ready == {north.node_id: True, south.node_id: False}
    with world.web.database.session() as session, session.begin():
        row = session.merge(world.problem)
        row.status = "completed"
    async with calling(south) as link:
        with pytest.raises(ConflictError, match="nothing left to train"):
            await link.tell(pb.TellRequest.READY)


async def test_a_check_before_the_start_counts_its_client_as_ready_and_enrols_nobody(
    make_web_world: MakeWebWorld,
) -> None:
    world = await make_web_world(rounds=1)
    await world.start_webserver()
    north, _ = world.take_part("north"), world.take_part("south")
    rows = "".join(f"{n},{n / 2},{'yes' if n % 2 else 'no'}\n" for n in range(20))
    (north.data / "table.csv").write_text(f"x,y,answer\n{rows}")
    done = await command(
        "fedota_client",
        *("check", north.data.parent / "invite", "--data", north.data, "--home", north.home),
        "--tell-ready",
    )
    assert done.code == 0, done
    assert "The setter was told that your data is ready." in done.out
    seen = world.web.problems.view(world.setter, PROBLEM).attendance
    assert seen == AttendanceView(clients=2, ready=1, away=0, back_unix_s=None, left=0)
    assert not (world.folder.coordinator_folder / "bindings.jsonl").exists()


async def test_a_client_without_selectors_hears_of_the_end_from_the_webserver(
    make_web_world: MakeWebWorld,
) -> None:
    world = await make_web_world(rounds=2)
    await world.start_webserver()
    world.web.problems.start(world.setter, PROBLEM)
    await world.state_of("selector-1", "running")
    north, south = world.take_part("north"), world.take_part("south")
    held = world.director.hold("north", "train", 2)
    also_held = world.director.hold("south", "train", 2)
    await world.join_all(north, south)
    await asyncio.gather(held.reached(), also_held.reached())
    selector = world.process("selector-1")
    assert selector is not None
    selector.kill()
    await asyncio.to_thread(selector.wait)
    taken = await asyncio.start_server(
        lambda _, writer: writer.close(), "127.0.0.1", world.ports.selectors[0]
    )
    held.release()
    answer = await world.answer(world.web.problems.stop(world.setter, PROBLEM))
    assert answer.done, answer.message
    for client in world.clients:
        assert await client.ended() == 0, client.output
        assert "Done: The problem is completed." in client.output
    # What north had computed was for nothing, and its receipt says so.
    assert "abandoned" in (north.home / "receipts.jsonl").read_text().lower()
    taken.close()
    await taken.wait_closed()


async def test_a_client_that_comes_before_the_start_waits_for_it(
    make_web_world: MakeWebWorld,
) -> None:
    world = await make_web_world(rounds=1)
    await world.start_webserver()
    north, south = world.take_part("north"), world.take_part("south")
    await world.join_all(north, south)
    for client in world.clients:
        await client.says("not being served yet")
    world.web.problems.start(world.setter, PROBLEM)
    await world.status("completed", timeout_s=60)
    for client in world.clients:
        assert await client.ended() == 0, client.output


async def test_a_client_that_comes_after_the_end_is_told_so(make_web_world: MakeWebWorld) -> None:
    world, _, _ = await completed(make_web_world)
    program = await world.join(world.members["west"])
    assert await program.ended() == 0, program.output
    assert "is completed: there is nothing left to train" in program.output
