"""Invites: whole, damaged, expired, foreign."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedota_proto.credential import SigningKey
from fedota_proto.errors import InviteError
from fedota_proto.invite import Invite, sign_invite

KEY = SigningKey.generate()
PLAIN = Invite(
    problem_id="abc123",
    title="Tumours",
    node_id=(1 << 63) - 1,
    name="Hospital Ä",
    expires_unix_s=2_000_000_000.0,
    ca_pem="-----BEGIN CERTIFICATE-----\n",
    receipt_public_key=b"r" * 32,
    invite_public_key=KEY.public_bytes,
    selectors=(("127.0.0.1:1", "selector-1.abc123.fedota"),),
    webserver="127.0.0.1:2",
)


def test_an_invite_comes_back_as_it_went() -> None:
    signed = sign_invite(KEY, PLAIN)
    assert "\n" not in signed.text
    assert Invite.parse(f"  {signed.text[:90]}\n{signed.text[90:]}\n") == PLAIN


@given(st.text(max_size=40))
def test_titles_of_any_length_pad_well(title: str) -> None:
    signed = sign_invite(KEY, replace(PLAIN, title=title))
    assert Invite.parse(signed.text).title == title


@given(st.data())
def test_a_damaged_invite_is_refused(data: st.DataObject) -> None:
    text = sign_invite(KEY, PLAIN).text
    place = data.draw(st.integers(len("fedota1:"), len(text) - 2))
    letter = data.draw(st.sampled_from("ABCDEFabcdef0123456789-_"))
    if text[place] == letter:
        return
    with pytest.raises(InviteError, match=r"damaged|whole invite"):
        Invite.parse(text[:place] + letter + text[place + 1 :])


@pytest.mark.parametrize("text", ["", "hello", "fedota1:", "fedota1:!!!!", "fedota1:" + "A" * 7000])
def test_what_is_no_invite_is_said(text: str) -> None:
    with pytest.raises(InviteError, match="not a whole invite"):
        Invite.parse(text)


def test_an_invite_of_the_wrong_shape_is_said() -> None:
    body = json.dumps({"problem_id": "x"}).encode()
    text = "fedota1:" + base64.urlsafe_b64encode(KEY.sign(b"") + body).decode()
    with pytest.raises(InviteError, match="not a whole invite"):
        Invite.parse(text)


def test_an_invite_enrols_here_and_now_alone() -> None:
    PLAIN.verify(KEY.public_bytes, "abc123", 1_999_999_999.0)
    with pytest.raises(InviteError, match="expired"):
        PLAIN.verify(KEY.public_bytes, "abc123", 2_000_000_001.0)
    with pytest.raises(InviteError, match="another problem"):
        PLAIN.verify(KEY.public_bytes, "other", 0.0)
    with pytest.raises(InviteError, match="not made by"):
        PLAIN.verify(SigningKey.generate().public_bytes, "abc123", 0.0)


def test_only_the_named_key_signs() -> None:
    with pytest.raises(InviteError):
        sign_invite(SigningKey.generate(), PLAIN)
