"""What every request passes: other sites are turned away, pages need a session."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest
from starlette.websockets import WebSocketDisconnect
from support.web import ORIGIN, PASSWORD, Web

from fedota_proto.errors import DatabaseError

ADMIN = "admin@example.org"
_FORM = {"email": ADMIN, "password": PASSWORD}


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Origin": "http://testserver.elsewhere.example"},
        {"Origin": "http://testserver:8080"},
        {"Origin": ORIGIN, "Sec-Fetch-Site": "cross-site"},
        {"Origin": ORIGIN, "Sec-Fetch-Site": "same-site"},
        {"Origin": ""},
    ],
)
def test_what_another_site_sends_changes_nothing(web: Web, headers: dict[str, str]) -> None:
    client = web.client(ADMIN)
    token = client.cookies["fedota_session"]
    for path in ("/login", "/logout", "/register", "/setup", "/upload/model/x"):
        answer = client.post(path, data=_FORM, headers=headers)
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers
    assert web.platform.accounts.by_session(token) is not None


def test_a_request_that_names_no_page_is_no_browser_of_ours(web: Web) -> None:
    client = web.client()
    del client.headers["Origin"]
    assert client.post("/login", data=_FORM).status_code == 403


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_our_own_pages_pass(web: Web, site: str) -> None:
    headers = {"Sec-Fetch-Site": site}
    assert web.client().post("/login", data=_FORM, headers=headers).status_code == 303


def test_the_address_of_the_settings_passes_whatever_a_proxy_calls_the_host(web: Web) -> None:
    headers = {"Origin": web.platform.settings.page_url, "Host": "backend:8501"}
    assert web.client().post("/login", data=_FORM, headers=headers).status_code == 303


@pytest.mark.parametrize(
    ("path", "reached"),
    [
        ("/", "/login"),
        ("/problem?id=abc", "/login?next=%2Fproblem%3Fid%3Dabc"),
        ("/users", "/login?next=%2Fusers"),
    ],
)
def test_pages_lead_to_signing_in(web: Web, path: str, reached: str) -> None:
    answer = web.client().get(path)
    assert (answer.status_code, answer.headers["location"]) == (303, reached)


@pytest.mark.parametrize("path", ["/", "/users", "/problem?id=abc"])
def test_pages_are_served_to_who_is_signed_in(web: Web, path: str) -> None:
    answer = web.client(ADMIN).get(path)
    assert answer.status_code == 200
    assert "<title>Fedota</title>" in answer.text


def test_the_browser_is_told_where_the_server_is_and_may_run_that_script(web: Web) -> None:
    answer = web.client(ADMIN).get("/users")
    (script,) = [one for one in re.findall(r"<script>(.*?)</script>", answer.text) if "BASE" in one]
    assert "BACKEND_BASE_URL: window.location.origin" in script
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = answer.headers["content-security-policy"]
    assert f"'sha256-{digest}'" in policy
    assert "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]


def test_a_session_that_was_ended_elsewhere_leads_to_signing_in(web: Web) -> None:
    client = web.client(ADMIN)
    web.platform.accounts.sign_out_everywhere(web.admin)
    assert client.get("/").headers["location"] == "/login"


@pytest.mark.parametrize(
    "path", ["/_stcore/upload_file/a/b", "/_stcore/metrics", "/media/0123.png"]
)
def test_streamlits_files_need_a_session(web: Web, path: str) -> None:
    assert web.client().get(path).status_code == 401
    assert web.client(ADMIN).get(path).status_code == 404


def test_streamlits_interface_for_programs_is_closed(web: Web) -> None:
    assert web.client(ADMIN).post("/_stcore/agent/interact").status_code == 404


@pytest.mark.parametrize("origin", ["https://elsewhere.example", "http://localhost:3000", "null"])
def test_another_sites_pages_open_no_websocket(web: Web, origin: str) -> None:
    client = web.client(ADMIN)
    with (
        pytest.raises(WebSocketDisconnect) as refused,
        client.websocket_connect("/_stcore/stream", headers={"Origin": origin}),
    ):
        pass
    assert refused.value.code == 1008


def test_every_answer_bears_the_headers(web: Web) -> None:
    for path in ("/", "/login", "/nowhere"):
        headers = web.client().get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]


def test_what_fails_is_told_with_an_id_that_is_in_the_log(
    web: Web, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> bool:
        raise RuntimeError("the secret reason")

    monkeypatch.setattr(web.platform.accounts, "needs_setup", fail)
    answer = web.client(raise_server_exceptions=False).get("/login")
    assert answer.status_code == 500
    assert "secret reason" not in answer.text
    (shown,) = re.findall(r"the id ([0-9a-f]{8})", answer.text)
    assert shown in caplog.text


def test_a_database_that_does_not_answer_is_told(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(token: str) -> None:
        raise DatabaseError("The database does not answer: try again soon.")

    client = web.client(ADMIN)
    monkeypatch.setattr(web.platform.accounts, "by_session", fail)
    for path in ("/", "/login"):
        answer = client.get(path)
        assert answer.status_code == 503
        assert "does not answer" in answer.text


def test_whether_it_is_well_is_told_to_anybody(web: Web) -> None:
    answer = web.client().get("/healthz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")


def test_numbers_are_for_who_has_a_token(web: Web) -> None:
    assert web.client().get("/metrics").status_code == 401
    token, _ = web.platform.accounts.make_token(web.admin, "prometheus", None)
    answer = web.client().get("/metrics", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    assert "fedota_database_up 1.0" in answer.text


def test_the_api_takes_a_token_from_anywhere_and_no_cookie(web: Web) -> None:
    client = web.client(ADMIN)
    elsewhere = {"Origin": "https://elsewhere.example"}
    assert (
        client.post("/api/v1/problems", json={"title": "x"}, headers=elsewhere).status_code == 401
    )
    token, _ = web.platform.accounts.make_token(web.admin, "notebook", None)
    answer = web.client().get(
        "/api/v1/problems", headers={**elsewhere, "Authorization": f"Bearer {token}"}
    )
    assert answer.status_code == 200
