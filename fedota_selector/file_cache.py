"""Files that clients fetch: one transfer from the coordinator for all, spooled to disk."""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
import weakref
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from fedota_proto.errors import FedotaError, StreamError, UnreachableError
from fedota_proto.records import CHUNK_BYTES
from fedota_proto.v1 import fl_round_pb2 as pb
from fedota_selector.asks import FileSink

FILES_KEPT = 3
ROUND_FRESH_S = 60.0


class SpooledFile(FileSink):
    """One file, written as it comes and read by any number at the same time.

    It has no name on disk, so that nothing is left of it when the process ends in any way.
    """

    def __init__(self, folder: Path | None) -> None:
        file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed with its last reader
        weakref.finalize(self, file.close)
        self._fd = file.fileno()
        self._hash = hashlib.sha256()
        self._progress = asyncio.Event()
        self._written = 0
        self.size_bytes = 0
        self.sha256 = b""
        self.begun = False
        self.error: FedotaError | None = None

    @property
    def whole(self) -> bool:
        """Whether everything has come and is what it said."""
        return self.begun and self.error is None and self._written == self.size_bytes

    async def feed(self, chunk: pb.FileChunk) -> bool:
        """Write the next part; returns whether more have to follow."""
        if self._has_failed():
            return False
        if not self.begun:
            self.begun, self.size_bytes, self.sha256 = True, chunk.size_bytes, chunk.sha256
        if self._written + len(chunk.data) > self.size_bytes:
            self.fail(StreamError("The file is longer than the coordinator said."))
            return False
        if await asyncio.to_thread(self._append, chunk.data):
            self._wake()
        else:
            self.fail(StreamError("The file is not what its hash says."))
        return not self._has_failed() and self._written < self.size_bytes

    def fail(self, error: FedotaError) -> None:
        """Take note that nothing more will come."""
        if not self.whole and self.error is None:
            self.error = error
        self._wake()

    async def chunks(self, stall_timeout_s: float) -> AsyncIterator[pb.FileChunk]:
        """Read the file from its beginning, following its writer.

        Yields
        ------
        pb.FileChunk
            Size and hash in the first one, always at least one.

        Raises
        ------
        FedotaError
            The transfer failed, or nothing came for so long.
        """
        offset, first = 0, True
        while first or offset < self.size_bytes:
            await self._wait_beyond(offset, stall_timeout_s)
            data = await asyncio.to_thread(
                os.pread, self._fd, min(CHUNK_BYTES, self._written - offset), offset
            )
            offset += len(data)
            chunk = pb.FileChunk(data=data)
            if first:
                chunk.size_bytes, chunk.sha256, first = self.size_bytes, self.sha256, False
            yield chunk

    async def _wait_beyond(self, offset: int, stall_timeout_s: float) -> None:
        while True:
            if self.error is not None:
                raise self.error
            if self.begun and (self._written > offset or self._written == self.size_bytes):
                return
            try:
                async with asyncio.timeout(stall_timeout_s):
                    await self._progress.wait()
            except TimeoutError:
                self.fail(
                    UnreachableError(
                        "The problem's coordinator does not send the file: try again later."
                    )
                )

    def _has_failed(self) -> bool:
        return self.error is not None

    def _append(self, data: bytes) -> bool:
        """Write; the end becomes readable only if the whole is what its hash says."""
        os.pwrite(self._fd, data, self._written)
        self._hash.update(data)
        end = self._written + len(data)
        if end == self.size_bytes and self._hash.digest() != self.sha256:
            return False
        self._written = end
        return True

    def _wake(self) -> None:
        self._progress.set()
        self._progress = asyncio.Event()


class FileCache:
    """The files that were fetched last, by what was asked for.

    The problem's model file stays as long as the coordinator names it; a round's model is asked
    for again after a minute, since a roll-back may have put another in its place.

    Parameters
    ----------
    folder
        Where files are spooled; None is the system's temporary folder.
    clock
        Monotonic seconds.
    """

    def __init__(self, folder: Path | None, clock: Callable[[], float]) -> None:
        self._folder = folder
        self._clock = clock
        self._files: OrderedDict[bytes, tuple[SpooledFile, float]] = OrderedDict()

    def get(self, request: pb.FetchRequest) -> SpooledFile | None:
        """Return the file asked for, whole or on its way; None if it has to be asked for."""
        key = request.SerializeToString(deterministic=True)
        kept = self._files.get(key)
        if kept is None:
            return None
        file, since = kept
        stale = not request.model_file and self._clock() - since > ROUND_FRESH_S
        if file.error is not None or stale:
            del self._files[key]
            return None
        self._files.move_to_end(key)
        return file

    def begin(self, request: pb.FetchRequest) -> SpooledFile:
        """Make room for a file that is going to be asked for."""
        file = SpooledFile(self._folder)
        self._files[request.SerializeToString(deterministic=True)] = (file, self._clock())
        while len(self._files) > FILES_KEPT:
            self._files.popitem(last=False)
        return file

    def expect_model(self, sha256: bytes) -> None:
        """Forget a model file that is not the one that the coordinator names now."""
        key = pb.FetchRequest(model_file=True).SerializeToString(deterministic=True)
        kept = self._files.get(key)
        if kept is not None and kept[0].begun and kept[0].sha256 != sha256:
            del self._files[key]

    def forget_rounds(self) -> None:
        """Forget the models of rounds: another coordinator speaks now."""
        model = pb.FetchRequest(model_file=True).SerializeToString(deterministic=True)
        for key in [key for key in self._files if key != model]:
            del self._files[key]
