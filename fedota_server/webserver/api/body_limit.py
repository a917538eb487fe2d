"""A bound on the bodies that are read into memory."""

from __future__ import annotations

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fedota_proto.units import size_words

BODY_MAX_BYTES = 4 << 20

# What goes to disk as it comes has a bound of its own.
STREAMED = ("/model", "/test-file", "/data/proposal")


class BodyLimit:
    """Refuse bodies that are too large, before or while they come.

    Parameters
    ----------
    app
        What answers otherwise.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or scope["path"].endswith(STREAMED):
            await self._app(scope, receive, send)
            return
        if _declared(scope) > BODY_MAX_BYTES:
            await _too_large()(scope, receive, send)
            return
        came = 0

        async def counted() -> Message:
            nonlocal came
            message = await receive()
            came += len(message.get("body", b""))
            if came > BODY_MAX_BYTES:
                # As if the other end had gone: what reads the body stops there.
                return {"type": "http.disconnect"}
            return message

        await self._app(scope, counted, send)


def _declared(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0


def _too_large() -> JSONResponse:
    message = f"The request is larger than {size_words(BODY_MAX_BYTES)}: send less at once."
    return JSONResponse(
        {"code": "too-large", "message": message}, 413, headers={"Connection": "close"}
    )
