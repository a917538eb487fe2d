"""Load generators: many clients in one process, each on a TLS connection of its own.

They enrol by real invites and speak the whole protocol, but compute nothing: a train task is
answered with the arrays that it brought, any other with a metric. Run as
``python -m benchmarks.load INVITE…``; it ends when every client's stream has ended.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import sys
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf.message import Message

from fedota_proto import credential
from fedota_proto.invite import Invite
from fedota_proto.records import ArrayBytes, Arrays, PayloadReader, Records, to_payload
from fedota_proto.tls import client_channel
from fedota_proto.v1 import fl_round_pb2 as pb
from fedota_proto.v1 import fl_round_pb2_grpc as rpc
from fedota_proto.v1.fl_records_pb2 import Version
from fedota_proto.wire import says_go, to_wire, update_chunk

REPLY = {"num-examples": 10, "loss": 0.5}
CALL_TIMEOUT_S = 120.0
# More would time one another out: each TLS handshake costs both sides a millisecond or two.
CONNECTING_MOST = 8


class LoadClient:
    """One client of a load generator.

    Parameters
    ----------
    invite
        Enrols it, once.
    number
        Chooses its selector: clients are dealt out in turn.
    own
        What it answers a train task with, instead of the arrays that came.
    connecting
        Held while it connects.
    """

    def __init__(
        self,
        invite: Invite,
        number: int,
        own: Arrays | None = None,
        connecting: asyncio.Semaphore | None = None,
    ) -> None:
        self._connecting = connecting or asyncio.Semaphore()
        self._invite = invite
        self._own = own
        address, name = invite.selectors[number % len(invite.selectors)]
        self._channel = client_channel(
            address,
            name,
            invite.ca_pem.encode(),
            options=[("grpc.use_local_subchannel_pool", 1)],
        )
        self._stub = rpc.FlRoundStub(self._channel)
        self._update: Any = self._channel.stream_unary(
            "/fedota.v1.FlRound/Update",
            request_serializer=to_wire,
            response_deserializer=pb.Ack.FromString,
        )
        self._key = credential.ClientKey.generate()
        self._session_id = credential.new_session_id()
        self._known: dict[bytes, ArrayBytes] = {}
        self._older: dict[bytes, ArrayBytes] = {}
        self.welcomed = asyncio.Event()

    def _metadata(self, method: str, challenge: bytes) -> tuple[tuple[str, bytes]]:
        signed = credential.make_credential(
            self._key,
            node_id=self._invite.node_id,
            session_id=self._session_id,
            challenge=challenge,
            method=method,
            invite=self._invite.text if method == "CheckIn" else "",
        )
        return ((credential.METADATA_KEY, signed.SerializeToString()),)

    async def _challenge(self) -> bytes:
        version = Version(protocol=credential.PROTOCOL, release="bench")
        hello = await self._stub.Hello(
            pb.HelloRequest(version=version), timeout=CALL_TIMEOUT_S, wait_for_ready=True
        )
        return hello.challenge

    async def run(self, deadline_s: float) -> None:
        """Take part until the stream ends or `deadline_s` (monotonic) has come."""
        async with self._channel:
            async with self._connecting:
                challenge = await self._challenge()
            call = self._stub.CheckIn(
                pb.CheckInRequest(),
                metadata=self._metadata("CheckIn", challenge),
                timeout=max(1.0, deadline_s - time.monotonic()),
            )
            reader: PayloadReader | None = None
            task = pb.Task()
            async for message in call:
                kind = message.WhichOneof("body")
                if kind == "welcome":
                    self.welcomed.set()
                elif kind == "task":
                    task = message.task
                    known = {**self._older, **self._known}
                    reader = PayloadReader(task.payload, known=known)
                elif kind == "chunk" and reader is not None:
                    reader.feed(message.chunk)
                elif kind == "finished":
                    return
                elif kind == "refusal":
                    raise RuntimeError(f"refused: {message.refusal.reason}")
                if reader is not None and not reader.missing_bytes:
                    records, received_s = reader.finish(), time.monotonic()
                    reader = None
                    await self._answer(task, records, received_s)

    async def _answer(self, task: pb.Task, records: Records, received_s: float) -> None:
        self._older = self._known
        self._known = {array.sha256: array for array in records.all_arrays() if array.sha256}
        arrays = self._own or next(iter(records.arrays.values()), {})
        reply = Records(metrics={"metrics": dict(REPLY)})
        if task.message_type == "train":
            reply.arrays["arrays"] = {
                name: ArrayBytes(array.dtype, array.shape, array.stype, array.data)
                for name, array in arrays.items()
            }
        payload, chunks = to_payload(reply)
        header = pb.UpdateHeader(task_id=task.task_id, payload=payload)

        async def messages() -> AsyncIterator[Message | bytes]:
            yield pb.UpdateMessage(header=header)
            if not payload.data and payload.follows and says_go(await call.initial_metadata()):
                for chunk in chunks:
                    yield update_chunk(chunk)

        fresh = task.challenge and time.monotonic() - received_s < credential.CHALLENGE_VALID_S / 2
        challenge = task.challenge if fresh else await self._challenge()
        call = self._update(
            messages(), metadata=self._metadata("Update", challenge), timeout=CALL_TIMEOUT_S
        )
        ack = await call
        if ack.status != pb.Ack.HELD:
            raise RuntimeError(f"not held: {ack.code} {ack.reason}")


async def run_all(texts: Sequence[str], first: int, timeout_s: float, own: Arrays | None) -> None:
    """Run one client for each invite; print ``welcomed`` once all of them are."""
    connecting = asyncio.Semaphore(CONNECTING_MOST)
    clients = [
        LoadClient(Invite.parse(text), first + k, own, connecting) for k, text in enumerate(texts)
    ]
    deadline_s = time.monotonic() + timeout_s
    async with asyncio.TaskGroup() as group:
        for client in clients:
            group.create_task(client.run(deadline_s))
        async with asyncio.timeout(timeout_s):
            for client in clients:
                await client.welcomed.wait()
        sys.stdout.write("welcomed\n")
        sys.stdout.flush()


def main() -> int:
    """Run the clients whose invites are named; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("invites", nargs="+", type=Path, help="files, or one folder of files")
    parser.add_argument("--first", type=int, default=0, help="number of the first client")
    parser.add_argument("--count", type=int, default=0, help="how many of them; 0: all")
    parser.add_argument(
        "--own-elements", type=int, default=0, help="answer with a float32 array of this size"
    )
    parser.add_argument("--timeout-s", type=float, default=300.0)
    arguments = parser.parse_args()
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
    paths: list[Path] = arguments.invites
    if len(paths) == 1 and paths[0].is_dir():
        paths = sorted(paths[0].iterdir())
    last = arguments.first + arguments.count if arguments.count else len(paths)
    texts = [path.read_text() for path in paths[arguments.first : last]]
    own: Arrays | None = None
    if arguments.own_elements:
        values = np.ones(arguments.own_elements, dtype=np.float32)
        own = {"w": ArrayBytes.from_numpy(values)}
    asyncio.run(run_all(texts, arguments.first, arguments.timeout_s, own))
    return 0


if __name__ == "__main__":
    sys.exit(main())
