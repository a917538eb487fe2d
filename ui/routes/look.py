"""The files of our own pages' look."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ui.routes.form_page import ICON_PATH, STYLE_PATH, style_sheet
from ui.theme import ICON

_ONE_HOUR = {"Cache-Control": "public, max-age=3600"}


def look_routes() -> list[BaseRoute]:
    """List the routes of the style sheet and of the icon, which browsers ask for by two names."""
    style, icon = style_sheet(), ICON.read_bytes()

    async def show_style(request: Request) -> Response:
        return Response(style, media_type="text/css", headers=_ONE_HOUR)

    async def show_icon(request: Request) -> Response:
        return Response(icon, media_type="image/svg+xml", headers=_ONE_HOUR)

    return [
        Route(STYLE_PATH, show_style),
        *(Route(path, show_icon) for path in (ICON_PATH, "/favicon.png", "/favicon.ico")),
    ]
