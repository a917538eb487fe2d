"""HTTP's statuses for Fedota's errors, and errors as JSON."""

from __future__ import annotations

from starlette.responses import JSONResponse

from fedota_proto.errors import (
    BusyError,
    CheckpointError,
    ConflictError,
    DatabaseError,
    DataError,
    FedotaError,
    ForbiddenError,
    ModelFileError,
    NotFoundError,
    ProblemFileError,
    SignInError,
    UnreachableError,
    UsageError,
)

_STATUSES: tuple[tuple[type[FedotaError], int], ...] = (
    (SignInError, 401),
    (ForbiddenError, 403),
    (NotFoundError, 404),
    (CheckpointError, 404),
    (ConflictError, 409),
    (UsageError, 422),
    (ProblemFileError, 422),
    (ModelFileError, 422),
    (DataError, 422),
    (BusyError, 429),
    (DatabaseError, 503),
    (UnreachableError, 503),
)


def status_of(error: FedotaError) -> int:
    """Return HTTP's status for an error; 500 for what is nobody's mistake but ours."""
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)


def retry_after_s(error: FedotaError) -> float:
    """Return when to come back, in seconds; 0 if that is not the matter."""
    return error.retry_after_s if isinstance(error, BusyError) else 0.0


def json_error(error: FedotaError) -> JSONResponse:
    """Answer a script with an error."""
    body: dict[str, object] = {"error": error.code, "message": error.public_message}
    if isinstance(error, ProblemFileError) and error.mistakes:
        body["mistakes"] = list(error.mistakes)
    wait_s = retry_after_s(error)
    headers = {"Retry-After": str(max(1, round(wait_s)))} if wait_s else None
    return JSONResponse(body, status_code=status_of(error), headers=headers)
