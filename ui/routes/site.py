"""What every route needs: the platform, the cookie, and who is at the other end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec, TypeVar
from urllib.parse import parse_qsl, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection, Request

from fedota_proto.errors import UsageError
from fedota_server.webserver.accounts import Account
from fedota_server.webserver.platform import Platform
from fedota_server.webserver.settings import WebserverSettings
from ui.cookies import SessionCookie

_FORM_MAX_BYTES = 64 << 10
_HOME = "/"

_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Site:
    """The web site around a platform.

    Parameters
    ----------
    platform
        Opened.
    cookie
        Keeps people signed in.
    """

    platform: Platform
    cookie: SessionCookie

    @property
    def settings(self) -> WebserverSettings:
        """The webserver's settings."""
        return self.platform.settings

    def token(self, connection: HTTPConnection) -> str:
        """Return the session's token that a browser sent; empty if none."""
        return self.cookie.token(connection.cookies)

    async def account(self, connection: HTTPConnection) -> Account | None:
        """Return who is signed in at the other end, or None."""
        token = self.token(connection)
        if not token:
            return None
        return await in_thread(self.platform.accounts.by_session, token)

    def address(self, connection: HTTPConnection) -> str:
        """Return the address of whoever is at the other end, by which attempts are counted.

        Behind the declared proxy it is the last one that the proxy has written: those before it
        are whatever the caller claimed.
        """
        if self.settings.trusted_proxy:
            claimed = connection.headers.get("x-forwarded-for", "").rsplit(",", 1)[-1].strip()
            if claimed:
                return claimed[:64]
        return connection.client.host if connection.client else ""

    def is_own_origin(self, origin: str, host: str) -> bool:
        """Tell whether an ``Origin`` header names this site.

        Parameters
        ----------
        origin
            The header; ``null`` and the empty string are nobody's.
        host
            The request's ``Host``; a proxy may have written its own, so that the address of the
            settings counts, too.
        """
        parts = urlsplit(origin)
        if not parts.netloc:
            return False
        ours = urlsplit(self.settings.page_url)
        return parts.netloc == host or (parts.scheme, parts.netloc) == (ours.scheme, ours.netloc)


async def in_thread(
    function: Callable[_Parameters, _Result], *args: _Parameters.args, **kwargs: _Parameters.kwargs
) -> _Result:
    """Run a use case in a thread, since it waits for the database."""
    return await run_in_threadpool(function, *args, **kwargs)


async def read_form(request: Request) -> dict[str, str]:
    """Read a form's fields; of those that come twice the first.

    Raises
    ------
    UsageError
        It is larger than any of our forms.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _FORM_MAX_BYTES:
            raise UsageError("This form is too large: fill it in anew.")
    pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=50)
    return dict(reversed(pairs))


def local_path(wanted: str) -> str:
    """Return where somebody wanted to go if that is a page of this site, else the home page."""
    if not wanted.startswith("/") or wanted.startswith("//") or "\\" in wanted:
        return _HOME
    if not (wanted.isascii() and wanted.isprintable()) or urlsplit(wanted).netloc:
        return _HOME
    return wanted


def browser_of(request: Request) -> str:
    """Return what a browser says of itself."""
    return request.headers.get("user-agent", "")
