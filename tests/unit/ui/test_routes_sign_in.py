"""`/login` and `/logout`: cookies, refusals in place, and where one is sent next."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.web import ORIGIN, PASSWORD, Web, opened_web

ADMIN = "admin@example.org"


def _form(email: str = ADMIN, password: str = PASSWORD, **more: str) -> dict[str, str]:
    return {"email": email, "password": password, **more}


def test_signing_in_keeps_an_http_only_cookie_and_leads_home(web: Web) -> None:
    answer = web.client().post("/login", data=_form())
    assert answer.status_code == 303
    assert answer.headers["location"] == "/"
    name, _, attributes = answer.headers["set-cookie"].partition("=")
    assert name == "fedota_session"
    kept = {part.strip().lower() for part in attributes.split(";")[1:]}
    assert {"httponly", "samesite=lax", "path=/", "max-age=1209600"} <= kept
    assert "secure" not in kept


def test_the_cookie_signs_in_and_signing_out_ends_it(web: Web) -> None:
    client = web.client()
    client.post("/login", data=_form())
    assert client.get("/login").status_code == 303  # signed in already
    token = client.cookies["fedota_session"]
    answer = client.post("/logout")
    assert answer.headers["location"] == "/login"
    assert 'fedota_session=""' in answer.headers["set-cookie"]
    assert web.platform.accounts.by_session(token) is None
    assert client.get("/login").status_code == 200


def test_signing_out_is_asked_for_before_it_is_done(web: Web) -> None:
    client = web.client(ADMIN)
    asked = client.get("/logout")
    assert asked.status_code == 200
    assert ADMIN in asked.text
    assert client.get("/login").status_code == 303  # still signed in


def test_a_wrong_password_is_said_in_place_and_the_address_stays(web: Web) -> None:
    answer = web.client().post("/login", data=_form(password="not the password"))
    assert answer.status_code == 401
    assert 'role="alert"' in answer.text
    assert f'value="{ADMIN}"' in answer.text
    assert "not the password" not in answer.text
    assert "set-cookie" not in answer.headers


def test_too_many_attempts_are_told_when_to_come_back(web: Web) -> None:
    client = web.client()
    answer = client.post("/login", data=_form(password="not the password"))
    for _ in range(50):
        if answer.status_code == 429:
            break
        answer = client.post("/login", data=_form(password="not the password"))
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1
    assert 'role="alert"' in answer.text


@pytest.mark.parametrize(
    ("wanted", "reached"),
    [
        ("/problem?id=abc", "/problem?id=abc"),
        ("https://elsewhere.example/", "/"),
        ("//elsewhere.example/", "/"),
        ("/\\elsewhere.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/\x0d\x0aSet-Cookie: a=b", "/"),
        ("/ü", "/"),
    ],
)
def test_one_is_sent_on_to_pages_of_this_site_alone(web: Web, wanted: str, reached: str) -> None:
    answer = web.client().post("/login", data=_form(next=wanted))
    assert answer.headers["location"] == reached


def test_what_was_typed_is_shown_as_text(web: Web) -> None:
    answer = web.client().post("/login", data=_form('"><script>alert(1)</script>'))
    assert "<script>" not in answer.text
    shown = web.client().get("/login", params={"next": '/"><script>'})
    assert "<script>" not in shown.text


def test_a_form_beyond_reason_is_refused(web: Web) -> None:
    answer = web.client().post("/login", data=_form("a" * 70_000))
    assert answer.status_code == 422


def test_registering_is_offered_where_one_may(web: Web) -> None:
    assert "/register" not in web.client().get("/login").text
    web.platform.accounts.set_registration(web.admin, "open")
    assert "/register" in web.client().get("/login").text


def test_single_sign_on_is_offered_where_it_is_configured(web: Web) -> None:
    assert "/login/sso" not in web.client().get("/login").text


@pytest.fixture
def secure_web(tmp_path: Path, migrated_file: Path) -> Iterator[Web]:
    """Behind a declared proxy that speaks TLS."""
    with opened_web(tmp_path / "home", migrated_file, trusted_proxy=True) as made:
        assert made.admin.signed_in
        yield made


def test_behind_a_tls_proxy_the_cookie_is_secure(secure_web: Web) -> None:
    answer = secure_web.client().post("/login", data=_form())
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-fedota_session=")
    assert "; Secure" in cookie
    assert "Domain" not in cookie


def test_behind_a_proxy_attempts_are_counted_by_the_address_that_it_saw(secure_web: Web) -> None:
    client = secure_web.client()
    answers = [
        client.post(
            "/login",
            data=_form(f"nobody{number}@example.org"),
            headers={"X-Forwarded-For": f"10.0.0.{number}, 198.51.100.7"},
        ).status_code
        for number in range(60)
    ]
    assert 429 in answers
    elsewhere = client.post(
        "/login", data=_form(), headers={"X-Forwarded-For": "198.51.100.7, 203.0.113.9"}
    )
    assert elsewhere.status_code == 303


def test_pages_of_our_own_need_no_script(web: Web) -> None:
    shown = web.client().get("/login")
    assert "<script" not in shown.text
    assert "script-src" not in shown.headers["content-security-policy"]
    assert shown.headers["content-security-policy"].startswith("default-src 'none'")
    for path in ("/look/form.css", "/look/icon.svg", "/favicon.png"):
        assert web.client().get(path).status_code == 200


def test_the_style_fetches_nothing_from_elsewhere(web: Web) -> None:
    style = web.client().get("/look/form.css").text
    assert "http" not in style
    assert "@import" not in style
    assert "prefers-color-scheme: dark" in style
    assert ORIGIN not in style
