"""HTTP's statuses for the tree of errors, and errors as JSON: one table for pages and API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fedota_proto import errors
from fedota_proto.errors import BusyError, FedotaError, ProblemFileError, SignInError
from fedota_server.webserver.receiving import StalledError, TooLargeError

# What somebody else's server fails in is 502, what waits for something 503, our own defects 500.
HTTP_STATUS: Mapping[type[FedotaError], int] = {
    FedotaError: 500,
    errors.UsageError: 422,
    TooLargeError: 413,
    StalledError: 408,
    errors.ProblemFileError: 422,
    errors.ModelFileError: 422,
    errors.DataError: 422,
    errors.StreamError: 422,
    errors.UpdateRejectedError: 422,
    errors.SignInError: 401,
    errors.AuthenticationError: 401,
    errors.ForbiddenError: 403,
    errors.InviteError: 403,
    errors.PolicyError: 403,
    errors.NotFoundError: 404,
    errors.CheckpointError: 404,
    errors.ConflictError: 409,
    errors.CommandRefusedError: 409,
    errors.SessionInUseError: 409,
    errors.TaskOverError: 409,
    errors.VersionError: 409,
    errors.BusyError: 429,
    errors.RoundAbandonedError: 500,
    errors.StrategyError: 500,
    errors.WorkerError: 500,
    errors.FolderError: 500,
    errors.InternalError: 500,
    errors.ServerStartError: 502,
    errors.EngineAwayError: 502,
    errors.NetworkOverlapError: 502,
    errors.UnreachableError: 502,
    errors.DatabaseError: 503,
}

_RETRY_DATABASE_S = 5


def http_status(error: FedotaError) -> int:
    """Return HTTP's status for an error: that of its class, or of the nearest above it."""
    return next(HTTP_STATUS[kind] for kind in type(error).__mro__ if kind in HTTP_STATUS)


def error_body(error: FedotaError) -> dict[str, Any]:
    """Write an error as the JSON object that scripts get: ``code``, ``message``, ``mistakes``."""
    body: dict[str, Any] = {"code": error.code, "message": error.public_message}
    if isinstance(error, ProblemFileError) and error.mistakes:
        body["mistakes"] = list(error.mistakes)
    return body


def error_headers(error: FedotaError) -> dict[str, str]:
    """Return the headers that go with an error: when to come back, how to sign in."""
    if isinstance(error, BusyError):
        return {"Retry-After": str(max(1, round(error.retry_after_s)))}
    if isinstance(error, errors.DatabaseError):
        return {"Retry-After": str(_RETRY_DATABASE_S)}
    return {"WWW-Authenticate": "Bearer"} if isinstance(error, SignInError) else {}
