"""`fedota up`: on an empty machine, over TLS, twice, with large uploads, and to its end."""

from __future__ import annotations

import asyncio
import signal
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import psutil
import pytest
import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from support.programs import Finished, command, environment
from support.up import EMAIL, MODULE, Up, unused_port, up_running
from support.waiting import until
from support.web import PASSWORD

from fedota_server.authority import new_platform_authority
from fedota_server.webserver.platform import Platform
from fedota_server.webserver.settings import WebserverSettings

_GIB = 1 << 30
_CHUNK = b"\0" * (1 << 20)
_MOST_GROWTH_BYTES = 100 << 20


@pytest.fixture
async def up(tmp_path: Path) -> AsyncIterator[Up]:
    """`fedota up` on an empty machine."""
    async with up_running(tmp_path / "home", unused_port()) as made:
        yield made


async def test_an_empty_machine_needs_no_settings(up: Up) -> None:
    assert (up.home / "ca" / "ca.pem").exists()
    assert (up.home / "fedota.db").exists()
    assert up.url.startswith("http://127.0.0.1:")
    assert up.code
    async with up.browser() as browser:
        answer = await browser.get("/")
        assert answer.headers["location"] == "/setup"
        assert "Set this platform up" in (await browser.get("/setup")).text
        await up.set_up(browser)
        page = await browser.get("/")
        assert page.status_code == 200
        assert "streamlit" in page.text.lower()


async def test_the_code_is_printed_only_until_there_is_an_administrator(tmp_path: Path) -> None:
    home, port = tmp_path / "home", unused_port()
    async with up_running(home, port) as first, first.browser() as browser:
        await first.set_up(browser)
        cookies = browser.cookies
        first.program.send(signal.SIGTERM)
        assert await first.program.ended() == 0
    async with up_running(home, port) as second, second.browser(cookies=cookies) as browser:
        assert second.code == ""
        assert (await browser.get("/")).status_code == 200  # the session outlives the process


def _page(up: Up, browser: httpx.AsyncClient) -> websockets.connect:
    """Open a page's connection, as whoever is signed in in a browser."""
    return websockets.connect(
        up.url.replace("http", "ws") + "/_stcore/stream",
        origin=websockets.Origin(up.url),
        additional_headers={"Cookie": "; ".join(f"{k}={v}" for k, v in browser.cookies.items())},
        subprotocols=[websockets.Subprotocol("streamlit")],
    )


async def test_the_first_page_that_is_opened_is_the_one_that_was_asked_for(up: Up) -> None:
    shown: list[ForwardMsg] = []
    async with up.browser() as browser:
        await up.set_up(browser)
        async with _page(up, browser) as page, asyncio.timeout(30):
            asked = BackMsg()
            asked.rerun_script.page_name = "users"
            await page.send(asked.SerializeToString())
            while not shown or shown[-1].WhichOneof("type") != "script_finished":
                shown.append(ForwardMsg.FromString(await page.recv(decode=False)))
    kinds = {one.WhichOneof("type") for one in shown}
    assert "page_not_found" not in kinds
    assert "navigation" in kinds
    assert "Users" in {one.delta.new_element.heading.body for one in shown}


async def test_ctrl_c_ends_it_within_seconds_also_with_an_open_page(up: Up) -> None:
    async with up.browser() as browser:
        await up.set_up(browser)
        async with _page(up, browser):
            began = time.monotonic()
            up.program.send(signal.SIGINT)
            assert await up.program.ended(15.0) == 130
            assert time.monotonic() - began < 10.0
    assert "Traceback" not in up.program.output
    assert "servers go on" in up.program.output


async def test_another_one_in_the_same_folder_is_refused(up: Up) -> None:
    done = await _refused(FEDOTA_HOME=str(up.home), FEDOTA_WEB_PORT=str(unused_port()))
    done.is_one_sentence(1, str(up.home), "served already")


async def test_a_port_that_is_taken_is_named(up: Up, tmp_path: Path) -> None:
    port = up.url.rsplit(":", 1)[1]
    done = await _refused(FEDOTA_HOME=str(tmp_path / "other"), FEDOTA_WEB_PORT=port)
    done.is_one_sentence(1, f"port {port}", "--port")


async def test_nobodys_password_travels_in_clear(tmp_path: Path) -> None:
    done = await _refused(FEDOTA_HOME=str(tmp_path / "home"), FEDOTA_WEB_HOST="0.0.0.0")  # noqa: S104
    done.is_one_sentence(2, "FEDOTA_TLS_CERT", "FEDOTA_TRUSTED_PROXY")
    assert not (tmp_path / "home").exists()


async def test_a_certificate_that_is_none_is_refused(tmp_path: Path) -> None:
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).write_text("not PEM")
    done = await _refused(
        FEDOTA_HOME=str(tmp_path / "home"),
        FEDOTA_WEB_PORT=str(unused_port()),
        FEDOTA_TLS_CERT=str(tmp_path / "cert.pem"),
        FEDOTA_TLS_KEY=str(tmp_path / "key.pem"),
    )
    done.is_one_sentence(2, "cert.pem", "PEM")


async def _refused(**settings: str) -> Finished:
    return await command(MODULE, "up", env=environment(**settings))


async def test_over_tls_the_cookie_is_secure(tmp_path: Path) -> None:
    authority = new_platform_authority()
    identity = authority.issue("localhost")
    (tmp_path / "cert.pem").write_bytes(identity.cert_chain_pem)
    (tmp_path / "key.pem").write_bytes(identity.key_pem)
    trust = ssl.create_default_context(cadata=authority.pem.decode())
    trust.verify_flags &= ~ssl.VERIFY_X509_STRICT
    async with up_running(
        tmp_path / "home",
        unused_port(),
        FEDOTA_WEB_HOST="localhost",
        FEDOTA_TLS_CERT=str(tmp_path / "cert.pem"),
        FEDOTA_TLS_KEY=str(tmp_path / "key.pem"),
    ) as up:
        assert up.url.startswith("https://localhost:")
        async with up.browser(verify=trust) as browser:
            fields = {"code": up.code, "name": "Ada", "email": EMAIL, "password": PASSWORD}
            answer = await browser.post("/setup", data=fields)
            assert answer.headers["set-cookie"].startswith("__Host-fedota_session=")
            assert "; Secure" in answer.headers["set-cookie"]


async def test_a_gibibyte_comes_in_with_flat_memory(up: Up) -> None:
    process = psutil.Process(up.program.pid)
    seen: list[int] = []
    async with up.browser() as browser:
        await up.set_up(browser)
        problem_id = _draft(browser, up)
        before = process.memory_info().rss

        async def body(size_bytes: int) -> AsyncIterator[bytes]:
            for number in range(size_bytes // len(_CHUNK)):
                if number % 32 == 0:
                    seen.append(process.memory_info().rss)
                yield _CHUNK

        answer = await browser.put(
            f"/upload/model/{problem_id}",
            content=body(_GIB),
            headers={"X-File-Name": "model.keras"},
        )
    assert answer.status_code == 422, answer.text  # since zeros are no model
    assert max(seen) - before < _MOST_GROWTH_BYTES, [size >> 20 for size in seen]
    assert not list((up.home / "uploads").glob("*"))


def _draft(browser: httpx.AsyncClient, up: Up) -> str:
    """Make a draft for whoever is signed in."""
    platform = Platform.open(WebserverSettings(home=up.home))
    try:
        found = platform.accounts.by_session(browser.cookies["fedota_session"])
        assert found is not None
        return platform.problems.create(found.actor, "Tumours")
    finally:
        platform.database.close()


async def test_an_upload_that_breaks_off_leaves_nothing(up: Up) -> None:
    async with up.browser() as browser:
        await up.set_up(browser)
        problem_id = _draft(browser, up)

        async def broken() -> AsyncIterator[bytes]:
            for _ in range(8):
                yield _CHUNK
            raise ConnectionError

        with pytest.raises(ConnectionError):
            await browser.put(f"/upload/model/{problem_id}", content=broken())
    await until(lambda: not list((up.home / "uploads").glob("*")), "the partial file is gone")
