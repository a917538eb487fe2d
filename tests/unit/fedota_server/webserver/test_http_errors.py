"""Every error of the tree has one status of HTTP's, and a JSON object."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from fedota_proto.errors import (
    BusyError,
    DatabaseError,
    FedotaError,
    ProblemFileError,
    SignInError,
    UsageError,
    error_tree,
)
from fedota_server.webserver.http_errors import (
    HTTP_STATUS,
    error_body,
    error_headers,
    http_status,
)
from fedota_server.webserver.receiving import StalledError, TooLargeError


def sample(cls: type[FedotaError]) -> FedotaError:
    values: dict[str, Any] = {"str": "what", "int": 7, "float": 2.5, "tuple[str, ...]": ("a",)}
    arguments = {
        name: values[str(parameter.annotation)]
        for name, parameter in inspect.signature(cls.__init__).parameters.items()
        if name not in ("self", "public_message", "detail")
    }
    return cls(public_message="What happened: what to do.", **arguments)


def test_the_table_is_the_tree() -> None:
    ours = [cls for cls in error_tree() if not cls.__module__.startswith(("tests", "support"))]
    assert {cls for cls in ours if cls.__module__ == "fedota_proto.errors"} <= set(HTTP_STATUS)


@pytest.mark.parametrize("cls", HTTP_STATUS, ids=lambda cls: cls.__name__)
def test_each_error_has_a_status_and_a_body(cls: type[FedotaError]) -> None:
    error = sample(cls)
    assert 400 <= http_status(error) <= 503
    body = error_body(error)
    assert body["code"] == cls.code
    assert body["message"] == "What happened: what to do."


def test_a_new_kind_has_the_status_of_what_it_is_a_kind_of() -> None:
    class NarrowError(UsageError):
        pass

    assert http_status(NarrowError("x")) == 422
    assert http_status(TooLargeError("x")) == 413
    assert http_status(StalledError("x")) == 408


def test_the_details_are_not_told() -> None:
    error = DatabaseError("Try again.", detail="password=hunter2")
    assert "hunter2" not in str(error_body(error)) + str(error_headers(error))


def test_headers_say_when_to_come_back_and_how_to_sign_in() -> None:
    assert error_headers(BusyError("x", retry_after_s=12.4)) == {"Retry-After": "12"}
    assert error_headers(BusyError("x")) == {"Retry-After": "1"}
    assert "Retry-After" in error_headers(DatabaseError("x"))
    assert error_headers(SignInError("x")) == {"WWW-Authenticate": "Bearer"}
    assert error_headers(UsageError("x")) == {}


def test_all_mistakes_are_listed() -> None:
    error = ProblemFileError("a\nb", ("a", "b"))
    assert error_body(error)["mistakes"] == ["a", "b"]
