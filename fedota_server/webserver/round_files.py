"""The files that data holders fetch from the webserver, opened to be sent."""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from fedota_proto.errors import BusyError, CheckpointError, FolderError, UsageError
from fedota_proto.v1 import fl_round_pb2 as pb
from fedota_server.model_export import export_model
from fedota_server.problem_folder import ProblemFolder
from fedota_server.webserver.tables import ProblemRow
from fedota_server.webserver.threads import in_thread

_CHUNK_BYTES = 1 << 20
_AT_ONCE = 2
_AGAIN_S = 2.0


@dataclass(frozen=True)
class OpenFile:
    """A file that is being sent.

    Parameters
    ----------
    file
        At its beginning; it has no name any more where it was made for this.
    size_bytes, sha256
        Of the whole.
    """

    file: BinaryIO
    size_bytes: int
    sha256: bytes

    async def chunks(self) -> AsyncIterator[pb.FileChunk]:
        """Read it piece by piece, and close it."""
        with self.file:
            chunk = pb.FileChunk(size_bytes=self.size_bytes, sha256=self.sha256)
            while True:
                chunk.data = await in_thread(self.file.read, _CHUNK_BYTES)
                yield chunk
                if self.file.tell() >= self.size_bytes:
                    return
                chunk = pb.FileChunk()


class RoundFiles:
    """Opens what `Fetch` asks for; a few models are made at a time."""

    def __init__(self) -> None:
        self._making = asyncio.Semaphore(_AT_ONCE)

    async def open(
        self, problem: ProblemRow, folder: ProblemFolder, wanted: pb.FetchRequest
    ) -> OpenFile:
        """Open a problem's model, or make a completed round's.

        Raises
        ------
        CheckpointError
            The round is not completed, or no longer kept.
        BusyError
            Others are being made.
        FolderError, ModelFileError
            The folder is damaged or cannot be written.
        """
        if wanted.WhichOneof("what") is None:
            raise UsageError("This file is unknown here: update the client.")
        if wanted.WhichOneof("what") == "model_file":
            return await in_thread(_opened, folder.model_path())
        if not 0 < wanted.server_round <= problem.completed_round:
            raise CheckpointError(f"Round {wanted.server_round} is not completed.")
        if self._making.locked():
            raise BusyError("Other models are being prepared: try again.", retry_after_s=_AGAIN_S)
        async with self._making:
            return await in_thread(_made, folder, wanted.server_round)


def _made(folder: ProblemFolder, server_round: int) -> OpenFile:
    """Write a round's model into a file without a name: it goes with its reader."""
    try:
        with tempfile.TemporaryDirectory(dir=folder.state) as place:
            path = Path(place) / "model.keras"
            export_model(folder, path, server_round)
            return _opened(path)
    except OSError as error:
        raise FolderError(
            "The platform cannot prepare this file at present.", detail=repr(error)
        ) from error


def _opened(path: Path) -> OpenFile:
    try:
        file = path.open("rb")
    except OSError as error:
        raise FolderError(
            "The platform cannot read this file at present.", detail=repr(error)
        ) from error
    digest = hashlib.file_digest(file, "sha256").digest()
    file.seek(0)
    return OpenFile(file, os.fstat(file.fileno()).st_size, digest)
