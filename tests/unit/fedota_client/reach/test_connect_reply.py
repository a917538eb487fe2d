"""What proxies answer, well and badly formed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedota_client.reach.connect_reply import read_reply


def head(*lines: str) -> bytes:
    """Write the head of an answer."""
    return "\r\n".join((*lines, "", "")).encode("latin-1")


def test_a_proxy_that_lets_through() -> None:
    for line in ("HTTP/1.1 200 Connection established", "HTTP/1.0 200 OK", "HTTP/1.1 200"):
        reply = read_reply(head(line))
        assert reply is not None
        assert reply.lets_through


def test_status_and_words() -> None:
    reply = read_reply(head("HTTP/1.1 403 Forbidden by\x07 policy" + "!" * 100, "Via: x"))
    assert reply is not None
    assert not reply.lets_through
    assert str(reply).startswith("403 Forbidden by policy!!")
    assert len(str(reply)) < 70


@pytest.mark.parametrize(
    ("lines", "schemes", "basic"),
    [
        ([], (), False),
        (['Proxy-Authenticate: Basic realm="clinic"'], ("Basic",), True),
        (["proxy-authenticate: NTLM"], ("NTLM",), False),
        (
            ["Proxy-Authenticate: Negotiate", "Proxy-Authenticate: NTLM"],
            ("Negotiate", "NTLM"),
            False,
        ),
        (["Proxy-Authenticate: Negotiate, NTLM"], ("Negotiate", "NTLM"), False),
        (["Proxy-Authenticate: NTLM TlRMTVNTUAAC"], ("NTLM",), False),
        (
            ['Proxy-Authenticate: Digest realm="a", nonce="b", Basic realm="c"'],
            ("Digest", "Basic"),
            True,
        ),
    ],
)
def test_which_authentication_is_wanted(
    lines: list[str], schemes: tuple[str, ...], basic: bool
) -> None:
    reply = read_reply(head("HTTP/1.1 407 Proxy Authentication Required", *lines))
    assert reply is not None
    assert reply.schemes == schemes
    assert reply.takes_basic is basic


@pytest.mark.parametrize("line", ["", "SSH-2.0-OpenSSH", "HTTP/2 200", "HTTP/1.1 2000 OK", "\x15"])
def test_what_is_no_answer_of_http(line: str) -> None:
    assert read_reply(head(line)) is None


@given(st.binary(max_size=300))
def test_anything_may_come(data: bytes) -> None:
    read_reply(data)
    read_reply(b"HTTP/1.1 407 x\r\nProxy-Authenticate: " + data)
