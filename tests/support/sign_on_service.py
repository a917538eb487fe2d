"""An OpenID Connect service that vouches for whoever a test names."""

from __future__ import annotations

import asyncio
import secrets
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from typing import Any
from urllib.parse import urlencode

import uvicorn
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CLIENT_ID, CLIENT_SECRET = "fedota-tests", "a secret of tests"


class SignOnService:
    """Answers as a sign-on service does; nobody types a password there.

    Parameters
    ----------
    url
        Where it is reached.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.claims: dict[str, Any] = {
            "sub": "4711",
            "email": "ada@example.org",
            "email_verified": True,
            "name": "Ada",
        }
        self._key = RSAKey.generate_key(2048, parameters={"kid": "tests"})
        self._nonces: dict[str, str] = {}

    @property
    def metadata_url(self) -> str:
        """Where it describes itself."""
        return f"{self.url}/.well-known/openid-configuration"

    def app(self) -> Starlette:
        """Make it as an ASGI application."""
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._describe),
                Route("/authorize", self._authorize),
                Route("/token", self._give_token, methods=["POST"]),
                Route("/keys", self._show_keys),
            ]
        )

    async def _describe(self, request: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "code_challenge_methods_supported": ["S256"],
            }
        )

    async def _authorize(self, request: Request) -> Response:
        asked = request.query_params
        assert asked["client_id"] == CLIENT_ID
        code = secrets.token_hex(8)
        self._nonces[code] = asked["nonce"]
        back = urlencode({"code": code, "state": asked["state"]})
        return RedirectResponse(f"{asked['redirect_uri']}?{back}", 302)

    async def _give_token(self, request: Request) -> Response:
        form = await request.form()
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "nonce": self._nonces.pop(str(form["code"])),
            **self.claims,
        }
        token = jwt.encode({"alg": "RS256", "kid": "tests"}, claims, self._key)
        return JSONResponse(
            {"access_token": "unused", "token_type": "Bearer", "expires_in": 300, "id_token": token}
        )

    async def _show_keys(self, request: Request) -> Response:
        return JSONResponse({"keys": [self._key.as_dict(private=False)]})


@asynccontextmanager
async def sign_on_service() -> AsyncIterator[SignOnService]:
    """Serve one in this event loop for as long as the block lasts."""
    listening = socket.create_server(("127.0.0.1", 0))
    service = SignOnService(f"http://127.0.0.1:{listening.getsockname()[1]}")
    server = uvicorn.Server(
        uvicorn.Config(service.app(), log_config=None, lifespan="off", ws="none")
    )
    server.capture_signals = nullcontext  # type: ignore[method-assign,assignment]
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield service
    finally:
        server.should_exit = True
        await serving
        listening.close()
