"""Seconds until each main page of a crowded platform is shown, in a real Chromium.

A page is opened by its address, from another one of the same site, and loaded whole. Who comes
from elsewhere waits longer once, which two more rows show: the pages refuse to share a process of
the browser with another site (Cross-Origin-Opener-Policy), so it starts one and reads Streamlit's
program anew.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

from playwright.sync_api import Page, ViewportSize, sync_playwright

from benchmarks.crowded import Crowded, fill
from benchmarks.door import first_line, running
from fedota_server.ports import free_ports

_VISITS = 5
_ELSEWHERE = "about:blank"
_SMALL = "/healthz"
_START_S = 60.0
_CHROMIUM = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
# Streamlit has nothing to run, the page has its heading, nothing is still to come, and every chart
# is drawn.
_SHOWN = """() => {
  const main = document.querySelector('[data-testid=stMain]');
  return document.querySelector('[data-testid=stApp][data-test-script-state=notRunning]')
    && main && main.querySelector('h1, h2')
    && !main.querySelector('[data-testid=stSkeleton]')
    && [...main.querySelectorAll('[data-testid=stVegaLiteChart]')]
      .every(one => one.querySelector('svg path, canvas'));
}"""
_TABLE = """() =>
  document.querySelector('[data-testid=stApp][data-test-script-state=notRunning]')
  && [...document.querySelectorAll('[data-testid=stDataFrame]')].some(one => one.offsetParent)
"""

PATHS = {
    "home": "/",
    "catalogue": "/catalogue",
    "problem": "/problem?id={id}",
    "rounds": "/problem?id={id}",
    "join": "/join?id={id}",
    "my_data": "/my-data",
    "new": "/new",
    "account": "/account",
    "users": "/users",
    "problems": "/problems",
    "servers": "/servers",
    "audit": "/audit",
    "health": "/health",
}
ARRIVALS = ("home", "problem")
NAMES = {
    "home": "the home page",
    "catalogue": "the catalogue",
    "problem": "a problem's page, 1,000 rounds",
    "rounds": "the same page's table of rounds, when its tab is pressed",
    "join": "the page for joining",
    "my_data": "a holder's own data",
    "new": "the form for a problem",
    "account": "the account",
    "users": "the users",
    "problems": "all problems",
    "servers": "all servers",
    "audit": "the audit log",
    "health": "the platform's health",
    "arrival_home": "the home page to who comes from elsewhere",
    "arrival_problem": "a problem's page to who comes from elsewhere",
}


@cache
def pages() -> dict[str, float]:
    """Measure every page, once in a bench: the median of five visits after a first one."""
    chromium = shutil.which("chromium")
    if chromium is None:
        raise RuntimeError("no Chromium is installed: `apt install chromium`")
    with tempfile.TemporaryDirectory(prefix="bench-pages-") as name:
        home = Path(name) / "home"
        crowded = fill(home)
        (port,) = free_ports(1)
        env = {
            **{key: value for key, value in os.environ.items() if not key.startswith("FEDOTA_")},
            "FEDOTA_HOME": str(home),
            "FEDOTA_KEEP_SERVERS": "0",
            "PYTHONUNBUFFERED": "1",
        }
        command = [sys.executable, "-m", "fedota_server.cli", "up", "--port", str(port)]
        with running(command, env) as process:
            asyncio.run(first_line(process, _START_S))
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=chromium, args=list(_CHROMIUM))
                context = browser.new_context(viewport=ViewportSize(width=1280, height=900))
                url = f"http://127.0.0.1:{port}"
                context.add_cookies(
                    [{"name": "fedota_session", "value": crowded.token, "url": url}]
                )
                page = context.new_page()
                found = {key: _median_s(page, key, url, crowded, url + _SMALL) for key in PATHS}
                found |= {
                    f"arrival_{key}": _median_s(page, key, url, crowded, _ELSEWHERE)
                    for key in ARRIVALS
                }
                browser.close()
    return found


def page_s(key: str) -> Callable[[], float]:
    """Make what measures one page."""
    return lambda: pages()[key]


def _median_s(page: Page, key: str, url: str, crowded: Crowded, origin: str) -> float:
    visits = [_visit_s(page, key, url, crowded, origin) for _ in range(1 + _VISITS)]
    return statistics.median(visits[1:])


def _visit_s(page: Page, key: str, url: str, crowded: Crowded, origin: str) -> float:
    page.goto(origin)
    start = time.perf_counter()
    page.goto(url + PATHS[key].format(id=crowded.problem_id), wait_until="commit")
    page.wait_for_function(_SHOWN)
    if key == "rounds":
        start = time.perf_counter()
        page.get_by_role("tab", name="Rounds", exact=True).click()
        page.wait_for_function(_TABLE)
    return time.perf_counter() - start
