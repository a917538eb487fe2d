"""A platform in a temporary folder, and the site around it: for AppTest and for TestClient."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from starlette.applications import Starlette
from streamlit.testing.v1 import AppTest

from fedota_server.authority import PlatformHome
from fedota_server.webserver import account_desk
from fedota_server.webserver.accounts import Account
from fedota_server.webserver.permissions import Actor, Role
from fedota_server.webserver.platform import Platform
from fedota_server.webserver.settings import WebserverSettings
from support.accounts import PASSWORD, quick_passwords
from support.asgi import TestClient
from ui import session
from ui.cookies import SessionCookie
from ui.routes.failures import EXCEPTION_HANDLERS
from ui.routes.site import Site
from ui.server import site_middleware, site_routes

ORIGIN = "http://testserver"
_APP = Path(session.__file__).with_name("app.py")


@dataclass
class Web:
    """A platform that does not run, whose pages the process shows.

    Parameters
    ----------
    platform
        Opened; its database is SQLite in its home.
    cookies
        Of the browser in which the pages are shown; `show_to` sets them.
    """

    platform: Platform
    cookies: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.cookie: SessionCookie = session.install(self.platform, lambda: self.cookies)
        self._admin: Actor | None = None

    @property
    def admin(self) -> Actor:
        """The first administrator, made at the first asking."""
        if self._admin is None:
            accounts = self.platform.accounts
            token = accounts.set_up(accounts.setup_code(), "admin@example.org", "Admin", PASSWORD)
            found = accounts.by_session(token)
            assert found is not None
            self._admin = found.actor
        return self._admin

    def person(self, name: str, roles: Iterable[Role] = (Role.SETTER, Role.HOLDER)) -> Account:
        """Make an account for `name`, who has chosen the password of the tests."""
        accounts = self.platform.accounts
        email = f"{name.lower()}@example.org"
        made, first = accounts.add_user(self.admin, email, name, frozenset(roles))
        accounts.change_password(made.actor, first, PASSWORD)
        return made

    def sign_in(self, email: str) -> str:
        """Sign somebody in and return the session's token."""
        return self.platform.accounts.sign_in(
            email, PASSWORD, address="192.0.2.1", browser="AppTest"
        )

    def show_to(self, email: str) -> None:
        """Have the pages shown to somebody from now on; to nobody where `email` is empty."""
        self.cookies.clear()
        if email:
            self.cookies[self.cookie.name] = self.sign_in(email)

    def page(self, name: str, **query: str) -> AppTest:
        """Open a page as whoever `show_to` named would, by the app's own navigation.

        Parameters
        ----------
        name
            Of the file in ``ui/pages``, without its ending.
        query
            What stands in the page's address, as ``id``.

        Returns
        -------
        AppTest
            The page, run once.
        """
        test = AppTest.from_file(str(_APP), default_timeout=30).run()
        assert not test.exception, test.exception
        for key, value in query.items():
            test.query_params[key] = value
        return test.switch_page(f"pages/{name}.py").run()

    def script(self, name: str) -> AppTest:
        """Run a page's script by itself, whether or not the navigation shows it to one."""
        return AppTest.from_file(
            str(_APP.parent / "pages" / f"{name}.py"), default_timeout=30
        ).run()

    def client(self, email: str = "", **options: Any) -> TestClient:
        """Make a browser for the routes beside Streamlit, signed in if `email` is given."""
        site = Site(self.platform, self.cookie)
        app = Starlette(
            routes=site_routes(site),
            middleware=site_middleware(site),
            exception_handlers=EXCEPTION_HANDLERS,
        )
        made = TestClient(
            app,
            base_url=ORIGIN,
            headers={"Origin": ORIGIN},
            follow_redirects=False,
            **options,
        )
        if email:
            made.cookies.set(self.cookie.name, self.sign_in(email))
        return made


@contextmanager
def opened_web(home: Path, migrated: Path | None = None, **settings: Any) -> Iterator[Web]:
    """Open a platform in a folder, with its CA and its database, for as long as the block lasts.

    Parameters
    ----------
    home
        The platform's folder.
    migrated
        A database with its tables, to be copied: the fixture `migrated_file`.
    settings
        Fields of `WebserverSettings` that are not as they stand there.
    """
    PlatformHome(home).init()
    with patch.object(account_desk, "Passwords", quick_passwords):
        platform = Platform.open(WebserverSettings(home=home, **settings))
    if migrated is None:
        platform.database.migrate()
    else:
        shutil.copyfile(migrated, home / "fedota.db")
    try:
        yield Web(platform)
    finally:
        platform.database.close()


__all__ = ["ORIGIN", "PASSWORD", "Web", "opened_web"]
