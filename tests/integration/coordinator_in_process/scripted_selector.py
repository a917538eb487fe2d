"""A selector that does what a test tells it, over a real stream to a real coordinator."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial

import grpc
import grpc.aio
import numpy as np
from support.waiting import Feed

from fedota_proto.credential import PROTOCOL, verify_outcome
from fedota_proto.records import (
    ArrayBytes,
    Arrays,
    PayloadReader,
    Records,
    npy_view,
    to_payload,
)
from fedota_proto.running_mean import RunningMean
from fedota_proto.tls import client_channel, coordinator_name
from fedota_proto.v1 import fl_intra_pb2 as pb
from fedota_proto.v1 import fl_records_pb2
from fedota_proto.v1 import fl_round_pb2 as round_pb
from fedota_proto.values import Entries
from fedota_proto.wire import TransferPiece, read_coordinator_message, selector_chunk, to_wire
from fedota_server.authority import ProblemKeys

AWAY_UNTIL_UNIX_S = 2e9

Train = Callable[[int, int, dict[str, np.ndarray]], dict[str, np.ndarray]]


def weight_of(node: int) -> float:
    """How many examples a scripted client has."""
    return float(10 * node)


def trained(node: int, server_round: int, model: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What a scripted client makes of a model: always the same for node and round."""
    shift = np.float32(0.01 * node + 0.1 * server_round)
    return {
        name: (array * np.float32(0.9) + shift).astype(array.dtype) for name, array in model.items()
    }


def _is_verdict(stream_id: int, message: pb.CoordinatorMessage) -> bool:
    return message.HasField("verdict") and message.verdict.stream_id == stream_id


@dataclass(slots=True)
class ScriptedTask:
    """A task that this selector has."""

    task_id: int
    node_id: int
    round: fl_records_pb2.RoundKey
    message_type: str
    mean: bool
    records: Records


class ScriptedSelector:
    """Clients are numbers here; they answer at once, but for training those that are `slow`.

    Parameters
    ----------
    keys
        Of the problem.
    number
        Of the selector.
    port
        Of the coordinator.
    train
        What clients do with a model.
    """

    def __init__(self, keys: ProblemKeys, number: int, port: int, train: Train = trained) -> None:
        self.number = number
        self.slow: set[int] = set()
        self.evaluates = True
        self.messages: Feed[pb.CoordinatorMessage] = Feed(f"messages to selector {number}")
        self.tasks: Feed[ScriptedTask] = Feed(f"tasks at selector {number}")
        self.outcomes: Feed[pb.NodeOutcome] = Feed(f"outcomes at selector {number}")
        self.travelled: list[int] = []
        self.epoch = 0
        self.run_id = b""
        self.instance_id = secrets.token_bytes(16)
        self._keys = keys
        self._port = port
        self._train = train
        self._outbox: asyncio.Queue[pb.SelectorMessage | bytes | None] = asyncio.Queue()
        self._contents: dict[int, Records] = {}
        self._known: list[dict[bytes, ArrayBytes]] = []
        self._arriving: dict[int, tuple[int, PayloadReader]] = {}
        self._merged: dict[tuple[int, int, int], tuple[RunningMean, list[pb.PartialEntry]]] = {}
        self._transfers = 0
        self._streams = 0
        self._running: asyncio.Task[None] | None = None
        self._channel: grpc.aio.Channel | None = None

    async def attach(self) -> pb.Attached:
        """Connect, and wait for the greeting."""
        self._outbox = asyncio.Queue()
        self._channel = client_channel(
            f"127.0.0.1:{self._port}",
            coordinator_name(self._keys.problem_id),
            self._keys.ca_pem,
            self._keys.identity(f"selector-{self.number}"),
            options=[("grpc.use_local_subchannel_pool", 1)],
        )
        attaching = pb.Attaching(
            version=fl_records_pb2.Version(protocol=PROTOCOL, release="test"),
            instance_id=self.instance_id,
            address=f"127.0.0.1:{9000 + self.number}",
            epoch=self.epoch,
        )
        self._outbox.put_nowait(pb.SelectorMessage(attaching=attaching))
        before = len(self.messages.items)
        self._running = asyncio.create_task(self._run(self._channel))
        greeting = await self.messages.until(lambda m: m.HasField("attached"), after=before)
        attached = greeting.attached
        if (attached.run_id, attached.epoch) != (self.run_id, self.epoch):
            self._merged.clear()
        self.run_id, self.epoch = attached.run_id, attached.epoch
        return attached

    async def detach(self) -> None:
        """Break the stream, as a killed process does."""
        if self._running is not None:
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._running
            self._running = None
        if self._channel is not None:
            await self._channel.close()

    async def _run(self, channel: grpc.aio.Channel) -> None:
        attach = channel.stream_stream(
            "/fedota.v1.FlIntra/Attach",
            request_serializer=to_wire,
            response_deserializer=read_coordinator_message,
        )
        call = attach()
        writer = asyncio.create_task(self._write(call))
        try:
            while (message := await call.read()) is not grpc.aio.EOF:
                if isinstance(message, TransferPiece):
                    self._feed(message)
                elif isinstance(message, pb.CoordinatorMessage):
                    self._receive(message)
        except grpc.aio.AioRpcError:
            return
        finally:
            writer.cancel()
            call.cancel()

    async def _write(self, call: grpc.aio.StreamStreamCall) -> None:  # type: ignore[type-arg]
        with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
            while (message := await self._outbox.get()) is not None:
                await call.write(message)

    def say(self, **body: object) -> None:
        """Send one message, as ``say(held=…)``."""
        self._outbox.put_nowait(pb.SelectorMessage(**body))  # type: ignore[arg-type]

    # What clients do.

    async def join(
        self,
        *nodes: int,
        open_tasks: Collection[tuple[int, bool]] = (),
        wants: Collection[int] = (),
        session: bytes = b"s" * 16,
        invite: str = "invite",
        no_evaluation: bool = False,
    ) -> list[pb.Verdict]:
        """Have clients check in; returns the verdicts."""
        verdicts = []
        for node in nodes:
            self._streams += 1
            stream_id = self._streams
            opening = pb.ClientOpen(
                stream_id=stream_id,
                node_id=node,
                session_id=session,
                public_key=bytes([node % 256]) * 32,
                invite=invite,
                open_tasks=[
                    round_pb.OpenTask(task_id=task, update_ready=ready)
                    for task, ready in open_tasks
                ],
                wants_outcome=wants,
                no_evaluation=no_evaluation,
            )
            self.say(client_open=opening)
            message = await self.messages.until(partial(_is_verdict, stream_id))
            verdicts.append(message.verdict)
        return verdicts

    def leave(self, node: int, stream_id: int = 0, reason: str = "dropped") -> None:
        """Have a client's stream end."""
        gone = pb.ClientGone(stream_id=stream_id or self._streams, node_id=node, reason=reason)
        if reason == "away":
            gone.away_until_unix_s = AWAY_UNTIL_UNIX_S
        self.say(client_gone=gone)

    def answer(self, task: ScriptedTask) -> None:
        """Have a client send its update of a task, and hold or forward it."""
        if task.message_type == "evaluate":
            metrics: Entries = {
                "num-examples": weight_of(task.node_id),
                "loss": 0.5,
                "accuracy": 0.75,
            }
            self._forward(task, Records(metrics={"metrics": metrics}))
            return
        (sent,) = task.records.arrays.values()
        model = {name: npy_view(array) for name, array in sent.items()}
        update = self._train(task.node_id, task.round.server_round, model)
        arrays = {name: ArrayBytes.from_numpy(array) for name, array in update.items()}
        if task.mean:
            self._merge(task, arrays)
        else:
            sent_metrics: Entries = {"num-examples": weight_of(task.node_id), "loss": 1.0}
            self._forward(
                task, Records(arrays={"arrays": arrays}, metrics={"metrics": sent_metrics})
            )

    def _held(self, task: ScriptedTask) -> pb.Held:
        return pb.Held(
            task_id=task.task_id,
            node_id=task.node_id,
            weight=weight_of(task.node_id),
            update_sha256=bytes([task.node_id % 256]) * 32,
            size_bytes=task.records.size_bytes(),
        )

    def _merge(self, task: ScriptedTask, arrays: Arrays) -> None:
        key = (task.round.generation, task.round.server_round, task.round.attempt)
        if key not in self._merged:
            specs = [
                fl_records_pb2.ArraySpec(name=name, dtype=array.dtype, shape=array.shape)
                for name, array in arrays.items()
            ]
            self._merged[key] = RunningMean(specs), []
        mean, entries = self._merged[key]
        mean.add(arrays, weight_of(task.node_id))
        held = self._held(task)
        entries.append(
            pb.PartialEntry(
                node_id=held.node_id,
                task_id=held.task_id,
                weight=held.weight,
                update_sha256=held.update_sha256,
            )
        )
        self.say(held=held)

    def _forward(self, task: ScriptedTask, records: Records) -> None:
        held = self._held(task)
        self._transfers += 1
        payload, chunks = to_payload(records, inline_bytes=16)
        forward = pb.Forward(
            transfer_id=self._transfers,
            task_id=held.task_id,
            node_id=held.node_id,
            weight=held.weight,
            update_sha256=held.update_sha256,
            payload=payload,
        )
        self.say(forward=forward)
        for chunk in chunks:
            self._outbox.put_nowait(selector_chunk(self._transfers, chunk))
        self.say(held=held)

    # What the coordinator says.

    def _receive(self, message: pb.CoordinatorMessage) -> None:
        kind = message.WhichOneof("body")
        if kind == "content":
            self._begin(message.content)
        elif kind == "hand_out":
            self._hand_out(message.hand_out)
        elif kind == "close":
            self._close(message.close)
        elif kind == "drop":
            key = message.drop.round
            self._merged.pop((key.generation, key.server_round, key.attempt), None)
        elif kind == "settled":
            for outcome in message.settled.outcomes:
                self.outcomes.put(outcome)
        self.messages.put(message)

    def _begin(self, content: pb.Content) -> None:
        known = {digest: array for kept in self._known for digest, array in kept.items()}
        reader = PayloadReader(content.payload, known=known)
        self.travelled.append(reader.size_bytes)
        if reader.missing_bytes:
            self._arriving[content.transfer_id] = content.content_id, reader
        else:
            self._finish(content.content_id, reader)

    def _feed(self, piece: TransferPiece) -> None:
        content_id, reader = self._arriving[piece.transfer_id]
        reader.feed(piece.data)
        if not reader.missing_bytes:
            del self._arriving[piece.transfer_id]
            self._finish(content_id, reader)

    def _finish(self, content_id: int, reader: PayloadReader) -> None:
        records = reader.finish()
        self._contents[content_id] = records
        # Exactly the arrays of the newest two contents.
        self._known = [*self._known[-1:], {a.sha256: a for a in records.all_arrays()}]

    def _hand_out(self, hand_out: pb.HandOut) -> None:
        # By node: Flower samples the cohort in another order every time.
        for item in sorted(hand_out.tasks, key=lambda task: task.node_id):
            task = ScriptedTask(
                item.task_id,
                item.node_id,
                hand_out.round,
                hand_out.message_type,
                hand_out.mean,
                self._contents[hand_out.content_id],
            )
            self.tasks.put(task)
            evaluation = task.message_type == "evaluate"
            if self.evaluates if evaluation else task.node_id not in self.slow:
                self.answer(task)

    def _close(self, close: pb.ClosePartial) -> None:
        key = (close.round.generation, close.round.server_round, close.round.attempt)
        mean, entries = self._merged.pop(key, (None, []))
        self._transfers += 1
        partial = pb.Partial(
            transfer_id=self._transfers,
            close_id=close.close_id,
            round=close.round,
            entries=entries,
            weight=sum(entry.weight for entry in entries),
        )
        chunks: Iterator[memoryview] = iter(())
        if mean is not None:
            payload, chunks = to_payload(Records(arrays={"arrays": mean.mean()}), inline_bytes=16)
            partial.payload.CopyFrom(payload)
            total = partial.weight
            partial.metrics.add(name="loss", mean=1.0, weight=total, count=len(entries))
        self.say(partial=partial)
        for chunk in chunks:
            self._outbox.put_nowait(selector_chunk(self._transfers, chunk))

    async def task_of(self, node: int, server_round: int, kind: str = "train") -> ScriptedTask:
        """Wait for a node's task."""
        return await self.tasks.until(
            lambda t: (
                (t.node_id, t.round.server_round, t.message_type) == (node, server_round, kind)
            )
        )

    async def outcome_of(self, task: ScriptedTask) -> round_pb.Outcome:
        """Wait for the signed outcome of a task."""
        found = await self.outcomes.until(lambda o: o.outcome.task_id == task.task_id)
        key = self._keys.public_key("receipt")
        assert verify_outcome(key, self._keys.problem_id, found.node_id, found.outcome)
        return found.outcome
