"""What every request passes first: whose page sent it, and is somebody signed in."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from fedota_proto.errors import FedotaError
from ui.navigation import ENTRIES
from ui.routes.failures import refusal_page
from ui.routes.form_page import message_page
from ui.routes.single_sign_on import FINISH, has_identity
from ui.routes.site import Site, in_thread

_PAGES = frozenset(f"/{entry.url_path}" for entry in ENTRIES)
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_API = "/api/"  # its tokens are in a header that no browser sends by itself
_SIGNED_IN_ONLY = ("/_stcore/upload_file/", "/_stcore/metrics", "/media/")
_CLOSED = ("/_stcore/agent/",)


class Gate:
    """ASGI middleware that turns away what comes from other sites or from nobody.

    Parameters
    ----------
    app
        What stands behind it.
    site
        Whose.
    """

    def __init__(self, app: ASGIApp, site: Site) -> None:
        self._app = app
        self._site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it."""
        if scope["type"] == "websocket":
            if self._from_elsewhere(Headers(scope=scope)):
                await send({"type": "websocket.close", "code": 1008, "reason": ""})
                return
        elif scope["type"] == "http":
            try:
                answer = await self._answer(scope)
            except FedotaError as error:  # the database does not answer
                answer = refusal_page(error)
            if answer is not None:
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _from_elsewhere(self, headers: Headers) -> bool:
        origin = headers.get("origin")
        return origin is not None and not self._site.is_own_origin(origin, headers.get("host", ""))

    def _is_forged(self, headers: Headers) -> bool:
        fetched_by = headers.get("sec-fetch-site")
        if fetched_by is not None and fetched_by not in ("same-origin", "none"):
            return True
        if headers.get("origin") is None:
            return fetched_by is None
        return self._from_elsewhere(headers)

    async def _answer(self, scope: Scope) -> Response | None:
        path, method = scope["path"], scope["method"]
        connection = HTTPConnection(scope)
        if path.startswith(_CLOSED):
            return Response(status_code=404)
        changes = method not in _SAFE_METHODS and not path.startswith(_API)
        if changes and self._is_forged(connection.headers):
            return _forged()
        if path.startswith(_SIGNED_IN_ONLY) and await self._site.account(connection) is None:
            return Response("Sign in first.", status_code=401)
        if path in _PAGES and method in ("GET", "HEAD"):
            return await self._to_sign_in(connection)
        return None

    async def _to_sign_in(self, connection: HTTPConnection) -> Response | None:
        if await self._site.account(connection) is not None:
            return None
        if await in_thread(self._site.platform.accounts.needs_setup):
            return RedirectResponse("/setup", 303)
        if self._site.settings.has_oidc and has_identity(connection):
            return RedirectResponse(FINISH, 303)
        wanted = connection.url.path
        if connection.url.query:
            wanted += f"?{connection.url.query}"
        query = "?" + urlencode({"next": wanted}) if wanted != "/" else ""
        return RedirectResponse(f"/login{query}", 303)


def _forged() -> Response:
    return message_page(
        "That came from another site",
        "Nothing was changed. Open the page on this site and do it there.",
        status=403,
        links=(("To this site", "/"),),
    )
