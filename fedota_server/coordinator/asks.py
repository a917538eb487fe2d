"""Questions of clients that their selector passes on: describe, fetch, tell."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from fedota_proto.errors import (
    BusyError,
    CheckpointError,
    FedotaError,
    FolderError,
    UsageError,
)
from fedota_proto.npy import npy_view
from fedota_proto.records import Arrays
from fedota_proto.v1 import fl_intra_pb2 as pb
from fedota_proto.v1 import fl_round_pb2 as round_pb
from fedota_server.coordinator.engine import Engine
from fedota_server.coordinator.link import SelectorLink
from fedota_server.coordinator.round_view import RoundView

_log = logging.getLogger(__name__)

FILE_CHUNK_BYTES = 1 << 20
FETCHES_AT_ONCE = 2

LoadRound = Callable[[int], Arrays]


class Asks:
    """Answers what clients ask; used in the event loop.

    Parameters
    ----------
    engine
        Knows outcomes and members.
    view
        Knows state and clock.
    completed_round
        Returns the newest completed round.
    load_round
        Reads a completed round's arrays from its checkpoint; blocks. None for an app.
    scratch
        Where files are made that are being sent.
    """

    def __init__(
        self,
        engine: Engine,
        view: RoundView,
        completed_round: Callable[[], int],
        load_round: LoadRound | None,
        scratch: Path,
    ) -> None:
        self._engine = engine
        self._facts = engine.facts
        self._view = view
        self._completed_round = completed_round
        self._load_round = load_round
        self._scratch = scratch
        self._fetching = asyncio.Semaphore(FETCHES_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        engine.on_ask = self.ask

    def ask(self, link: SelectorLink, ask: pb.Ask) -> None:
        """Answer a question on the stream that it came by."""
        what = ask.WhichOneof("what")
        if what == "describe":
            self._answer(link, ask, describe=self._describe(ask.node_id))
        elif what == "tell":
            self._tell(ask)
            self._answer(link, ask, tell=round_pb.TellReply())
        elif what == "fetch":
            task = asyncio.create_task(self._fetch(link, ask))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _answer(self, link: SelectorLink, ask: pb.Ask, **body: object) -> None:
        answer = pb.Answer(ask_id=ask.ask_id, **body)  # type: ignore[arg-type]
        link.send(pb.CoordinatorMessage(answer=answer))

    def _describe(self, node_id: int) -> round_pb.DescribeReply:
        facts = self._facts
        status = self._view.status()
        return round_pb.DescribeReply(
            problem_id=facts.problem_id,
            problem_toml=facts.problem_toml,
            manifest_json=facts.manifest_json,
            model_sha256=facts.model_sha256,
            model_size_bytes=facts.model_size_bytes,
            state=status.state,
            completed_round=self._completed_round(),
            selectors=self._engine.roster.addresses(),
            outcomes=self._engine.outcomes.of_node(node_id),
            clock=status.clock,
        )

    def _tell(self, ask: pb.Ask) -> None:
        roster, tell = self._engine.roster, ask.tell
        if tell.kind == round_pb.TellRequest.READY:
            roster.note_member(ask.node_id, "ready", 0)
        elif tell.kind == round_pb.TellRequest.AWAY:
            roster.note_away(ask.node_id, tell.away_until_unix_s)
        elif tell.kind == round_pb.TellRequest.LEAVING:
            roster.end_membership(ask.node_id, "left")
        # STOPPING: the stream's own end follows and says so. ENROLLING: the key is bound by now.

    async def _fetch(self, link: SelectorLink, ask: pb.Ask) -> None:
        try:
            file, sha256 = await self._file_of(ask.fetch)
        except FedotaError as error:
            refusal = round_pb.Refusal(
                code=error.code,
                reason=error.public_message,
                retry_after_s=getattr(error, "retry_after_s", 0.0),
            )
            self._answer(link, ask, refusal=refusal)
            return
        if link.closed:
            file.close()
        else:
            link.send_all(_pieces(ask.ask_id, file, sha256))

    async def _file_of(self, fetch: round_pb.FetchRequest) -> tuple[BinaryIO, bytes]:
        model = self._facts.model_path
        if model is None or self._load_round is None:
            raise UsageError("A Flower app has no model file.")
        try:
            if fetch.WhichOneof("what") == "model_file":
                return await asyncio.to_thread(model.open, "rb"), self._facts.model_sha256
            if not 0 < fetch.server_round <= self._completed_round():
                raise CheckpointError(f"Round {fetch.server_round} is not completed yet.")
            if self._fetching.locked():
                raise BusyError("Other models are being prepared: try again.", retry_after_s=2.0)
            async with self._fetching:
                return await asyncio.to_thread(
                    self._make_file, model, self._load_round, fetch.server_round
                )
        except OSError as error:
            _log.error("a model cannot be prepared", exc_info=error)
            raise FolderError("The platform cannot prepare this file at present.") from error

    def _make_file(
        self, model: Path, load_round: LoadRound, server_round: int
    ) -> tuple[BinaryIO, bytes]:
        """Write a round's model into a file without a name: it goes with its reader."""
        # Only who fetches a model needs HDF5: it takes 10 MB of memory.
        from fedota_proto.model_file import write_weights

        arrays = {name: npy_view(array) for name, array in load_round(server_round).items()}
        self._scratch.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._scratch) as folder:
            path = Path(folder) / "model.keras"
            write_weights(model, arrays, path)
            file = path.open("rb")
        digest = hashlib.file_digest(file, "sha256").digest()
        file.seek(0)
        return file, digest


def _pieces(ask_id: int, file: BinaryIO, sha256: bytes) -> Iterator[bytes]:
    """Read a file as it is sent."""
    with file:
        size_bytes = os.fstat(file.fileno()).st_size
        chunk = round_pb.FileChunk(size_bytes=size_bytes, sha256=sha256)
        while True:
            chunk.data = file.read(FILE_CHUNK_BYTES)
            answer = pb.Answer(ask_id=ask_id, file=chunk)
            yield pb.CoordinatorMessage(answer=answer).SerializeToString()
            if file.tell() >= size_bytes:
                return
            chunk = round_pb.FileChunk()
