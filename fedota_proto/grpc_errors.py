"""The one place where errors become gRPC statuses and statuses become errors again.

A server raises `FedotaError`; `ErrorInterceptor` ends the call with the error's status and carries
its code, its public message and its numbers in the trailing metadata key ``fedota-error``, so that
the caller gets the same class back from `from_rpc_error`. Whatever else a handler raises is a
defect: the caller learns an id, and the traceback stands beside that id in the log.
"""

from __future__ import annotations

import inspect
import json
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn

import grpc
import grpc.aio

from fedota_proto.errors import (
    AuthenticationError,
    BusyError,
    FedotaError,
    InternalError,
    InviteError,
    StreamError,
    UnreachableError,
    VersionError,
    error_tree,
)

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]
    Handler = grpc.RpcMethodHandler[Any, Any]
    Continuation = Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]]

ERROR_KEY = "fedota-error"
MESSAGE_CHARACTERS_MAX = 1_500
_CERTIFICATE_MARKS = ("CERTIFICATE_VERIFY_FAILED", "Hostname Verification Check failed")

_log = logging.getLogger(__name__)

_CLASSES: dict[str, type[FedotaError]] = {
    cls.code: cls for cls in error_tree() if cls is not FedotaError
}


def _numbers_of(cls: type[FedotaError]) -> dict[str, str]:
    """Name the attributes that an error of this class carries, each with its annotation."""
    parameters = inspect.signature(cls.__init__).parameters.values()
    return {
        parameter.name: str(parameter.annotation)
        for parameter in parameters
        if parameter.name not in ("self", "public_message", "detail")
    }


def _shortened(text: str) -> str:
    if len(text) <= MESSAGE_CHARACTERS_MAX:
        return text
    return text[: MESSAGE_CHARACTERS_MAX - 1] + "…"


def to_trailer(error: FedotaError) -> tuple[str, str]:
    """Write an error as one pair of trailing metadata.

    Returns
    -------
    tuple of str
        `ERROR_KEY` and an ASCII JSON object with code, message, retryable, retry_after_s and the
        error's own numbers. The private detail is not in it.
    """
    numbers: dict[str, Any] = {
        name: getattr(error, name) for name in _numbers_of(type(error)) if name != "mistakes"
    }
    body = {
        "code": error.code,
        "message": _shortened(error.public_message),
        "retryable": error.retryable,
        "retry_after_s": getattr(error, "retry_after_s", 0.0),
        "numbers": numbers,
    }
    return ERROR_KEY, json.dumps(body, separators=(",", ":"))


def from_trailer(text: str) -> FedotaError | None:
    """Read what `to_trailer` wrote; the text comes from a peer and may be anything.

    Returns
    -------
    FedotaError or None
        The same class with the same message and numbers; None if the text is malformed or names
        an error that this release does not know.
    """
    try:
        body = json.loads(text)
        cls = _CLASSES[body["code"]]
        message = str(body["message"])
        given = dict(body["numbers"])
    except (ValueError, KeyError, TypeError):
        return None
    numbers: dict[str, Any] = {}
    for name, annotation in _numbers_of(cls).items():
        value = given.get(name)
        if annotation == "str":
            numbers[name] = _shortened(str(value or ""))
        elif annotation == "int":
            numbers[name] = value if type(value) is int else 0
        elif annotation == "float":
            numbers[name] = float(value) if isinstance(value, int | float) else 0.0
    return cls(public_message=_shortened(message), **numbers)


def from_rpc_error(error: grpc.RpcError, *, peer: str = "The server") -> FedotaError:
    """Turn a failed call into the error that the peer raised, or into what the status means.

    Parameters
    ----------
    error
        What ``await call`` raised.
    peer
        How to name the other side at the start of a sentence, as ``"The selector at host:port"``.

    Returns
    -------
    FedotaError
        To be raised ``from error``.
    """
    trailer: Any = error.trailing_metadata() or ()
    for key, value in trailer:
        if key == ERROR_KEY and isinstance(value, str):
            carried = from_trailer(value)
            if carried is not None:
                return carried
    details = error.details() or ""
    meant = _from_status(error.code(), details, peer)
    meant.detail = details
    return meant


def _from_status(status: grpc.StatusCode, details: str, peer: str) -> FedotaError:
    code = grpc.StatusCode
    if any(mark in details for mark in _CERTIFICATE_MARKS):
        return AuthenticationError(
            f"{peer} does not show the certificate that it should have: "
            "check the address, and that the invite or the keys belong to this problem."
        )
    if status in (code.UNAVAILABLE, code.CANCELLED):
        return UnreachableError(
            f"{peer} does not answer: check that it runs and can be reached from here."
        )
    if status is code.DEADLINE_EXCEEDED:
        return UnreachableError(f"{peer} did not answer in time: try again.")
    if status in (code.UNAUTHENTICATED, code.PERMISSION_DENIED):
        return AuthenticationError(f"{peer} refused this call: {details}")
    if status is code.RESOURCE_EXHAUSTED:
        return BusyError(f"{peer} cannot take this now: try again later.")
    if status is code.UNIMPLEMENTED:
        return VersionError(
            f"{peer} does not know this call: use the same release of Fedota on both sides."
        )
    if status in (code.INVALID_ARGUMENT, code.OUT_OF_RANGE, code.DATA_LOSS):
        return StreamError(f"{peer} could not read the message: {details}")
    return InternalError(f"{peer} failed: {details or status.name}")


def from_refusal(code: str, reason: str, retry_after_s: float = 0.0) -> FedotaError:
    """Turn a `Refusal` that came in a message into an error.

    Parameters
    ----------
    code, reason
        As in the message; the code of an error of the tree brings that error back.
    retry_after_s
        0 means not to come back.

    Returns
    -------
    FedotaError
        `BusyError` or `InviteError` where the code is none of the tree.
    """
    if retry_after_s > 0 and code not in _CLASSES:
        return BusyError(_shortened(reason), retry_after_s=retry_after_s)
    cls = _CLASSES.get(code, InviteError)
    numbers = {"retry_after_s": retry_after_s} if "retry_after_s" in _numbers_of(cls) else {}
    body = {"code": cls.code, "message": reason, "numbers": numbers}
    return from_trailer(json.dumps(body)) or InviteError(_shortened(reason))


def new_defect() -> InternalError:
    """Make the error for an unexpected exception, under a new id.

    Returns
    -------
    InternalError
        Tells the id; its detail is what the log has to name beside the traceback.
    """
    defect_id = secrets.token_hex(4)
    return InternalError(
        f"Fedota failed here, which is a defect of its own (id {defect_id}): "
        "report it with the lines of the log that bear this id.",
        detail=f"defect {defect_id}",
    )


async def abort(context: Context, error: FedotaError) -> NoReturn:
    """End a call with an error's status.

    Parameters
    ----------
    context
        The call's.
    error
        What to tell; its detail is only logged.

    Raises
    ------
    grpc.aio.AbortError
        Always; the call ends by it.
    """
    if error.detail:
        _log.info("%s: %s (%s)", error.code, error.public_message, error.detail)
    await context.abort(error.status, _shortened(error.public_message), (to_trailer(error),))
    raise grpc.aio.AbortError(error.code)


class ErrorInterceptor(grpc.aio.ServerInterceptor):
    """Translates what the handlers of a server raise."""

    def __init__(self) -> None:
        self._wrapped: dict[str, tuple[Handler, Handler]] = {}

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler | None:
        """Wrap the method's handler; known ones are kept."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        method = str(handler_call_details.method)
        kept = self._wrapped.get(method)
        if kept is None or kept[0] is not handler:
            kept = self._wrapped[method] = (handler, _translating(handler, method))
        return kept[1]


class _Translation:
    """Ends the call with the status of whatever is raised inside the block."""

    __slots__ = ("_context", "_method")

    def __init__(self, context: Context, method: str) -> None:
        self._context = context
        self._method = method

    async def __aenter__(self) -> None:
        """Nothing is prepared."""

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Let pass what ends the call anyway: a cancellation, an abort, a peer that is gone."""
        if isinstance(error, FedotaError):
            await abort(self._context, error)
        elif isinstance(error, Exception) and not isinstance(error, grpc.aio.BaseError):
            failed = new_defect()
            _log.error("%s in %s", failed.detail, self._method, exc_info=error)
            await abort(self._context, failed)


def _translating(handler: Handler, method: str) -> Handler:
    inner: Any = (
        handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
    )

    async def call(request: Any, context: Context) -> Any:
        async with _Translation(context, method):
            return await inner(request, context)

    async def iterate(request: Any, context: Context) -> AsyncIterator[Any]:
        async with _Translation(context, method):
            async for message in inner(request, context):
                yield message

    make: Any
    if handler.response_streaming:
        make = (
            grpc.stream_stream_rpc_method_handler
            if handler.request_streaming
            else grpc.unary_stream_rpc_method_handler
        )
    else:
        make = (
            grpc.stream_unary_rpc_method_handler
            if handler.request_streaming
            else grpc.unary_unary_rpc_method_handler
        )
    behaviour = iterate if inspect.isasyncgenfunction(inner) else call
    wrapped: Handler = make(behaviour, handler.request_deserializer, handler.response_serializer)
    return wrapped
