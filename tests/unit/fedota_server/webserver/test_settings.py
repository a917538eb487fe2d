"""What `fedota up` is told: nothing on an empty machine, and never a page in clear."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fedota_proto.errors import UsageError
from fedota_proto.settings_check import load_settings
from fedota_server.webserver.settings import WebserverSettings, is_loopback

OIDC = {
    "oidc_metadata_url": "https://sso.example.org/.well-known/openid-configuration",
    "oidc_client_id": "fedota",
    "oidc_client_secret": "secret",
}


def load(**given: Any) -> WebserverSettings:
    return load_settings(WebserverSettings, {}, **given)


def test_an_empty_machine_needs_none(tmp_path: Path) -> None:
    settings = load(home=tmp_path)
    assert settings.database_address == f"sqlite:///{tmp_path}/fedota.db"
    assert settings.page_url == "http://127.0.0.1:8501"
    assert settings.registration == "closed"
    assert not settings.secure_cookies
    assert not settings.has_oidc
    assert settings.selector_port_range == range(20_000, 30_000)


def test_the_folder_is_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load().home == tmp_path / ".fedota"
    assert load(home="here").home == tmp_path / "here"


def test_another_database_is_named_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEDOTA_DATABASE_URL", "postgresql://user:hunter2@host/name")
    settings = load()
    assert settings.database_address == "postgresql://user:hunter2@host/name"
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize(
    ("given", "shown", "secure"),
    [
        ({"web_port": 9000}, "http://127.0.0.1:9000", False),
        ({"web_host": "::1"}, "http://[::1]:8501", False),
        ({"web_host": "localhost"}, "http://localhost:8501", False),
        ({"tls_cert": "c", "tls_key": "k"}, "https://127.0.0.1:8501", True),
        (
            {"web_host": "0.0.0.0", "tls_cert": "c", "tls_key": "k", "public_host": "lab.org"},  # noqa: S104
            "https://lab.org:8501",
            True,
        ),
        ({"web_url": "https://fedota.org/lab/"}, "https://fedota.org/lab", True),
        ({"trusted_proxy": True}, "http://127.0.0.1:8501", True),
    ],
)
def test_the_pages_address_and_its_cookies(given: dict[str, Any], shown: str, secure: bool) -> None:
    settings = load(**given)
    assert settings.page_url == shown
    assert settings.secure_cookies is secure


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "fedota.example.org"])  # noqa: S104
def test_a_page_that_others_reach_is_never_in_clear(host: str) -> None:
    with pytest.raises(UsageError, match=f"FEDOTA_TRUSTED_PROXY: passwords .* in clear to {host}"):
        load(web_host=host)
    load(web_host=host, trusted_proxy=True)
    load(web_host=host, tls_cert="c", tls_key="k")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"tls_cert": "c"}, "FEDOTA_TLS_KEY: a certificate and its key go together"),
        ({"tls_key": "k"}, "FEDOTA_TLS_KEY: a certificate and its key go together"),
        ({"selector_ports": "30000-20000"}, "FEDOTA_SELECTOR_PORTS: first-last must ascend"),
        ({"selector_ports": "0-99"}, "FEDOTA_SELECTOR_PORTS: first-last must ascend"),
        ({"selector_ports": "20000-70000"}, "FEDOTA_SELECTOR_PORTS: first-last must ascend"),
        ({"web_url": "fedota.org"}, "FEDOTA_WEB_URL: "),
        ({"web_port": 0}, "FEDOTA_WEB_PORT: "),
        ({"spawner": "magic"}, "FEDOTA_SPAWNER: "),
        ({"publish_on": "everywhere"}, "FEDOTA_PUBLISH_ON: it is an address of this host"),
        ({"network_pool": "10.0.0.0/24"}, "FEDOTA_NETWORK_POOL: 10.0.0.0/24 is no range of a size"),
        ({"platform": "My_Platform"}, "FEDOTA_PLATFORM: "),
        ({"docker_host": "/var/run/docker.sock"}, "FEDOTA_DOCKER_HOST: "),
        ({"registration": "public"}, "FEDOTA_REGISTRATION: "),
    ],
)
def test_what_does_not_fit_together_is_told(given: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        load(**given)


@pytest.mark.parametrize("left_out", OIDC)
def test_single_sign_on_is_configured_whole_or_not_at_all(left_out: str) -> None:
    assert load(**OIDC).has_oidc
    half = {name: value for name, value in OIDC.items() if name != left_out}
    with pytest.raises(UsageError, match=r"FEDOTA_OIDC_CLIENT_SECRET: .* set all three, or none"):
        load(**half)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),  # noqa: S104
        ("::", False),
        ("localhost.example.org", False),
        ("", False),
    ],
)
def test_loopback_is_known(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback
