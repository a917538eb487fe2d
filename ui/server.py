"""The web site: Streamlit's pages, and beside them our own routes, behind one gate."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount
from streamlit.runtime.pages_manager import PagesManager
from streamlit.starlette import App

from fedota_server.webserver.api import build_api
from fedota_server.webserver.platform import Platform
from ui import session
from ui.routes.client_files import client_routes
from ui.routes.download import Download
from ui.routes.failures import EXCEPTION_HANDLERS
from ui.routes.gate import Gate
from ui.routes.headers import SecurityHeaders
from ui.routes.look import look_routes
from ui.routes.register import Register
from ui.routes.shell import shell_routes
from ui.routes.sign_in import SignIn
from ui.routes.single_sign_on import SingleSignOn, streamlit_secrets
from ui.routes.site import Site
from ui.routes.upload import Upload, clear_uploads
from ui.routes.watch import watch_routes
from ui.script_errors import quieten_streamlit, show_script_error
from ui.theme.options import set_options
from ui.warm_up import warm_up

_SCRIPT = Path(__file__).with_name("app.py")


def build_app(platform: Platform) -> App:
    """Build the web site around a platform.

    Parameters
    ----------
    platform
        Opened; the site's lifespan runs it.

    Returns
    -------
    App
        For an ASGI server, with one process and one event loop.
    """
    cookie = session.install(platform)
    site = Site(platform, cookie)
    set_options(platform.settings, secrets.token_urlsafe(32))
    quieten_streamlit()
    # Else the first to come would be shown the folder of that name in place of our navigation.
    PagesManager.uses_pages_directory = False

    @asynccontextmanager
    async def lifespan(app: App) -> AsyncIterator[None]:
        clear_uploads(platform.settings.home)
        async with platform.running():
            warm_up()
            yield

    return App(
        _SCRIPT,
        secrets=streamlit_secrets(platform.settings) or None,
        lifespan=lifespan,
        routes=site_routes(site),
        middleware=site_middleware(site),
        on_script_error=show_script_error,
        exception_handlers=EXCEPTION_HANDLERS,
    )


def site_routes(site: Site) -> list[BaseRoute]:
    """List every route beside Streamlit's."""
    return [
        *shell_routes(),
        *look_routes(),
        *SignIn(site).routes(),
        *Register(site).routes(),
        *SingleSignOn(site).routes(),
        *Upload(site).routes(),
        *Download(site).routes(),
        *client_routes(site),
        *watch_routes(site),
        Mount("/api/v1", build_api(site.platform)),
    ]


def site_middleware(site: Site) -> list[Middleware]:
    """List what every request passes, the first one first."""
    return [
        Middleware(SecurityHeaders, https=site.cookie.secure),
        Middleware(Gate, site=site),
    ]
