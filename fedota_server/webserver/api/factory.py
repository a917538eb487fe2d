"""Builds the API around a platform."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.routing import APIRoute

from fedota_proto.release import release
from fedota_server.webserver.api import (
    account,
    administration,
    client,
    drafts,
    jobs,
    memberships,
    problems,
)
from fedota_server.webserver.api.answers import ERRORS, answer_errors
from fedota_server.webserver.api.body_limit import BodyLimit
from fedota_server.webserver.client_files import ClientFiles
from fedota_server.webserver.platform import Platform
from fedota_server.webserver.receiving import Receiver

_DESCRIPTION = """
Everything that Fedota's pages do, for scripts.

Send a token with every request: `Authorization: Bearer fdt_…`. You make one on your account's
page; it may do all that you may. Refusals are JSON, `{"code": …, "message": …}`; the code is for
programs, the message says what happened and what to do. After `429` and `503`, `Retry-After` says
in how many seconds to come back. Times are seconds since 1970, UTC; sizes are bytes.
"""


def build_api(platform: Platform) -> FastAPI:
    """Build the API.

    Parameters
    ----------
    platform
        Opened; whoever mounts the API runs it.

    Returns
    -------
    FastAPI
        To be mounted at ``/api/v1``. No page of it loads anything from elsewhere: only
        ``openapi.json`` describes it.
    """
    api = FastAPI(
        title="Fedota",
        version=release(),
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        responses=ERRORS,
        generate_unique_id_function=_operation_id,
    )
    api.state.platform = platform
    settings = platform.settings
    api.state.receiver = Receiver(settings.home / "uploads", settings.model_max_bytes)
    api.state.client_files = ClientFiles(settings.home)
    for router in (
        account.router,
        problems.router,
        drafts.router,
        memberships.router,
        client.router,
        jobs.router,
        administration.router,
    ):
        api.include_router(router)
    answer_errors(api)
    api.add_middleware(BodyLimit)
    return api


def _operation_id(route: APIRoute) -> str:
    """Name an operation as its function, for clients that are generated."""
    return route.name
