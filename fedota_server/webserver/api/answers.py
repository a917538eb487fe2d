"""What endpoints answer beside the views, and how errors look."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from fedota_proto.errors import FedotaError, InternalError
from fedota_server.webserver.http_errors import error_body, error_headers, http_status

logger = logging.getLogger(__name__)

_CODES = {401: "sign-in", 403: "forbidden", 404: "not-found", 405: "usage", 413: "too-large"}


class ErrorAnswer(BaseModel):
    """What went wrong, and what to do about it."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "code": "conflict",
                "message": "This problem is ready: to pause it, it must be running.",
            }
        }
    )

    code: str = Field(description="A word for programs; it does not change.")
    message: str = Field(description="One sentence or a few, for people.")
    mistakes: list[str] | None = Field(
        default=None, description="Of a problem's sections: every mistake, with its place."
    )


class ProblemId(BaseModel):
    """A problem's id."""

    problem_id: str = Field(examples=["3f2a90c1d4e5"])


class JobId(BaseModel):
    """Work that goes on: ask `/jobs/{job_id}` until its state is done or failed."""

    job_id: str = Field(examples=["8c01d2aa90ef"])


class CommandId(BaseModel):
    """A command that was left for the problem's coordinator."""

    command_id: str = Field(
        description="Ask `/problems/{problem_id}/commands/{command_id}` for its answer."
    )


class Done(BaseModel):
    """It is done."""

    done: bool = True


DONE = Done()

ERRORS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": ErrorAnswer, "description": "Refused; `message` says why and what to do."},
    "5XX": {"model": ErrorAnswer, "description": "It failed on the platform's side."},
}


def answer_errors(api: FastAPI) -> None:
    """Have every failure answered as an `ErrorAnswer`."""
    api.add_exception_handler(FedotaError, _refused)
    api.add_exception_handler(RequestValidationError, _malformed)
    api.add_exception_handler(HTTPException, _unknown)
    api.add_exception_handler(Exception, _failed)


async def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, FedotaError)  # noqa: S101 - registered for that
    if error.detail:
        logger.info("%s: %s", error.code, error.detail)
    return JSONResponse(error_body(error), http_status(error), headers=error_headers(error))


async def _malformed(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for that
    mistakes = [f"{_place(one['loc'])}: {one['msg']}" for one in error.errors()]
    message = f"The request is malformed. {'; '.join(mistakes)}."
    return JSONResponse({"code": "usage", "message": message, "mistakes": mistakes}, 422)


async def _unknown(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for that
    where = f"{request.method} {request.url.path}"
    message = {
        404: f"There is no {where}: openapi.json lists what there is.",
        405: f"{where} is not allowed: openapi.json lists what is.",
    }.get(error.status_code, str(error.detail))
    body = {"code": _CODES.get(error.status_code, "usage"), "message": message}
    return JSONResponse(body, error.status_code, headers=error.headers)


async def _failed(_: Request, error: Exception) -> JSONResponse:
    failure = secrets.token_hex(6)
    logger.error("failure %s", failure, exc_info=error)
    told = InternalError(
        f"This is a defect of Fedota's own: tell an administrator of failure {failure}, which "
        "stands in the log."
    )
    return JSONResponse(error_body(told), http_status(told))


def _place(location: Sequence[int | str]) -> str:
    return ".".join(str(part) for part in location if part != "body") or "body"
