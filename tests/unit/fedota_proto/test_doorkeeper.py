"""Keys, invites and challenges, by a clock of the test's own."""

from __future__ import annotations

from typing import Any

import pytest

from fedota_proto.credential import PROTOCOL, Challenges, SigningKey, make_credential
from fedota_proto.doorkeeper import Caller, Doorkeeper, check_version
from fedota_proto.errors import AuthenticationError, InviteError, VersionError
from fedota_proto.invite import Invite, sign_invite
from fedota_proto.v1 import fl_intra_pb2 as intra
from fedota_proto.v1 import fl_records_pb2 as records_pb

NODE = 7


class Door:
    """A doorkeeper whose two clocks are attributes."""

    def __init__(self) -> None:
        self.now = 0.0
        self.unix = 1_000.0
        self.invite_key = SigningKey.generate()
        self.key = SigningKey.generate()
        self.keeper = Doorkeeper("abc123", Challenges(), lambda: self.now, lambda: self.unix)
        self.keeper.learn([], self.invite_key.public_bytes)

    def invite(self, **changed: Any) -> str:
        fields: dict[str, Any] = {
            "problem_id": "abc123",
            "title": "A problem",
            "node_id": NODE,
            "name": "hospital",
            "expires_unix_s": 2_000.0,
            "ca_pem": "",
            "receipt_public_key": bytes(32),
            "invite_public_key": self.invite_key.public_bytes,
            "selectors": (),
        }
        return sign_invite(self.invite_key, Invite(**{**fields, **changed})).text

    def credential(self, **changed: Any) -> bytes:
        fields: dict[str, Any] = {
            "node_id": NODE,
            "session_id": b"s" * 16,
            "challenge": self.keeper.new_challenge(),
            "method": "CheckIn",
        }
        made = make_credential(self.key, **{**fields, **changed})
        return made.SerializeToString()

    def caller(self, invite: str = "", key: bytes | None = None) -> Caller:
        return Caller(NODE, b"s" * 16, key or self.key.public_bytes, invite)

    def bind(self, **fields: Any) -> None:
        self.keeper.bind(intra.Binding(node_id=NODE, **fields))


@pytest.fixture
def door() -> Door:
    return Door()


def test_a_signed_challenge_opens_once(door: Door) -> None:
    credential = door.credential(invite="text")
    assert door.keeper.identify(credential, "CheckIn") == door.caller("text")
    with pytest.raises(AuthenticationError):
        door.keeper.identify(credential, "CheckIn")


def test_what_does_not_fit_opens_nothing(door: Door) -> None:
    bad: list[tuple[bytes | None, str]] = [
        (None, "CheckIn"),
        (b"\xff", "CheckIn"),
        (door.credential(), "Update"),
        (door.credential(challenge=b"x" * 32), "CheckIn"),
    ]
    for credential, method in bad:
        with pytest.raises(AuthenticationError):
            door.keeper.identify(credential, method)
    old = door.credential()
    door.now = 61.0
    with pytest.raises(AuthenticationError, match="too old"):
        door.keeper.identify(old, "CheckIn")


def test_an_invite_lets_in_whom_it_names_until_it_expires(door: Door) -> None:
    assert door.keeper.check_invited(door.caller(door.invite())) is False
    with pytest.raises(InviteError, match="another client's"):
        door.keeper.check_invited(door.caller(door.invite(node_id=8)))
    with pytest.raises(AuthenticationError, match="no invite"):
        door.keeper.check_invited(door.caller())
    with pytest.raises(AuthenticationError, match="not checked in"):
        door.keeper.check_bound(door.caller(door.invite()))
    door.unix = 2_001.0
    with pytest.raises(InviteError, match="expired"):
        door.keeper.check_invited(door.caller(door.invite()))


def test_once_bound_the_key_alone_opens_whatever_became_of_the_invite(door: Door) -> None:
    door.bind(public_key=door.key.public_bytes)
    door.unix = 2_001.0
    assert door.keeper.check_invited(door.caller()) is True
    door.keeper.check_bound(door.caller())
    stranger = SigningKey.generate().public_bytes
    for check in (door.keeper.check_invited, door.keeper.check_bound):
        with pytest.raises(InviteError, match="used"):
            check(door.caller(door.invite(), stranger))


def test_a_revoked_membership_opens_nothing(door: Door) -> None:
    door.bind(public_key=door.key.public_bytes, revoked=True)
    assert door.keeper.is_revoked(NODE)
    for check in (door.keeper.check_invited, door.keeper.check_bound):
        with pytest.raises(InviteError, match="revoked"):
            check(door.caller(door.invite()))
    door.keeper.learn([intra.Binding(node_id=NODE)], door.invite_key.public_bytes)
    assert not door.keeper.is_revoked(NODE)


def test_the_older_side_is_told_to_be_updated() -> None:
    check_version(records_pb.Version(protocol=PROTOCOL), peer="client", us="selector", release="")
    for theirs, older in ((PROTOCOL - 1, "client"), (PROTOCOL + 1, "selector")):
        version = records_pb.Version(protocol=theirs, release="9.9")
        with pytest.raises(VersionError, match=f"release 9.9.*update the {older}") as raised:
            check_version(version, peer="client", us="selector", release="0.1")
        assert (raised.value.theirs, raised.value.ours) == (theirs, PROTOCOL)
