"""Signing in at an OpenID Connect service, through Streamlit's own ``st.login``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest
from support.sign_on_service import CLIENT_ID, CLIENT_SECRET, SignOnService, sign_on_service
from support.up import EMAIL, Up, unused_port, up_running
from support.web import PASSWORD

_MOST_STEPS = 12


@pytest.fixture
async def service() -> AsyncIterator[SignOnService]:
    """The service."""
    async with sign_on_service() as made:
        yield made


@pytest.fixture
async def up(tmp_path: Path, service: SignOnService) -> AsyncIterator[Up]:
    """A platform that knows the service."""
    async with up_running(
        tmp_path / "home",
        unused_port(),
        FEDOTA_OIDC_METADATA_URL=service.metadata_url,
        FEDOTA_OIDC_CLIENT_ID=CLIENT_ID,
        FEDOTA_OIDC_CLIENT_SECRET=CLIENT_SECRET,
    ) as made:
        yield made


async def _follow(browser: httpx.AsyncClient, path: str) -> tuple[httpx.Response, list[str]]:
    """Go where one is sent, as a browser does; returns the last answer and the way."""
    way = [path]
    answer = await browser.get(path)
    while answer.is_redirect and len(way) < _MOST_STEPS:
        way.append(urljoin(str(answer.url), answer.headers["location"]))
        answer = await browser.get(way[-1])
    return answer, way


async def test_whom_the_service_vouches_for_is_signed_in_where_they_wanted_to_go(
    up: Up, service: SignOnService
) -> None:
    async with up.browser() as browser:
        await up.set_up(browser)
    async with up.browser() as browser:
        assert "/login/sso" in (await browser.get("/login")).text
        answer, way = await _follow(browser, "/login/sso?next=%2Faccount")
        assert answer.status_code == 200, way
        assert any(step.startswith(service.url) for step in way)
        assert way[-1] == f"{up.url}/account"
        cookies = set(browser.cookies)
        assert "fedota_session" in cookies
        assert "_streamlit_user" not in cookies
        assert (await browser.get("/users")).status_code == 200  # linked by its address: the admin
        await browser.post("/logout")
        assert (await browser.get("/")).headers["location"] == "/login"


async def test_whom_nobody_knows_is_told_so(up: Up, service: SignOnService) -> None:
    async with up.browser() as browser:
        await up.set_up(browser)
    service.claims |= {"sub": "4712", "email": "mallory@example.org"}
    async with up.browser() as browser:
        answer, way = await _follow(browser, "/login/sso")
        assert answer.status_code == 403, way
        assert "mallory@example.org" in answer.text
        assert "fedota_session" not in set(browser.cookies)
        again, _ = await _follow(browser, "/")
        assert "Sign in" in again.text  # and not round and round


async def test_an_address_that_is_not_verified_opens_no_account(
    up: Up, service: SignOnService
) -> None:
    async with up.browser() as browser:
        await up.set_up(browser)
    service.claims["email_verified"] = False
    async with up.browser() as browser:
        answer, way = await _follow(browser, "/login/sso")
        assert answer.status_code == 401, way
        assert "fedota_session" not in set(browser.cookies)
        fields = {"email": EMAIL, "password": PASSWORD}
        assert (await browser.post("/login", data=fields)).status_code == 303


async def test_a_cookie_that_streamlit_did_not_sign_opens_nothing(up: Up) -> None:
    async with up.browser() as browser:
        await up.set_up(browser)
    async with up.browser() as browser:
        browser.cookies.set("_streamlit_user", '{"is_logged_in": true, "sub": "4711"}')
        answer, way = await _follow(browser, "/")
        assert answer.status_code == 200
        assert way[-1].endswith("/login")
        assert "fedota_session" not in set(browser.cookies)
