"""Challenges, credentials and signed outcomes."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedota_proto.credential import (
    Challenges,
    ClientKey,
    ReceiptKey,
    make_credential,
    new_session_id,
    signed_bytes,
    verify_credential,
    verify_outcome,
)
from fedota_proto.errors import AuthenticationError, FolderError
from fedota_proto.v1 import fl_round_pb2 as pb
from fedota_proto.v1.fl_records_pb2 import RoundKey

SESSION = b"s" * 16
CHALLENGE = b"c" * 32


def credential(key: ClientKey) -> pb.Credential:
    return make_credential(
        key, node_id=7, session_id=SESSION, challenge=CHALLENGE, method="CheckIn"
    )


def test_a_credential_is_good_for_its_own_method_alone() -> None:
    made = credential(ClientKey.generate())
    verify_credential(made, method="CheckIn")
    with pytest.raises(AuthenticationError):
        verify_credential(made, method="Update")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("node_id", 8),
        ("node_id", 0),
        ("session_id", b"t" * 16),
        ("session_id", b"s" * 15),
        ("challenge", b"d" * 32),
        ("public_key", ClientKey.generate().public_bytes),
        ("public_key", b"short"),
        ("signature", b"\0" * 64),
    ],
)
def test_a_credential_with_another_part_is_refused(field: str, value: object) -> None:
    made = credential(ClientKey.generate())
    setattr(made, field, value)
    with pytest.raises(AuthenticationError):
        verify_credential(made, method="CheckIn")


@given(st.text(max_size=8), st.binary(max_size=8), st.text(max_size=8), st.binary(max_size=8))
def test_no_two_calls_share_a_signed_text(a: str, b: bytes, c: str, d: bytes) -> None:
    if (a, b) != (c, d):
        assert signed_bytes(a, b, SESSION, 1) != signed_bytes(c, d, SESSION, 1)


def test_a_challenge_is_redeemed_once() -> None:
    challenges = Challenges()
    challenge = challenges.issue(100.0)
    challenges.redeem(challenge, 159.0)
    with pytest.raises(AuthenticationError, match="used"):
        challenges.redeem(challenge, 159.0)


def test_a_challenge_ends_after_its_time() -> None:
    challenges = Challenges()
    challenge = challenges.issue(100.0)
    with pytest.raises(AuthenticationError, match="too old"):
        challenges.redeem(challenge, 160.5)


def test_challenges_take_bounded_memory() -> None:
    challenges = Challenges(most=10)
    issued = [challenges.issue(0.0) for _ in range(30)]
    assert len(challenges) == 10
    challenges.redeem(issued[-1], 1.0)
    with pytest.raises(AuthenticationError):
        challenges.redeem(issued[0], 1.0)


def test_session_ids_differ() -> None:
    assert new_session_id() != new_session_id()
    assert len(new_session_id()) == 16


def test_a_key_is_kept_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "client.key"
    key = ClientKey.load_or_create(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert ClientKey.load_or_create(path).public_bytes == key.public_bytes
    assert [file.name for file in path.parent.iterdir()] == ["client.key"]


def test_a_damaged_key_is_said(tmp_path: Path) -> None:
    path = tmp_path / "client.key"
    path.write_text("nothing")
    with pytest.raises(FolderError, match="is not a key"):
        ClientKey.load(path)


def test_an_outcome_is_signed_over_all_that_it_says() -> None:
    key = ReceiptKey.generate()
    outcome = pb.Outcome(
        task_id=3,
        round=RoundKey(generation=1, server_round=2, attempt=1),
        message_type="train",
        kind=pb.COUNTED,
        weight=12.0,
        update_sha256=b"h" * 32,
    )
    key.sign_outcome("p", 7, outcome)
    assert verify_outcome(key.public_bytes, "p", 7, outcome)
    assert not verify_outcome(key.public_bytes, "q", 7, outcome)
    assert not verify_outcome(key.public_bytes, "p", 8, outcome)
    for field, value in (
        ("task_id", 4),
        ("message_type", "evaluate"),
        ("kind", pb.LATE),
        ("code", "x"),
        ("reason", "x"),
        ("weight", 13.0),
        ("update_sha256", b"i" * 32),
    ):
        changed = pb.Outcome.FromString(outcome.SerializeToString())
        setattr(changed, field, value)
        assert not verify_outcome(key.public_bytes, "p", 7, changed), field
    outcome.round.server_round = 3
    assert not verify_outcome(key.public_bytes, "p", 7, outcome)
