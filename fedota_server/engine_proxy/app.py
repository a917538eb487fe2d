"""The proxy itself: judges, asks the engine whose an object is, and passes on."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from fedota_proto.errors import ForbiddenError
from fedota_server.engine_proxy.checks import refuse
from fedota_server.engine_proxy.rules import EngineRules, Judgement
from fedota_server.spawners.docker_place import PLATFORM_LABEL

logger = logging.getLogger(__name__)

_BODY_MOST_BYTES = 1 << 20
_CONNECT_S = 10.0
# Where an inspected object keeps its labels; others keep them outside.
_LABELLED = {"containers": "Config", "services": "Spec", "secrets": "Spec", "configs": "Spec"}
_METHODS = ["GET", "HEAD", "POST", "DELETE", "PUT", "PATCH", "OPTIONS"]


class EngineProxy:
    """Answer for an engine.

    Parameters
    ----------
    rules
        What may pass.
    platform
        Value of the label that the platform's objects bear.
    transport
        How the engine is reached.
    """

    def __init__(
        self, rules: EngineRules, platform: str, transport: httpx.AsyncBaseTransport
    ) -> None:
        self._rules = rules
        self._platform = platform
        self._transport = transport
        self._engine: httpx.AsyncClient | None = None

    def app(self) -> Starlette:
        """Build the ASGI application."""
        route = Route("/{path:path}", self._answer, methods=_METHODS)
        return Starlette(routes=[route], lifespan=self._lifespan)

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        # Waiting for a container's end and following its log take as long as they take.
        timeout = httpx.Timeout(None, connect=_CONNECT_S)
        async with httpx.AsyncClient(
            transport=self._transport, base_url="http://engine", timeout=timeout
        ) as engine:
            self._engine = engine
            yield

    async def _answer(self, request: Request) -> Response:
        path = request.scope["raw_path"].decode("ascii").partition("?")[0]
        try:
            body = await _body(request)
            judged = self._rules.judge(request.method, path, request.query_params, body)
            await self._refuse_foreign(judged)
            await self._refuse_images(judged)
            return await self._pass_on(request, path, body)
        except ForbiddenError as error:
            logger.warning("refused: %s %s: %s", request.method, path, error.public_message)
            return JSONResponse({"message": error.public_message}, 403)
        except httpx.TransportError as error:
            logger.error("the engine does not answer: %r", error)
            return JSONResponse({"message": "The Docker engine does not answer its socket."}, 502)

    @property
    def _client(self) -> httpx.AsyncClient:
        assert self._engine is not None  # noqa: S101
        return self._engine

    async def _refuse_foreign(self, judged: Judgement) -> None:
        """Refuse objects that are there without the platform's label."""
        for kind, name in judged.owned:
            place = f"/containers/{name}/json" if kind == "containers" else f"/{kind}/{name}"
            inspected = await self._look(place, name)
            if inspected is None:
                continue  # the engine says so itself, or refuses what needs it
            labelled = inspected.get(_LABELLED.get(kind, ""), inspected)
            if (labelled.get("Labels") or {}).get(PLATFORM_LABEL) != self._platform:
                raise refuse(f"{name}, which is not this platform's")

    async def _refuse_images(self, judged: Judgement) -> None:
        """Refuse images that are none of those that may be run, by whatever name."""
        for image in judged.images:
            for name in sorted(self._rules.images):
                known = await self._look(f"/images/{name}/json", name) or {}
                if image in (name, known.get("Id"), *(known.get("RepoDigests") or ())):
                    break
            else:
                raise refuse(f"the image {image!r}")

    async def _look(self, place: str, name: str) -> Mapping[str, Any] | None:
        """Ask the engine for an object; None where there is none."""
        found = await self._client.get(place)
        if found.status_code == 404:
            return None
        try:
            inspected: Mapping[str, Any] = found.raise_for_status().json()
        except (httpx.HTTPStatusError, ValueError):
            raise refuse(f"{name}, of which the engine tells nothing") from None
        return inspected

    async def _pass_on(self, request: Request, path: str, body: Any) -> Response:
        # The body goes on as it was understood here, so that nothing in it is read differently.
        asked = self._client.build_request(
            request.method,
            httpx.URL(path, query=request.url.query.encode()),
            content=None if body is None else json.dumps(body).encode(),
            headers={} if body is None else {"content-type": "application/json"},
        )
        answer = await self._client.send(asked, stream=True)
        headers = {
            name: value
            for name, value in answer.headers.items()
            if name in ("content-type", "api-version", "docker-experimental", "ostype", "server")
        }
        return StreamingResponse(
            answer.aiter_raw(),
            answer.status_code,
            headers,
            background=BackgroundTask(answer.aclose),
        )


async def _body(request: Request) -> Any:
    if "upgrade" in request.headers:
        raise refuse("to take over the connection")
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > _BODY_MOST_BYTES:
            raise refuse("a body of more than 1 MiB")
    if not received.strip():
        return None
    try:
        return json.loads(received)
    except ValueError:
        raise refuse("a body that is no JSON") from None
