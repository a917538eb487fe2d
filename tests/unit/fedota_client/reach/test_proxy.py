"""Which proxy an environment names, as gRPC's core reads it and as people write it."""

from __future__ import annotations

import base64

import pytest

from fedota_client.reach.proxy import Proxies, Proxy, grpc_environment, split_address
from fedota_proto.errors import UsageError

AT = "selector.example.org:20001"
PROXY = {"https_proxy": "http://proxy.clinic:3128"}


@pytest.mark.parametrize(
    ("given", "to_set"),
    [
        ({}, {}),
        ({"https_proxy": "http://p:1", "no_proxy": "a,b"}, {}),
        ({"HTTPS_PROXY": "http://p:1"}, {"https_proxy": "http://p:1"}),
        ({"HTTPS_PROXY": "http://upper:1", "https_proxy": "http://lower:1"}, {}),
        ({"NO_PROXY": "a.example"}, {"no_proxy": "a.example"}),
        ({"HTTP_PROXY": "http://p:1"}, {"http_proxy": "http://p:1"}),
        ({"https_proxy": "p:1"}, {"https_proxy": "http://p:1"}),
        ({"https_proxy": ""}, {}),
        ({"no_proxy": "*.clinic,b"}, {"no_proxy": "clinic,b"}),
        ({"https_proxy": "http://p:1", "no_proxy": "*"}, {"grpc_proxy": ""}),
        ({"PATH": "/bin", "FTP_PROXY": "http://p:1"}, {}),
    ],
)
def test_what_the_core_would_not_understand_is_rewritten(
    given: dict[str, str], to_set: dict[str, str]
) -> None:
    assert grpc_environment(given) == to_set


def test_once_is_enough() -> None:
    given = {"HTTPS_PROXY": "p:1", "NO_PROXY": "*.a, *"}
    after = {**given, **grpc_environment(given)}
    assert grpc_environment(after) == {}


@pytest.mark.parametrize(
    ("environ", "way"),
    [
        ({}, None),
        ({"https_proxy": ""}, None),
        (PROXY, "http://proxy.clinic:3128"),
        ({"HTTPS_PROXY": "proxy.clinic:3128"}, "http://proxy.clinic:3128"),
        ({**PROXY, "grpc_proxy": "http://other:1"}, "http://other:1"),
        ({**PROXY, "http_proxy": "http://other:1"}, "http://proxy.clinic:3128"),
        # The first that is there counts, even if it is empty.
        ({"https_proxy": "", "http_proxy": "http://other:1"}, None),
        ({"https_proxy": "http://proxy.clinic/"}, "http://proxy.clinic:443"),
        ({"https_proxy": "http://[fd00::1]:3128"}, "http://[fd00::1]:3128"),
    ],
)
def test_which_proxy(environ: dict[str, str], way: str | None) -> None:
    proxy = Proxies(environ).for_address(AT)
    assert (str(proxy) if proxy else None) == way


@pytest.mark.parametrize(
    ("no_proxy", "address", "exempt"),
    [
        ("selector.example.org", AT, True),
        ("example.org", AT, True),
        (".example.org", AT, True),
        ("*.example.org", AT, True),
        ("EXAMPLE.org", AT, True),
        ("elsewhere, example.org ", AT, True),
        ("*", AT, True),
        ("ample.org", AT, False),
        ("org.example", AT, False),
        ("", AT, False),
        ("10.0.0.0/8", "10.1.2.3:1", True),
        ("10.0.0.0/8", "11.1.2.3:1", False),
        ("10.1.2.3", "10.1.2.3:1", True),
        ("fd00::/8", "[fd00::1]:1", True),
    ],
)
def test_what_no_proxy_takes_out(no_proxy: str, address: str, exempt: bool) -> None:
    proxies = Proxies({**PROXY, "no_proxy": no_proxy})
    assert (proxies.for_address(address) is None) is exempt


def test_no_grpc_proxy_goes_before_no_proxy() -> None:
    environ = {**PROXY, "no_proxy": "example.org", "no_grpc_proxy": ""}
    assert Proxies(environ).for_address(AT) is not None


@pytest.mark.parametrize(
    "url",
    ["https://ann:secret@proxy:1", "socks5://ann:secret@proxy:1", "http://", "http://ann:secret@"],
)
def test_a_proxy_that_grpc_cannot_use_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(UsageError, match="cannot be used") as caught:
        Proxies({"https_proxy": url}).for_address(AT)
    assert "secret" not in caught.value.public_message
    # Where it does not matter it is not complained of.
    assert Proxies({"https_proxy": url, "no_proxy": "example.org"}).for_address(AT) is None


def test_credentials_are_decoded_sent_and_not_shown() -> None:
    proxy = Proxies({"https_proxy": "http://ann:p%40ss%3Aword@proxy:1"}).for_address(AT)
    assert proxy == Proxy("proxy", 1, "ann", "p@ss:word")
    sent = base64.b64encode(b"ann:p@ss:word").decode()
    assert proxy.authorization == f"Basic {sent}"
    assert "word" not in f"{proxy} {proxy!r}"
    assert Proxy("proxy", 1).authorization == ""


@pytest.mark.parametrize("address", ["", "host", "host:", "host:x", "host:0", "host:65536", ":1"])
def test_an_address_without_host_or_port_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match="host:port"):
        split_address(address)
