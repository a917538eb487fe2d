"""The HTML in which Streamlit's app runs, served at every page's address."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route
from streamlit import file_util

from fedota_proto.errors import InternalError
from ui.navigation import ENTRIES

# Streamlit's app looks for its server below the page's address first, then above it, and loses a
# tenth of a second at every page but the first. Ours is always at the root.
_SERVER = "<script>window.__streamlit = {BACKEND_BASE_URL: window.location.origin};</script>"
_TITLE = "<title>Streamlit</title>"


@cache
def shell() -> str:
    """Return Streamlit's own HTML with our title, told where its server is.

    Raises
    ------
    InternalError
        The installed Streamlit's HTML is not as expected.
    """
    text = Path(file_util.get_static_dir(), "index.html").read_text()
    if text.count(_TITLE) != 1:
        raise InternalError("Streamlit's page has changed: install the version of constraints.txt.")
    return text.replace(_TITLE, f"<title>Fedota</title>\n    {_SERVER}")


def shell_routes() -> list[BaseRoute]:
    """List the addresses of the pages."""

    async def show_shell(request: Request) -> Response:
        return HTMLResponse(shell(), headers={"Cache-Control": "no-cache"})

    return [Route(f"/{entry.url_path}", show_shell) for entry in ENTRIES]
