"""Single sign-on: Streamlit's own ``st.login`` proves who somebody is, and we sign them in.

Streamlit sends people to the sign-on service and takes them back; it then keeps what the service
said in a signed cookie of its own. ``/login/sso/done`` turns that into a session of ours and
forgets the cookie. What is Streamlit's, and not in its documentation, is used in this file alone.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from streamlit.auth_util import get_cookie_with_chunks
from streamlit.user_info import generate_login_redirect_url
from streamlit.web.server.server_util import get_cookie_secret
from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value
from streamlit.web.server.starlette.starlette_server_config import (
    TOKENS_COOKIE_NAME,
    USER_COOKIE_NAME,
)

from fedota_proto.errors import FedotaError
from fedota_server.webserver.http_errors import http_status
from fedota_server.webserver.settings import WebserverSettings
from ui.routes.form_page import message_page
from ui.routes.site import Site, browser_of, in_thread, local_path

BEGIN, FINISH = "/login/sso", "/login/sso/done"
_WANTED = "fedota_wanted"
_TEN_MINUTES_S = 600


def streamlit_secrets(settings: WebserverSettings) -> dict[str, Any]:
    """Return what ``st.login`` needs; empty where no single sign-on is configured."""
    if not settings.has_oidc:
        return {}
    return {
        "auth": {
            "redirect_uri": f"{settings.page_url}/oauth2callback",
            "cookie_secret": secrets.token_urlsafe(32),
            "client_id": settings.oidc_client_id,
            "client_secret": settings.oidc_client_secret.get_secret_value(),
            "server_metadata_url": settings.oidc_metadata_url,
        }
    }


def has_identity(connection: HTTPConnection) -> bool:
    """Tell whether somebody comes back from the sign-on service."""
    return USER_COOKIE_NAME in connection.cookies


def _identity(connection: HTTPConnection) -> Mapping[str, Any] | None:
    secret = get_cookie_secret()

    def signed(name: str) -> bytes | None:
        value = connection.cookies.get(name)
        return None if value is None else decode_signed_value(secret, name, value.encode("latin-1"))

    text = get_cookie_with_chunks(signed, USER_COOKIE_NAME)
    found = json.loads(text) if text else None
    return found if isinstance(found, dict) and found.get("is_logged_in") else None


class SingleSignOn:
    """Signs people in whom their organisation's service knows.

    Parameters
    ----------
    site
        Whose.
    """

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[BaseRoute]:
        """List the routes; none where no service is configured."""
        if not self._site.settings.has_oidc:
            return []
        return [
            Route(BEGIN, self._begin, methods=["GET"]),
            Route(FINISH, self._finish, methods=["GET"]),
        ]

    async def _begin(self, request: Request) -> Response:
        answer = RedirectResponse(generate_login_redirect_url("default"), 303)
        answer.set_cookie(
            _WANTED,
            local_path(request.query_params.get("next", "")),
            max_age=_TEN_MINUTES_S,
            path=BEGIN,
            secure=self._site.cookie.secure,
            httponly=True,
            samesite="lax",
        )
        return answer

    async def _finish(self, request: Request) -> Response:
        identity = _identity(request)
        if identity is None or not self._is_ours(identity):
            answer: Response = RedirectResponse("/login", 303)
        else:
            answer = await self._sign_in(request, identity)
        for name in request.cookies:
            if name == USER_COOKIE_NAME or name.startswith(
                (f"{USER_COOKIE_NAME}_", TOKENS_COOKIE_NAME)
            ):
                answer.delete_cookie(name, path="/", httponly=True, samesite="lax")
        answer.delete_cookie(_WANTED, path=BEGIN)
        return answer

    def _is_ours(self, identity: Mapping[str, Any]) -> bool:
        ours = urlsplit(self._site.settings.page_url)
        return identity.get("origin") == f"{ours.scheme}://{ours.netloc}"

    async def _sign_in(self, request: Request, identity: Mapping[str, Any]) -> Response:
        email = str(identity.get("email") or "")
        try:
            token = await in_thread(
                self._site.platform.accounts.sign_in_oidc,
                str(identity.get("iss") or ""),
                str(identity.get("sub") or ""),
                email,
                str(identity.get("name") or email),
                identity.get("email_verified") is True,
                browser=browser_of(request),
            )
        except FedotaError as error:
            return message_page(
                "You are not signed in",
                error.public_message,
                status=http_status(error),
                links=(("Back to signing in", "/login"),),
            )
        answer = RedirectResponse(local_path(request.cookies.get(_WANTED, "/")), 303)
        self._site.cookie.keep(answer, token)
        return answer
