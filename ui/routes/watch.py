"""``/healthz`` and ``/metrics``, for what watches the platform."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from fedota_proto.errors import FedotaError
from fedota_server.webserver.health import healthz
from fedota_server.webserver.http_errors import error_body, error_headers, http_status
from fedota_server.webserver.metrics import CONTENT_TYPE, read_metrics
from ui.routes.site import Site, in_thread

_NO_STORE = {"Cache-Control": "no-store"}


def watch_routes(site: Site) -> list[BaseRoute]:
    """List the routes; neither is asked for by a browser."""

    async def show_health(request: Request) -> Response:
        status, body = await in_thread(healthz, site.platform)
        return JSONResponse(body, status, headers=_NO_STORE)

    async def show_metrics(request: Request) -> Response:
        authorization = request.headers.get("authorization", "")
        try:
            text = await in_thread(read_metrics, site.platform, authorization)
        except FedotaError as error:
            return JSONResponse(error_body(error), http_status(error), error_headers(error))
        return Response(text, headers=_NO_STORE, media_type=CONTENT_TYPE)

    return [Route("/healthz", show_health), Route("/metrics", show_metrics)]
