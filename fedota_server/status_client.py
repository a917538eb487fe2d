"""What the operator's commands say to a running `fedota serve`."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import grpc
import grpc.aio

from fedota_proto.errors import CommandRefusedError, UnreachableError
from fedota_proto.grpc_errors import from_rpc_error
from fedota_proto.tls import WEBSERVER_NAME, client_channel
from fedota_proto.v1 import fl_status_pb2 as pb
from fedota_proto.v1 import fl_status_pb2_grpc as rpc
from fedota_server.ports import Ports
from fedota_server.problem_folder import ProblemFolder

if TYPE_CHECKING:
    from fedota_proto.v1.fl_status_pb2_grpc import FlStatusAsyncStub

CONTROL_WAIT_S = 40.0
CONNECT_WAIT_S = 3.0


class StatusClient:
    """The operator's end of fl_status for one problem.

    Parameters
    ----------
    stub
        Over a channel with the operator's certificate.
    peer
        How errors name the other side.
    """

    def __init__(self, stub: FlStatusAsyncStub, peer: str) -> None:
        self._stub = stub
        self._peer = peer

    async def give(self, command: pb.Command) -> str:
        """Give a command and wait until it is answered.

        Returns
        -------
        str
            What was done.

        Raises
        ------
        CommandRefusedError
            It was answered with a refusal, which the message quotes.
        FedotaError
            Nothing serves there, or the coordinator does not answer.
        """
        command.command_id = secrets.token_hex(8)
        try:
            reply = await self._stub.Control(
                pb.ControlRequest(command=command), timeout=CONTROL_WAIT_S
            )
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error, peer=self._peer) from error
        if not reply.done:
            raise CommandRefusedError(reply.message)
        return reply.message

    async def watch(self, after_seq: int = 0) -> AsyncIterator[pb.WatchMessage]:
        """Yield the events after a number, then what comes, for ever.

        Raises
        ------
        FedotaError
            Nothing serves there, or it stopped.
        """
        call = self._stub.Watch(pb.WatchRequest(after_seq=after_seq))
        try:
            async for message in call:
                yield message
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error, peer=self._peer) from error
        finally:
            call.cancel()


def nothing_serves(folder: ProblemFolder) -> UnreachableError:
    """Say that no `fedota serve` runs for a folder."""
    return UnreachableError(
        f"Nothing serves {folder.folder}: start it with `fedota serve {folder.folder}`."
    )


@asynccontextmanager
async def operator(folder: ProblemFolder) -> AsyncIterator[StatusClient]:
    """Connect to the `fedota serve` of a problem.

    Raises
    ------
    UnreachableError
        None runs there.
    FedotaError
        The folder is damaged.
    """
    keys, ports = folder.existing_keys(), Ports.load(folder.ports_path)
    if keys is None or ports is None:
        folder.problem()
        raise nothing_serves(folder)
    channel = client_channel(
        ports.status_address, WEBSERVER_NAME, keys.ca_pem, keys.identity("operator")
    )
    async with channel:
        await _connected(channel, folder)
        yield StatusClient(rpc.FlStatusStub(channel), f"`fedota serve` of {folder.folder}")


async def _connected(channel: grpc.aio.Channel, folder: ProblemFolder) -> None:
    """Wait until the channel is ready; a refused connection is told at once."""
    state = channel.get_state(try_to_connect=True)
    try:
        async with asyncio.timeout(CONNECT_WAIT_S):
            while state is not grpc.ChannelConnectivity.READY:
                if state is grpc.ChannelConnectivity.TRANSIENT_FAILURE:
                    raise nothing_serves(folder)
                await channel.wait_for_state_change(state)
                state = channel.get_state(try_to_connect=True)
    except TimeoutError:
        raise nothing_serves(folder) from None
