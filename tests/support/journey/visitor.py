"""Somebody with a browser of their own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Download,
    Error,
    Locator,
    ViewportSize,
    expect,
)

WAIT_MS = 30_000
DESKTOP = ViewportSize(width=1280, height=900)
PHONE = ViewportSize(width=390, height=844)

PASSWORD = "a long enough sentence"


class Visitor:
    """Looks at a platform's pages.

    Parameters
    ----------
    browser
        In which a private window is opened.
    url
        The platform's address.
    size
        Of the window.
    """

    def __init__(self, browser: Browser, url: str, size: ViewportSize = DESKTOP) -> None:
        self._context = browser.new_context(
            viewport=size, accept_downloads=True, timezone_id="Europe/Berlin"
        )
        self._context.set_default_timeout(WAIT_MS)
        self.page = self._context.new_page()
        self.url = url
        self.complaints: list[str] = []
        self.page.on("console", self._listen)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _listen(self, message: ConsoleMessage) -> None:
        # A page that was left while it loaded is no complaint of the page's.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def close(self) -> None:
        """Close the window."""
        self._context.close()

    def open(self, path: str) -> None:
        """Go to a page, and wait until it is whole."""
        self.page.goto(self.url + path)
        self.settle()

    def settle(self) -> None:
        """Wait until Streamlit has nothing more to run."""
        if self.page.locator("[data-testid=stApp]").count():
            expect(
                self.page.locator("[data-testid=stApp][data-test-script-state=notRunning]")
            ).to_be_visible()

    def sees(self, text: str | re.Pattern[str], *, within_s: float = 30.0) -> Locator:
        """Wait until a text stands on the page."""
        found = self.page.get_by_text(text).locator("visible=true").first
        try:
            expect(found).to_be_visible(timeout=within_s * 1000)
        except AssertionError as error:
            raise AssertionError(
                f"{text!r} does not stand on {self.page.url}, but:\n{self.text()}"
            ) from error
        return found

    def text(self) -> str:
        """Return what stands on the page."""
        return self.page.inner_text("body")

    def press(self, name: str | re.Pattern[str], *, exact: bool = True) -> None:
        """Press a button or follow a link."""
        self.settle()  # a click on what is just being drawn anew is lost
        button = self.page.get_by_role("button", name=name, exact=exact)
        link = self.page.get_by_role("link", name=name, exact=exact)
        button.or_(link).locator("visible=true").first.click()

    def choose_tab(self, name: str) -> None:
        """Open a tab."""
        self.page.get_by_role("tab", name=name, exact=True).click()
        self.settle()

    def choose_step(self, name: str) -> None:
        """Open a step of the form for a problem."""
        self.page.get_by_role("radio", name=re.compile(rf"\b{name}$")).click()
        self.settle()

    def fill(self, label: str, value: str) -> None:
        """Fill in a field, and leave it."""
        field = self.page.get_by_label(label, exact=True).locator("visible=true").first
        field.fill(value)
        field.press("Tab")

    def upload(self, file: Path, *, nth: int = 0) -> None:
        """Give a file to an upload box."""
        self.page.locator("input[type=file]").nth(nth).set_input_files(file)

    @contextmanager
    def downloading(self, to: Path) -> Iterator[None]:
        """Keep the file that is fetched within the block."""
        with self.page.expect_download() as fetched:
            yield
        download: Download = fetched.value
        download.save_as(to)

    def problem_id(self) -> str:
        """Return the problem that the page is about, from its address."""
        (found,) = parse_qs(urlsplit(self.page.url).query)["id"]
        return found

    def picture(self, folder: Path, name: str, *, whole: bool = False) -> None:
        """Take a picture of the page."""
        self.settle()
        self.page.wait_for_timeout(600)  # for charts to be drawn: it is for people's eyes alone
        self.page.screenshot(path=folder / f"{name}.png", full_page=whole)

    def fits_width(self) -> bool:
        """Tell whether nothing reaches beyond the window's right edge."""
        wide: bool = self.page.evaluate(
            "() => { const m = document.querySelector('[data-testid=stMain]') ?? document.body;"
            " return m.scrollWidth <= m.clientWidth + 1; }"
        )
        return wide

    def register(self, name: str, email: str) -> None:
        """Make an account."""
        self.page.goto(self.url + "/register")
        self.page.fill("input[name=name]", name)
        self.page.fill("input[name=email]", email)
        self.page.fill("input[name=password]", PASSWORD)
        self.page.click("button[type=submit]")
        self.sees(re.compile(f"Hello, {name}"))

    def sign_in(self, email: str) -> None:
        """Come back to an account."""
        self.page.goto(self.url + "/login")
        self.page.fill("input[name=email]", email)
        self.page.fill("input[name=password]", PASSWORD)
        self.page.click("button[type=submit]")
        self.settle()

    def cookie_of_session(self) -> Any:
        """Return the cookie by which one stays signed in."""
        for cookie in self._context.cookies():
            if "fedota_session" in cookie.get("name", ""):
                return cookie
        raise Error("there is no session's cookie")
