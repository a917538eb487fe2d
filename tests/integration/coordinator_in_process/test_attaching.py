"""Who may attach, who speaks for a node, and what clients are told over all selectors."""

from __future__ import annotations

import grpc
import grpc.aio
import pytest

from fedota_proto.credential import PROTOCOL
from fedota_proto.errors import AuthenticationError, StreamError, VersionError
from fedota_proto.grpc_errors import from_rpc_error
from fedota_proto.tls import ServerIdentity, client_channel, coordinator_name
from fedota_proto.v1 import fl_intra_pb2 as pb
from fedota_proto.v1 import fl_intra_pb2_grpc as rpc
from fedota_proto.v1 import fl_records_pb2
from fedota_server.authority import PlatformHome, ProblemKeys

from .conftest import MakeWorld, World


async def refusal_of(
    world: World, identity: ServerIdentity, first: pb.SelectorMessage
) -> Exception:
    """Attach with this certificate and first message, and return what it is refused with."""
    channel = client_channel(
        f"127.0.0.1:{world.port}",
        coordinator_name(world.keys.problem_id),
        world.keys.ca_pem,
        identity,
    )
    async with channel:
        call = rpc.FlIntraStub(channel).Attach()

        async def talk() -> None:
            await call.write(first)
            await call.read()

        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await talk()
        return from_rpc_error(caught.value)


def attaching(protocol: int = PROTOCOL) -> pb.SelectorMessage:
    version = fl_records_pb2.Version(protocol=protocol, release="test")
    return pb.SelectorMessage(
        attaching=pb.Attaching(version=version, instance_id=b"i" * 16, address="host:1")
    )


async def test_only_this_problems_selectors_may_attach(
    make_world: MakeWorld, home: PlatformHome, tmp_path_factory: pytest.TempPathFactory
) -> None:
    world = await make_world()
    other = ProblemKeys.create(tmp_path_factory.mktemp("other"), "fff000fff000", home.authority())
    other.selector(1)
    for identity in (
        world.keys.identity("operator"),
        other.identity("selector-1"),
        home.webserver_identity(),
    ):
        error = await refusal_of(world, identity, attaching())
        assert isinstance(error, AuthenticationError)


async def test_another_protocol_is_refused_clearly(make_world: MakeWorld) -> None:
    world = await make_world()
    error = await refusal_of(world, world.keys.identity("selector-1"), attaching(99))
    assert isinstance(error, VersionError)
    assert "protocol 99" in error.public_message


async def test_a_selector_that_does_not_say_who_it_is_is_refused(make_world: MakeWorld) -> None:
    world = await make_world()
    load = pb.SelectorMessage(load=pb.Load())
    error = await refusal_of(world, world.keys.identity("selector-1"), load)
    assert isinstance(error, StreamError)


async def test_an_attached_selector_learns_everything(make_world: MakeWorld) -> None:
    world = await make_world()
    one = world.selector(1)
    attached = await one.attach()
    assert attached.problem_id == world.keys.problem_id
    assert attached.checks.declared
    assert list(attached.checks.train_metrics) == ["loss", "accuracy"]
    assert attached.checks.weight_key == "num-examples"
    assert attached.invite_public_key == world.keys.public_key("invite")
    assert [s.server_name for s in attached.selectors] == [
        f"selector-1.{world.keys.problem_id}.fedota"
    ]
    assert (len(attached.run_id), attached.finished) == (16, False)
    two = world.selector(2)
    await two.attach()
    listed = await one.messages.until(
        lambda m: m.HasField("selectors") and len(m.selectors.selectors) == 2
    )
    assert [s.address for s in listed.selectors.selectors] == ["127.0.0.1:9001", "127.0.0.1:9002"]


async def test_the_same_process_moves_and_another_is_refused(make_world: MakeWorld) -> None:
    world = await make_world()
    one = await world.attached(1, 1)
    two = await world.attached(2)
    (refused,) = await two.join(1, session=b"t" * 16)
    assert (refused.accepted, refused.refusal.code) == (False, "session-in-use")
    assert refused.refusal.retry_after_s > 0
    (moved,) = await two.join(1)
    assert (moved.accepted, moved.replaces) == (True, True)
    ended = await one.messages.until(lambda m: m.HasField("refuse"))
    assert (list(ended.refuse.node_ids), ended.refuse.refusal.code) == ([1], "replaced")


async def test_a_binding_is_told_to_every_selector_and_kept(make_world: MakeWorld) -> None:
    world = await make_world()
    two = await world.attached(2)
    one = await world.attached(1, 7)
    told = await two.messages.until(lambda m: m.HasField("binding"))
    assert (told.binding.binding.node_id, told.binding.binding.public_key) == (7, b"\x07" * 32)
    await one.detach()
    await world.stop()
    await world.start()
    attached = await one.attach()
    assert [binding.node_id for binding in attached.bindings] == [7]
    (verdict,) = await one.join(7, invite="")
    assert verdict.accepted
    (stranger,) = await one.join(8, invite="")
    assert not stranger.accepted
    assert "not a member" in stranger.refusal.reason
