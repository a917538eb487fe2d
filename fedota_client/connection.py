"""One connection to one selector: calls signed with its challenges, errors as our own.

It decides nothing. A benchmark may open thousands in one process; each has a TCP connection of its
own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import grpc
import grpc.aio

from fedota_client.challenge_box import ChallengeBox
from fedota_client.download import save_file
from fedota_client.limits.bandwidth import Throttle
from fedota_proto.credential import METADATA_KEY, PROTOCOL, SigningKey, make_credential
from fedota_proto.errors import (
    AuthenticationError,
    InviteError,
    UnreachableError,
    VersionError,
)
from fedota_proto.grpc_errors import from_rpc_error
from fedota_proto.records import CHUNK_BYTES, INLINE_BYTES
from fedota_proto.tls import WEBSERVER_NAME, client_channel
from fedota_proto.v1 import fl_round_pb2 as pb
from fedota_proto.v1.fl_round_pb2_grpc import FlRoundStub
from fedota_proto.wire import read_server_message, says_go, to_wire, update_chunk

_SERVICE = "/fedota.v1.FlRound"

_Reply = TypeVar("_Reply")


@dataclass(slots=True)
class Member:
    """Who calls.

    Parameters
    ----------
    key
        The client's own.
    problem_id, node_id
        As in the invite.
    session_id
        Made once for this process, 16 bytes.
    invite
        The invite's text until the key is bound, then empty.
    """

    key: SigningKey
    problem_id: str
    node_id: int
    session_id: bytes
    invite: str = ""


@dataclass(frozen=True, slots=True)
class CallTimeouts:
    """Deadlines in seconds: of short calls, of the answer to a check-in, of transfers."""

    call_s: float = 20.0
    welcome_s: float = 120.0
    transfer_s: float = 3_600.0


def hello_request(release: str) -> pb.HelloRequest:
    """Write what every conversation begins with."""
    request = pb.HelloRequest()
    request.version.protocol = PROTOCOL
    request.version.release = release
    return request


def check_hello(reply: pb.HelloReply, peer: str, problem_id: str) -> None:
    """Compare versions and problem.

    Parameters
    ----------
    reply
        As it came.
    peer
        Who sent it, as the subject of a sentence.
    problem_id
        The invite's; empty where any will do.

    Raises
    ------
    VersionError
        The peer speaks another protocol.
    InviteError
        It serves another problem.
    """
    theirs = reply.version
    if theirs.protocol != PROTOCOL:
        older = "this client" if theirs.protocol > PROTOCOL else "the selector"
        raise VersionError(
            f"{peer} speaks protocol {theirs.protocol} (release {theirs.release or 'unknown'}), "
            f"this client protocol {PROTOCOL}: update {older}.",
            ours=PROTOCOL,
            theirs=theirs.protocol,
        )
    if problem_id and reply.problem_id != problem_id:
        raise InviteError(
            f"{peer} serves another problem ({reply.problem_id}) than this invite "
            f"({problem_id}): ask the problem's setter for a new invite."
        )


class SelectorLink:
    """A channel to one selector; `greeted` says whether a `hello` has succeeded.

    Parameters
    ----------
    address, server_name, ca_pem
        Where it is, the name that its certificate must bear, and the only trusted CA.
    member
        Who calls; its `invite` may be cleared while the link is open.
    timeouts
        Deadlines.
    release
        This release, for people.
    upload, download
        Caps on the bytes a second of updates, tasks and files.
    options
        More channel arguments.
    """

    def __init__(
        self,
        address: str,
        server_name: str,
        ca_pem: bytes,
        member: Member,
        *,
        timeouts: CallTimeouts | None = None,
        release: str = "",
        upload: Throttle | None = None,
        download: Throttle | None = None,
        options: tuple[tuple[str, int | str], ...] = (),
    ) -> None:
        self.address = address
        self._is_webserver = server_name == WEBSERVER_NAME
        self.greeted = False
        self._member = member
        self._timeouts = timeouts or CallTimeouts()
        self._upload = upload or Throttle()
        self._download = download or Throttle()
        self._version = hello_request(release)
        self._challenges = ChallengeBox()
        self._channel = client_channel(
            address,
            server_name,
            ca_pem,
            options=(("grpc.use_local_subchannel_pool", 1), *options),
        )
        self._stub = FlRoundStub(self._channel)
        # Chunks pass without protobuf's copies.
        self._check_in = self._channel.unary_stream(
            f"{_SERVICE}/CheckIn",
            request_serializer=pb.CheckInRequest.SerializeToString,
            response_deserializer=read_server_message,
        )
        self._update_stream = self._channel.stream_unary(
            f"{_SERVICE}/Update",
            request_serializer=to_wire,
            response_deserializer=pb.Ack.FromString,
        )
        # A stream of one message is a unary call on the wire, and costs grpc.aio one batch
        # instead of four.
        self._update_at_once = self._channel.unary_unary(
            f"{_SERVICE}/Update",
            request_serializer=to_wire,
            response_deserializer=pb.Ack.FromString,
        )

    @property
    def peer(self) -> str:
        """Whom this leads to, as the subject of a sentence."""
        return f"The {'webserver' if self._is_webserver else 'selector'} at {self.address}"

    def put_challenge(self, challenge: bytes) -> None:
        """Keep a challenge that this selector sent along."""
        self._challenges.put(challenge, time.monotonic())

    async def hello(self) -> pb.HelloReply:
        """Compare versions and problem; keeps the challenge that the answer brings.

        Raises
        ------
        VersionError
            The selector speaks another protocol.
        InviteError
            It serves another problem.
        UnreachableError, AuthenticationError
            It does not answer, or is not who it should be.
        """
        reply: pb.HelloReply = await self._unary(
            self._stub.Hello(self._version, timeout=self._timeouts.call_s)
        )
        check_hello(reply, self.peer, "" if self._is_webserver else self._member.problem_id)
        self.greeted = True
        self.put_challenge(reply.challenge)
        return reply

    async def check_in(
        self, request: pb.CheckInRequest
    ) -> AsyncIterator[pb.ServerMessage | memoryview]:
        """Hold a check-in open.

        Yields
        ------
        pb.ServerMessage or memoryview
            Whatever the selector sends, until the stream ends; a view is a chunk of the last task.

        Raises
        ------
        UnreachableError
            The stream broke, or nothing came in time at its start.
        FedotaError
            Whatever the selector refused the call with.
        """
        call = self._check_in(request, metadata=await self._metadata("CheckIn"))
        try:
            try:
                async with asyncio.timeout(self._timeouts.welcome_s):
                    message = await call.read()
            except TimeoutError:
                raise UnreachableError(
                    f"{self.peer} did not answer the check-in in time: trying again."
                ) from None
            while isinstance(message, pb.ServerMessage | memoryview):
                yield message
                if isinstance(message, memoryview):
                    await self._download.passed(message.nbytes)
                message = await call.read()
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error, peer=self.peer) from error
        finally:
            call.cancel()

    async def update(self, header: pb.UpdateHeader, data: memoryview) -> pb.Ack:
        """Send one update.

        Parameters
        ----------
        header
            Its payload's ``data`` is filled in here where everything fits one message.
        data
            The bytes of all arrays that follow.

        Returns
        -------
        pb.Ack
            The selector's answer; its next challenge is kept.

        Raises
        ------
        FedotaError
            The call failed; whether it is to be repeated is `retryable`'s to say.
        """
        inline = data.nbytes <= INLINE_BYTES
        if inline and data.nbytes:
            header.payload.data = bytes(data)
        send = self._update_whole if inline else self._update_in_chunks
        ack = await self._repeated(lambda: send(header, data))
        self.put_challenge(ack.next_challenge)
        return ack

    async def _update_whole(self, header: pb.UpdateHeader, _: memoryview) -> pb.Ack:
        metadata = await self._metadata("Update")
        call = self._update_at_once(
            pb.UpdateMessage(header=header), metadata=metadata, timeout=self._timeouts.transfer_s
        )
        await self._upload.passed(len(header.payload.data))
        ack: pb.Ack = await self._unary(call)
        return ack

    async def _update_in_chunks(self, header: pb.UpdateHeader, data: memoryview) -> pb.Ack:
        metadata = await self._metadata("Update")

        async def messages() -> AsyncIterator[pb.UpdateMessage | bytes]:
            yield pb.UpdateMessage(header=header)
            if says_go(await call.initial_metadata()):
                size = self._upload.chunk_bytes(CHUNK_BYTES)
                for start in range(0, data.nbytes, size):
                    chunk = data[start : start + size]
                    yield update_chunk(chunk)
                    await self._upload.passed(chunk.nbytes)

        call: Any = self._update_stream(
            messages(), metadata=metadata, timeout=self._timeouts.transfer_s
        )
        ack: pb.Ack = await self._unary(call)
        return ack

    async def describe(self) -> pb.DescribeReply:
        """Ask what the problem is and where it stands.

        Raises
        ------
        FedotaError
            The call failed or was refused.
        """
        reply: pb.DescribeReply = await self._signed("Describe", pb.DescribeRequest())
        return reply

    async def tell(
        self,
        kind: pb.TellRequest.Kind.ValueType,
        timeout_s: float = 0.0,
        *,
        away_until_unix_s: float = 0.0,
    ) -> None:
        """Tell the platform something about this client.

        Raises
        ------
        FedotaError
            The call failed or was refused.
        """
        request = pb.TellRequest(kind=kind, away_until_unix_s=away_until_unix_s)
        await self._signed("Tell", request, timeout_s)

    async def fetch(
        self,
        request: pb.FetchRequest,
        path: Path,
        *,
        max_bytes: int,
        on_progress: Callable[[int, int], None] = lambda done, size: None,
    ) -> str:
        """Fetch a file to `path`, written beside it and renamed once its hash fits.

        Parameters
        ----------
        request
            Which file.
        path
            Where to.
        max_bytes
            Largest file that is taken.
        on_progress
            Told the bytes that have come, and in all.

        Returns
        -------
        str
            The SHA-256 in hex.

        Raises
        ------
        ModelFileError, StreamError, FolderError
            As `fedota_client.download.save_file`.
        FedotaError
            The call failed or was refused.
        """
        return await self._repeated(lambda: self._fetch(request, path, max_bytes, on_progress))

    async def _fetch(
        self,
        request: pb.FetchRequest,
        path: Path,
        max_bytes: int,
        on_progress: Callable[[int, int], None],
    ) -> str:
        call = self._stub.Fetch(
            request, metadata=await self._metadata("Fetch"), timeout=self._timeouts.transfer_s
        )

        async def read() -> pb.FileChunk | object:
            chunk = await call.read()
            if isinstance(chunk, pb.FileChunk):
                await self._download.passed(len(chunk.data))
            return chunk

        try:
            return await save_file(read, path, max_bytes, on_progress, peer=self.peer)
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error, peer=self.peer) from error
        finally:
            call.cancel()

    async def close(self) -> None:
        """Close the channel; calls that are open end."""
        await self._channel.close()

    async def _signed(self, method: str, request: Any, timeout_s: float = 0.0) -> Any:
        async def once() -> Any:
            call = getattr(self._stub, method)(
                request,
                metadata=await self._metadata(method),
                timeout=timeout_s or self._timeouts.call_s,
            )
            return await self._unary(call)

        return await self._repeated(once)

    async def _repeated(self, once: Callable[[], Awaitable[_Reply]]) -> _Reply:
        """Call again, once, with a challenge of the minute if the first was refused."""
        try:
            return await once()
        except AuthenticationError:
            self._challenges = ChallengeBox()
        return await once()

    async def _metadata(self, method: str) -> tuple[tuple[str, bytes], ...]:
        challenge = self._challenges.take(time.monotonic())
        if not challenge:
            await self.hello()
            challenge = self._challenges.take(time.monotonic())
        member = self._member
        credential = make_credential(
            member.key,
            node_id=member.node_id,
            session_id=member.session_id,
            challenge=challenge,
            method=method,
            invite=member.invite,
        )
        return ((METADATA_KEY, credential.SerializeToString()),)

    async def _unary(self, call: Awaitable[Any]) -> Any:
        try:
            return await call
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error, peer=self.peer) from error
