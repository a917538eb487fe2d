"""The service that selectors attach to: mutual TLS, one stream for each."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio

from fedota_proto.errors import AuthenticationError, StreamError
from fedota_proto.grpc_errors import ErrorInterceptor
from fedota_proto.tls import (
    Option,
    RoleInterceptor,
    ServerIdentity,
    peer_name,
    server_credentials,
    server_options,
)
from fedota_proto.v1 import fl_intra_pb2 as pb
from fedota_proto.wire import TransferPiece, read_selector_message, to_wire
from fedota_server.coordinator.engine import Engine
from fedota_server.coordinator.link import Outgoing, SelectorLink

ATTACHING_TIMEOUT_S = 30.0

Requests = AsyncIterator[pb.SelectorMessage | TransferPiece]
Context = grpc.aio.ServicerContext[Any, Any]


class FlIntra:
    """Carries one stream per selector between the wire and the engine.

    Parameters
    ----------
    engine
        Who decides.
    problem_id
        In the selectors' names.
    """

    def __init__(self, engine: Engine, problem_id: str) -> None:
        self._engine = engine
        self._name = re.compile(rf"selector-([1-9][0-9]{{0,5}})\.{re.escape(problem_id)}\.fedota")

    @property
    def role(self) -> str:
        """The pattern of the names that may attach."""
        return self._name.pattern

    def handler(self) -> grpc.GenericRpcHandler:
        """Make the service's handler, whose chunks pass protobuf by."""
        return grpc.method_handlers_generic_handler(
            "fedota.v1.FlIntra",
            {
                "Attach": grpc.stream_stream_rpc_method_handler(
                    self.attach,
                    request_deserializer=read_selector_message,
                    response_serializer=to_wire,
                )
            },
        )

    async def attach(self, requests: Requests, context: Context) -> AsyncIterator[Outgoing]:
        """Serve one selector until its stream ends, from whichever side."""
        match = self._name.fullmatch(peer_name(context))
        if match is None:
            raise AuthenticationError("Only this problem's selectors may attach here.")
        async with asyncio.timeout(ATTACHING_TIMEOUT_S):
            first = await anext(requests, None)
        if not isinstance(first, pb.SelectorMessage) or not first.HasField("attaching"):
            raise StreamError("A selector's first message says who it is; another one came.")
        link = self._engine.attach(int(match[1]), first.attaching)
        reader = asyncio.create_task(self._read(link, requests))
        try:
            # Written here rather than yielded: each message would pass every interceptor's loop.
            await link.pump(context.write)
        finally:
            self._engine.roster.detach(link)
            reader.cancel()
        await asyncio.wait({reader})
        error = None if reader.cancelled() else reader.exception()
        if error is not None and not isinstance(error, grpc.RpcError | grpc.aio.BaseError):
            raise error
        nothing: tuple[Outgoing, ...] = ()  # an async generator must yield somewhere
        for message in nothing:
            yield message

    async def _read(self, link: SelectorLink, requests: Requests) -> None:
        try:
            async for message in requests:
                self._engine.receive(link, message)
        finally:
            link.close()


async def serve(
    intra: FlIntra,
    listen: str,
    identity: ServerIdentity,
    ca_pem: bytes,
    options: tuple[Option, ...] = (),
) -> tuple[grpc.aio.Server, int]:
    """Start the server.

    Parameters
    ----------
    intra
        The service.
    listen
        host:port; port 0 takes a free one.
    identity
        The coordinator's certificate.
    ca_pem
        The platform's CA.
    options
        More channel arguments.

    Returns
    -------
    server, port
        Serving, and the port that it got.

    Raises
    ------
    ServerStartError
        The address cannot be listened on.
    """
    server = grpc.aio.server(
        options=server_options(*options),
        interceptors=[RoleInterceptor({"fedota.v1.FlIntra": intra.role}), ErrorInterceptor()],
    )
    server.add_generic_rpc_handlers((intra.handler(),))
    credentials = server_credentials(identity, ca_pem, require_client=True)
    port = server.add_secure_port(listen, credentials)
    await server.start()
    return server, port
