"""TLS for every wire: identities, channel and server credentials, and who the peer is.

There is no insecure mode. Trust has one root, the platform's CA; what a peer may do is decided by
the DNS name in its certificate, which `RoleInterceptor` checks at every method.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio

from fedota_proto.errors import AuthenticationError, FolderError

KEEPALIVE_MS = 30_000
MESSAGE_BYTES_MAX = 8 << 20

Option = tuple[str, int | str]

_COMMON_OPTIONS: tuple[Option, ...] = (
    ("grpc.keepalive_time_ms", KEEPALIVE_MS),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
)


def coordinator_name(problem_id: str) -> str:
    """Name a problem's coordinator, as in its certificate."""
    return f"coordinator.{problem_id}.fedota"


def selector_name(problem_id: str, number: int) -> str:
    """Name a problem's selector, counted from 1, as in its certificate."""
    return f"selector-{number}.{problem_id}.fedota"


def operator_name(problem_id: str) -> str:
    """Name a problem's local operator, as in its certificate."""
    return f"operator.{problem_id}.fedota"


WEBSERVER_NAME = "webserver.fedota"


@dataclass(frozen=True)
class ServerIdentity:
    """A certificate chain (leaf first) and its private key, both PEM."""

    cert_chain_pem: bytes
    key_pem: bytes

    def __repr__(self) -> str:
        """Show nothing of the key."""
        return "ServerIdentity(…)"


def load_identity(folder: Path) -> ServerIdentity:
    """Read ``cert.pem`` and ``key.pem`` of a folder.

    Raises
    ------
    FolderError
        Either cannot be read.
    """
    try:
        return ServerIdentity((folder / "cert.pem").read_bytes(), (folder / "key.pem").read_bytes())
    except OSError as error:
        raise FolderError(
            f"The certificate in {folder} cannot be read ({error.strerror}): "
            "check the folder's owner, or make the problem's keys again."
        ) from error


def server_credentials(
    identity: ServerIdentity, ca_pem: bytes, *, require_client: bool
) -> grpc.ServerCredentials:
    """Make a server's credentials.

    Parameters
    ----------
    identity
        The server's own certificate and key.
    ca_pem
        The platform's CA: the only root by which clients' certificates are trusted.
    require_client
        Whether every peer must show a certificate (mutual TLS).
    """
    return grpc.ssl_server_credentials(
        [(identity.key_pem, identity.cert_chain_pem)],
        root_certificates=ca_pem,
        require_client_auth=require_client,
    )


def server_options(*extra: Option) -> list[Option]:
    """List a server's channel arguments: keepalive on our side, and pings of peers allowed."""
    return [
        *_COMMON_OPTIONS,
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
        ("grpc.so_reuseport", 0),
        *extra,
    ]


def client_channel(
    address: str,
    server_name: str,
    ca_pem: bytes,
    identity: ServerIdentity | None = None,
    options: Sequence[Option] = (),
) -> grpc.aio.Channel:
    """Open a TLS channel that accepts only the server of that name.

    Parameters
    ----------
    address
        ``host:port``; it may change, the name may not.
    server_name
        DNS name that the server's certificate must bear.
    ca_pem
        The platform's CA, the only root that is trusted.
    identity
        Our own certificate, where the server asks for one.
    options
        More channel arguments.
    """
    credentials = grpc.ssl_channel_credentials(
        root_certificates=ca_pem,
        private_key=identity.key_pem if identity else None,
        certificate_chain=identity.cert_chain_pem if identity else None,
    )
    return grpc.aio.secure_channel(
        address,
        credentials,
        options=[
            *_COMMON_OPTIONS,
            ("grpc.ssl_target_name_override", server_name),
            ("grpc.default_authority", server_name),
            ("grpc.min_reconnect_backoff_ms", 200),
            ("grpc.initial_reconnect_backoff_ms", 200),
            ("grpc.max_reconnect_backoff_ms", 5_000),
            *options,
        ],
    )


def peer_name(context: grpc.aio.ServicerContext[Any, Any] | grpc.ServicerContext) -> str:
    """Return the DNS name in the peer's certificate.

    Raises
    ------
    AuthenticationError
        The peer showed no certificate, or one without exactly one DNS name.
    """
    names = [
        name.decode() if isinstance(name, bytes) else str(name)
        for name in context.auth_context().get("x509_subject_alternative_name", ())
        if name
    ]
    if len(names) != 1:
        raise AuthenticationError("The peer's certificate does not name one Fedota process.")
    return names[0]


if TYPE_CHECKING:
    Handler = grpc.RpcMethodHandler[Any, Any]
    Continuation = Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]]


class RoleInterceptor(grpc.aio.ServerInterceptor):
    """Let a method be called only by peers whose certificate bears an allowed name.

    Parameters
    ----------
    allowed
        For each service (``fedota.v1.FlIntra``) or single method (``fedota.v1.FlStatus/Control``,
        which comes first), a pattern that the whole name of the peer must match. What is not
        listed is refused.
    """

    def __init__(self, allowed: dict[str, str]) -> None:
        self._allowed = {key: re.compile(pattern) for key, pattern in allowed.items()}

    def permits(self, method: str, name: str) -> bool:
        """Tell whether the peer `name` may call `method` (``/package.Service/Method``)."""
        path = method.lstrip("/")
        pattern = self._allowed.get(path) or self._allowed.get(path.partition("/")[0])
        return pattern is not None and pattern.fullmatch(name) is not None

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler | None:
        """Wrap the method's handler with the check of the peer's name."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        return self._guarded(handler, str(handler_call_details.method))

    async def _check(self, method: str, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        try:
            name = peer_name(context)
        except AuthenticationError as error:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, error.public_message)
        if not self.permits(method, name):
            await context.abort(
                grpc.StatusCode.PERMISSION_DENIED, f"{name} may not call {method} here."
            )

    def _guarded(self, handler: Handler, method: str) -> Handler:
        if handler.response_streaming:
            inner_stream: Any = handler.stream_stream or handler.unary_stream
            make_stream = (
                grpc.stream_stream_rpc_method_handler
                if handler.request_streaming
                else grpc.unary_stream_rpc_method_handler
            )

            async def stream(request: Any, context: Any) -> Any:
                await self._check(method, context)
                async for message in inner_stream(request, context):
                    yield message

            return make_stream(stream, handler.request_deserializer, handler.response_serializer)
        inner: Any = handler.stream_unary or handler.unary_unary
        make = (
            grpc.stream_unary_rpc_method_handler
            if handler.request_streaming
            else grpc.unary_unary_rpc_method_handler
        )

        async def unary(request: Any, context: Any) -> Any:
            await self._check(method, context)
            return await inner(request, context)

        return make(unary, handler.request_deserializer, handler.response_serializer)
