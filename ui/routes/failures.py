"""What a browser is answered when a route fails: a sentence, and an id that is in the log."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from fedota_proto.errors import FedotaError
from fedota_server.webserver.http_errors import http_status
from ui.routes.form_page import message_page

_LOGGER = logging.getLogger(__name__)
_HOME = (("Home", "/"),)


def refusal_page(error: FedotaError) -> Response:
    """Say why something is not done."""
    status = http_status(error)
    title = "This cannot be done" if status < 500 else "This does not work now"
    return message_page(title, error.public_message, status=status, links=_HOME)


async def answer_refusal(request: Request, error: Exception) -> Response:
    """Answer what a use case refuses and no route has answered."""
    if isinstance(error, FedotaError):
        return refusal_page(error)
    return await answer_defect(request, error)


async def answer_defect(request: Request, error: Exception) -> Response:
    """Answer a defect of ours; the server logs its trace, and this the id beside it."""
    error_id = secrets.token_hex(4)
    _LOGGER.error("request error %s: %s %s", error_id, request.method, request.url.path)
    return message_page(
        "Something went wrong",
        f"Nothing that you did was lost. Try again; if it happens again, tell an administrator "
        f"the id {error_id}, which is in the log.",
        status=500,
        links=_HOME,
    )


EXCEPTION_HANDLERS: Mapping[Any, Any] = {FedotaError: answer_refusal, Exception: answer_defect}
