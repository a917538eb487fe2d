"""A coordinator that says what the test tells it to, and keeps all that it hears."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import grpc
import grpc.aio
import numpy as np

from fedota_proto.credential import PROTOCOL
from fedota_proto.records import ArrayBytes, PayloadReader, Records, to_payload
from fedota_proto.tls import server_credentials, server_options
from fedota_proto.v1 import fl_intra_pb2 as intra
from fedota_proto.v1 import fl_records_pb2 as records_pb
from fedota_proto.v1 import fl_round_pb2 as pb
from fedota_proto.wire import coordinator_chunk, read_selector_message, to_wire
from fedota_server.authority import ProblemKeys

WAIT_S = 10.0
SPECS = (("layer/vars/0", "float32", (2, 3)), ("layer/vars/1", "float32", (3,)))


def model(value: float) -> Records:
    """Make a model whose elements are all `value`."""
    arrays = {
        name: ArrayBytes.from_numpy(np.full(shape, value, dtype)) for name, dtype, shape in SPECS
    }
    for array in arrays.values():
        array.digest()
    return Records(arrays={"arrays": arrays}, config={"config": {"server-round": 1}})


def round_key(server_round: int) -> records_pb.RoundKey:
    """Name a round of the first generation."""
    return records_pb.RoundKey(generation=1, server_round=server_round, attempt=1)


class Heard:
    """Everything that came up, with a way to wait for it."""

    def __init__(self) -> None:
        self.messages: list[intra.SelectorMessage] = []
        self.transfers: dict[int, tuple[Any, PayloadReader]] = {}
        self._changed = asyncio.Condition()

    async def add(self, message: Any) -> None:
        if isinstance(message, intra.SelectorMessage):
            kind = message.WhichOneof("body")
            if kind in ("partial", "forward"):
                body = getattr(message, kind)
                self.transfers[body.transfer_id] = body, PayloadReader(body.payload)
            self.messages.append(message)
        else:
            self.transfers[message.transfer_id][1].feed(message.data)
        async with self._changed:
            self._changed.notify_all()

    def all(self, kind: str) -> list[Any]:
        return [getattr(m, kind) for m in self.messages if m.WhichOneof("body") == kind]

    async def until(self, condition: Callable[[], Any]) -> Any:
        async with asyncio.timeout(WAIT_S), self._changed:
            await self._changed.wait_for(condition)
            return condition()

    async def one(self, kind: str, **fields: Any) -> Any:
        """Wait for the newest message of a kind with these fields."""

        def find() -> Any:
            for body in reversed(self.all(kind)):
                if all(getattr(body, name) == value for name, value in fields.items()):
                    return body
            return None

        return await self.until(find)

    async def transfer(self, kind: str, **fields: Any) -> tuple[Any, Records]:
        """Wait for a partial or a forward with all its bytes."""
        body = await self.one(kind, **fields)
        reader = self.transfers[body.transfer_id][1]
        await self.until(lambda: not reader.missing_bytes)
        return body, reader.finish()


class ScriptedCoordinator:
    """Serves fl_intra on one port, which it keeps over restarts."""

    def __init__(self, keys: ProblemKeys) -> None:
        self.keys = keys
        self.port = 0
        self.run_id = b"run-1"
        self.epoch = 1
        self.heard = Heard()
        self.bindings: dict[int, intra.Binding] = {}
        self.checks = intra.Checks(
            declared=True,
            train_metrics=["loss", "accuracy"],
            evaluate_metrics=["loss", "accuracy"],
            loss_metric="loss",
            weight_max=1_000_000.0,
            weight_key="num-examples",
        )
        self.verdict: Callable[[intra.ClientOpen], intra.Verdict | None] = self.accept
        self.finished = False
        self.version = PROTOCOL
        self._server: grpc.aio.Server | None = None
        self._context: Any = None
        self._writing = asyncio.Lock()
        self._ids = itertools.count(1)

    async def start(self) -> None:
        self._server = grpc.aio.server(options=server_options())
        handler: Any = grpc.stream_stream_rpc_method_handler
        self._server.add_registered_method_handlers(
            "fedota.v1.FlIntra",
            {"Attach": handler(self._attach, read_selector_message, to_wire)},
        )
        credentials = server_credentials(
            self.keys.identity("coordinator"), self.keys.ca_pem, require_client=True
        )
        self.port = self._server.add_secure_port(f"127.0.0.1:{self.port}", credentials)
        await self._server.start()

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.stop(None)
            self._server = None

    async def restart(self, run_id: bytes) -> None:
        """Come back as another process would: with another run id and no memory."""
        await self.stop()
        self.run_id, self.epoch, self.heard = run_id, 1, Heard()
        await self.start()

    async def break_stream(self) -> None:
        """Lose the stream and nothing else."""
        self.heard = Heard()
        with contextlib.suppress(grpc.aio.AbortError):
            await self._context.abort(grpc.StatusCode.UNAVAILABLE, "The line is cut.")

    async def _attach(self, _: Any, context: Any) -> None:
        first = await context.read()
        assert first.HasField("attaching"), first
        heard = self.heard
        await context.write(intra.CoordinatorMessage(attached=self.attached()))
        self._context = context
        await heard.add(first)
        while True:
            message = await context.read()
            if message is grpc.aio.EOF:
                return
            await heard.add(message)
            if isinstance(message, intra.SelectorMessage) and message.HasField("client_open"):
                verdict = self.verdict(message.client_open)
                if verdict is not None:
                    await self.send(verdict=verdict)

    def attached(self) -> intra.Attached:
        return intra.Attached(
            version=records_pb.Version(protocol=self.version, release="scripted"),
            epoch=self.epoch,
            run_id=self.run_id,
            problem_id=self.keys.problem_id,
            checks=self.checks,
            invite_public_key=self.keys.public_key("invite"),
            bindings=list(self.bindings.values()),
            finished=self.finished,
        )

    def accept(self, opened: intra.ClientOpen) -> intra.Verdict:
        """Bind and admit whoever comes."""
        self.bindings[opened.node_id] = intra.Binding(
            node_id=opened.node_id, public_key=opened.public_key
        )
        return intra.Verdict(stream_id=opened.stream_id, accepted=True)

    async def send(self, **body: Any) -> None:
        async with self._writing:
            if "verdict" in body and body["verdict"].accepted:
                for binding in self.bindings.values():
                    await self._context.write(
                        intra.CoordinatorMessage(binding=intra.BindingChange(binding=binding))
                    )
            await self._context.write(intra.CoordinatorMessage(**body))

    async def send_content(
        self, records: Records, have: Sequence[bytes] = (), chunk_bytes: int = 1 << 20
    ) -> int:
        content_id = next(self._ids)
        payload, chunks = to_payload(records, have=have, chunk_bytes=chunk_bytes, inline_bytes=0)
        await self.send(
            content=intra.Content(transfer_id=content_id, content_id=content_id, payload=payload)
        )
        for chunk in chunks:
            async with self._writing:
                await self._context.write(coordinator_chunk(content_id, chunk))
        return content_id

    async def hand_out(
        self,
        tasks: dict[int, int],
        records: Records,
        *,
        server_round: int = 1,
        message_type: str = "train",
        mean: bool = True,
        checked: bool = True,
        deadline_s: float = 60.0,
        specs: Sequence[tuple[str, str, tuple[int, ...]]] = SPECS,
        have: Sequence[bytes] = (),
    ) -> None:
        """Hand tasks (task id to node id) out with one content."""
        content_id = await self.send_content(records, have)
        expect = [
            records_pb.ArraySpec(name=name, dtype=dtype, shape=shape)
            for name, dtype, shape in specs
        ]
        await self.send(
            hand_out=intra.HandOut(
                content_id=content_id,
                round=round_key(server_round),
                message_type=message_type,
                deadline_s=deadline_s,
                mean=mean,
                checked=checked,
                expect=[] if message_type == "evaluate" else expect,
                tasks=[
                    intra.HandOutTask(task_id=task_id, node_id=node_id, message_id=f"m{task_id}")
                    for task_id, node_id in tasks.items()
                ],
            )
        )

    async def close(
        self, server_round: int = 1, message_type: str = "train"
    ) -> tuple[intra.Partial, Records]:
        close_id = next(self._ids)
        await self.send(
            close=intra.ClosePartial(
                close_id=close_id, round=round_key(server_round), message_type=message_type
            )
        )
        partial: tuple[intra.Partial, Records] = await self.heard.transfer(
            "partial", close_id=close_id
        )
        return partial

    async def settle(
        self, node_id: int, task_id: int, kind: Any, server_round: int = 1, sha256: bytes = b""
    ) -> None:
        outcome = pb.Outcome(
            task_id=task_id,
            round=round_key(server_round),
            message_type="train",
            kind=kind,
            update_sha256=sha256,
        )
        self.keys.receipt_key.sign_outcome(self.keys.problem_id, node_id, outcome)
        await self.send(
            settled=intra.Settled(outcomes=[intra.NodeOutcome(node_id=node_id, outcome=outcome)])
        )
