"""``/download``: models, invites and data formats, for whoever may have them."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from urllib.parse import quote

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import (
    FileResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import BaseRoute, Route

from fedota_proto.errors import FedotaError, UsageError
from fedota_server.webserver.http_errors import http_status
from fedota_server.webserver.permissions import Actor
from ui.parts.commands_shown import invite_name
from ui.routes.form_page import message_page
from ui.routes.site import Site, in_thread
from ui.routes.upload import uploads_folder

_Make = Callable[[Actor, str, Request], Response]
_Endpoint = Callable[[Request], Awaitable[Response]]

_NO_STORE = {"Cache-Control": "no-store"}


class Download:
    """Hands files out.

    Parameters
    ----------
    site
        Whose.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._problems = site.platform.problems

    def routes(self) -> list[BaseRoute]:
        """List the routes."""
        base = "/download/{problem_id}"
        return [
            Route(f"{base}/model", self._serve(self._model), methods=["GET"]),
            Route(f"{base}/invite/{{node_id:int}}", self._serve(self._invite), methods=["GET"]),
            Route(f"{base}/image", self._serve(self._image), methods=["GET"]),
            Route(f"{base}/format.toml", self._serve(self._format), methods=["GET"]),
        ]

    def _serve(self, make: _Make) -> _Endpoint:
        async def serve(request: Request) -> Response:
            someone = await self._site.account(request)
            if someone is None:
                wanted = quote(str(request.url.path), safe="")
                return RedirectResponse(f"/login?next={wanted}", 303)
            try:
                return await in_thread(
                    make, someone.actor, request.path_params["problem_id"], request
                )
            except FedotaError as error:
                return message_page(
                    "This cannot be downloaded",
                    error.public_message,
                    status=http_status(error),
                    links=(("Home", "/"),),
                )

        return serve

    def _model(self, actor: Actor, problem_id: str, request: Request) -> Response:
        server_round = _round_of(request)
        folder = uploads_folder(self._site.settings.home)
        folder.mkdir(0o700, parents=True, exist_ok=True)
        place = folder / f"{secrets.token_hex(16)}.keras"
        try:
            exported = self._problems.export_model(actor, problem_id, place, server_round)
        except BaseException:
            place.unlink(missing_ok=True)
            raise
        return FileResponse(
            place,
            filename=f"{problem_id}-round-{exported}.keras",
            media_type="application/octet-stream",
            headers=_NO_STORE,
            background=BackgroundTask(place.unlink, missing_ok=True),
        )

    def _invite(self, actor: Actor, problem_id: str, request: Request) -> Response:
        node_id = request.path_params["node_id"]
        text = self._site.platform.memberships.invite_text(actor, problem_id, node_id)
        clients = self._site.platform.memberships.clients(actor, problem_id)
        name = next((client.name for client in clients if client.node_id == node_id), "")
        return _attached(text + "\n", invite_name(name))

    def _image(self, actor: Actor, problem_id: str, request: Request) -> Response:
        offer = self._site.platform.problem_images.offer(actor, problem_id)
        headers = {
            "Content-Length": str(offer.archive.size_bytes),
            "Content-Disposition": f'attachment; filename="{offer.name}"',
            "X-SHA256": offer.sha256,
        }
        # The chunks are read in a thread, one after the other, as the browser takes them.
        return StreamingResponse(
            offer.archive.chunks(), media_type="application/x-tar", headers=_NO_STORE | headers
        )

    def _format(self, actor: Actor, problem_id: str, request: Request) -> Response:
        text = self._problems.format_toml(actor, problem_id)
        return _attached(text, f"{problem_id}.toml")


def _round_of(request: Request) -> int | None:
    text = request.query_params.get("round", "")
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise UsageError("A round is a whole number: choose one on the problem's page.")
    return int(text)


def _attached(text: str, name: str) -> Response:
    headers = _NO_STORE | {"Content-Disposition": f'attachment; filename="{name}"'}
    return PlainTextResponse(text, headers=headers)
