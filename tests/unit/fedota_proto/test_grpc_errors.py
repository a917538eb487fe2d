"""Every error of the tree has a status, and comes back from a trailer as itself."""

from __future__ import annotations

import inspect
import json
import logging
from typing import Any

import grpc
import grpc.aio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedota_proto import errors, grpc_errors
from fedota_proto.errors import (
    BusyError,
    FedotaError,
    InternalError,
    UnreachableError,
    UpdateRejectedError,
    error_tree,
)

# Classes of other modules, which these tests may find imported, never cross the wire as themselves.
LEAVES = [
    cls for cls in error_tree() if cls is not FedotaError and cls.__module__ == errors.__name__
]


def sample(cls: type[FedotaError]) -> FedotaError:
    values: dict[str, Any] = {"str": "what", "int": 7, "float": 2.5, "tuple[str, ...]": ("a", "b")}
    arguments = {
        name: values[str(parameter.annotation)]
        for name, parameter in inspect.signature(cls.__init__).parameters.items()
        if name not in ("self", "public_message", "detail")
    }
    return cls(public_message="Die Schwelle – überschritten.", **arguments)


class RecordingContext:
    """Stands in for a call: it keeps how it was aborted."""

    def __init__(self) -> None:
        self.aborted: tuple[grpc.StatusCode, str, tuple[tuple[str, str], ...]] | None = None

    async def abort(
        self, code: grpc.StatusCode, details: str, trailing_metadata: tuple[tuple[str, str], ...]
    ) -> None:
        self.aborted = (code, details, trailing_metadata)
        raise grpc.aio.AbortError(details)

    def failure(self) -> grpc.aio.AioRpcError:
        assert self.aborted is not None
        code, details, trailer = self.aborted
        return grpc.aio.AioRpcError(
            code,
            initial_metadata=grpc.aio.Metadata(),
            trailing_metadata=grpc.aio.Metadata(*trailer),
            details=details,
        )


async def handled(error: Exception, *, streaming: bool = False) -> RecordingContext:
    async def answer(request: Any, context: Any) -> Any:
        raise error

    async def stream(request: Any, context: Any) -> Any:
        yield request
        raise error

    handler: Any = (
        grpc.unary_stream_rpc_method_handler(stream)
        if streaming
        else grpc.unary_unary_rpc_method_handler(answer)
    )

    async def continuation(details: grpc.HandlerCallDetails) -> Any:
        return handler

    details: Any = type("Details", (), {"method": "/fedota.v1.FlRound/Hello"})()
    wrapped: Any = await grpc_errors.ErrorInterceptor().intercept_service(continuation, details)
    context = RecordingContext()
    call = drained(wrapped.unary_stream) if streaming else wrapped.unary_unary
    with pytest.raises(grpc.aio.AbortError):
        await call("request", context)
    return context


def drained(behaviour: Any) -> Any:
    async def call(request: Any, context: Any) -> list[Any]:
        return [message async for message in behaviour(request, context)]

    return call


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = [
        line.split("── ")[1].split()[0]
        for line in (errors.__doc__ or "").splitlines()
        if "── " in line
    ]
    assert sorted(drawn) == sorted(cls.__name__ for cls in LEAVES)


def test_every_error_has_a_code_of_its_own_and_a_failing_status() -> None:
    codes = [cls.code for cls in LEAVES]
    assert len(set(codes)) == len(codes)
    for cls in LEAVES:
        assert "code" in vars(cls), cls
        assert isinstance(cls.status, grpc.StatusCode)
        assert cls.status is not grpc.StatusCode.OK
        assert cls.status is not grpc.StatusCode.UNKNOWN


@pytest.mark.parametrize("cls", LEAVES, ids=lambda cls: cls.code)
async def test_every_error_survives_the_wire(cls: type[FedotaError]) -> None:
    error = sample(cls)
    context = await handled(error)
    assert context.aborted is not None
    assert context.aborted[0] is cls.status
    back = grpc_errors.from_rpc_error(context.failure())
    assert type(back) is cls
    assert back.public_message == error.public_message
    expected = {k: v for k, v in vars(error).items() if k not in ("detail", "mistakes")}
    assert {k: v for k, v in vars(back).items() if k not in ("detail", "mistakes")} == expected


async def test_errors_of_streams_are_translated_too() -> None:
    context = await handled(UpdateRejectedError("not-finite", "NaN."), streaming=True)
    back = grpc_errors.from_rpc_error(context.failure())
    assert isinstance(back, UpdateRejectedError)
    assert back.reason_code == "not-finite"


async def test_the_detail_stays_here(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        context = await handled(BusyError("Come back.", retry_after_s=3.0))
        secret = await handled(errors.FolderError("No folder.", detail="/private/place"))
    assert "/private/place" not in repr(secret.aborted)
    assert "/private/place" in caplog.text
    back = grpc_errors.from_rpc_error(context.failure())
    assert isinstance(back, BusyError)
    assert back.retry_after_s == 3.0


async def test_a_defect_tells_its_id_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    context = await handled(ZeroDivisionError("private"))
    back = grpc_errors.from_rpc_error(context.failure())
    assert type(back) is InternalError
    assert "private" not in repr(context.aborted)
    defect_id = back.public_message.split("(id ")[1].split(")")[0]
    assert f"defect {defect_id}" in caplog.text
    assert "ZeroDivisionError" in caplog.text


async def test_a_long_message_fits_the_metadata() -> None:
    context = await handled(errors.DataError("ß" * 100_000))
    assert context.aborted is not None
    assert sum(len(k) + len(v) for k, v in context.aborted[2]) < 12_000


@pytest.mark.parametrize(
    "status", [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK]
)
def test_every_bare_status_means_some_error(status: grpc.StatusCode) -> None:
    failure = grpc.aio.AioRpcError(
        status, initial_metadata=grpc.aio.Metadata(), trailing_metadata=grpc.aio.Metadata()
    )
    back = grpc_errors.from_rpc_error(failure, peer="The selector at here:1")
    assert back.public_message.startswith("The selector at here:1")
    assert type(back) in LEAVES


def test_a_wrong_certificate_is_not_taken_for_a_server_that_is_away() -> None:
    failure = grpc.aio.AioRpcError(
        grpc.StatusCode.UNAVAILABLE,
        initial_metadata=grpc.aio.Metadata(),
        trailing_metadata=grpc.aio.Metadata(),
        details="failed to connect: Ssl handshake failed: CERTIFICATE_VERIFY_FAILED",
    )
    assert isinstance(grpc_errors.from_rpc_error(failure), errors.AuthenticationError)
    bare = grpc.aio.AioRpcError(
        grpc.StatusCode.UNAVAILABLE,
        initial_metadata=grpc.aio.Metadata(),
        trailing_metadata=grpc.aio.Metadata(),
    )
    assert type(grpc_errors.from_rpc_error(bare)) is UnreachableError


@pytest.mark.parametrize("cls", LEAVES, ids=lambda cls: cls.code)
def test_a_refusal_with_a_code_of_the_tree_is_that_error(cls: type[FedotaError]) -> None:
    back = grpc_errors.from_refusal(cls.code, "Not now.", 4.0)
    assert type(back) is cls
    assert back.public_message == "Not now."
    if isinstance(back, BusyError):
        assert back.retry_after_s == 4.0


def test_other_refusals_say_whether_to_come_back() -> None:
    later = grpc_errors.from_refusal("paused", "Paused.", 4.0)
    assert isinstance(later, BusyError)
    assert later.retry_after_s == 4.0
    assert type(grpc_errors.from_refusal("replaced", "Gone.")) is errors.InviteError


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(
    st.text()
    | json_values.map(json.dumps)
    | st.fixed_dictionaries(
        {
            "code": st.sampled_from([cls.code for cls in LEAVES]),
            "message": json_values,
            "numbers": st.dictionaries(
                st.sampled_from(["retry_after_s", "ours", "reason_code", "stage", "x"]),
                json_values,
            ),
        }
    ).map(json.dumps)
)
def test_a_peer_may_write_anything_into_the_trailer(text: str) -> None:
    back = grpc_errors.from_trailer(text)
    assert back is None or type(back) in LEAVES
