"""Files that come over HTTP: they go to disk as they come, whatever their size."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from fedota_proto.errors import BusyError, FolderError, StreamError, UsageError
from fedota_proto.units import size_words

_AT_ONCE = 4
_QUIET_S = 60.0  # within which more must come
_WRITE_BYTES = 1 << 20
_RETRY_S = 10.0


class TooLargeError(UsageError):
    """An upload beyond the setting for the largest."""

    code = "too-large"


class StalledError(UsageError):
    """An upload of which nothing more comes."""

    code = "stalled"


class Receiver:
    """Takes files in, a few at a time; each is gone again when whoever wanted it is done.

    Belongs to one event loop.

    Parameters
    ----------
    folder
        Where they are kept meanwhile.
    most_bytes
        Size of the largest.
    """

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._places = asyncio.Semaphore(_AT_ONCE)

    @asynccontextmanager
    async def received(
        self, chunks: AsyncIterator[bytes], declared_bytes: int = 0, suffix: str = ".part"
    ) -> AsyncIterator[Path]:
        """Lend a file with all that comes, for as long as the block lasts.

        Parameters
        ----------
        chunks
            The body of a request.
        declared_bytes
            Its ``Content-Length``; 0 where it has none.
        suffix
            Of the file's name.

        Raises
        ------
        TooLargeError
            It is larger than the largest.
        StalledError
            Nothing came for a minute.
        BusyError
            Others upload; nothing was read.
        StreamError
            The other end went away.
        FolderError
            It cannot be written.
        """
        self._refuse_too_large(declared_bytes)
        if self._places.locked():
            raise BusyError(
                "Other files are being uploaded: try again soon.", retry_after_s=_RETRY_S
            )
        async with self._places:
            place = self._folder / f"{secrets.token_hex(16)}{suffix}"
            try:
                await self._write_to(place, chunks)
                yield place
            finally:
                with contextlib.suppress(OSError):
                    place.unlink()

    async def _write_to(self, place: Path, chunks: AsyncIterator[bytes]) -> None:
        try:
            await run_in_threadpool(self._folder.mkdir, 0o700, True, True)
            with place.open("xb") as file:
                await self._write(chunks, file)
        except ClientDisconnect as error:
            raise StreamError("The upload ended before it was whole: upload it again.") from error
        except TimeoutError as error:
            raise StalledError(
                f"Nothing came for {_QUIET_S:g} s: upload the file again."
            ) from error
        except OSError as error:
            raise FolderError(
                "The upload cannot be written on this platform: tell an administrator that its "
                f"disk refuses ({error.strerror}).",
                detail=repr(error),
            ) from error

    async def _write(self, chunks: AsyncIterator[bytes], file: IO[bytes]) -> None:
        waiting = bytearray()
        received_bytes = 0
        while True:
            async with asyncio.timeout(_QUIET_S):
                chunk = await anext(chunks, None)
            if chunk is None:
                break
            received_bytes += len(chunk)
            self._refuse_too_large(received_bytes)
            waiting += chunk
            if len(waiting) >= _WRITE_BYTES:
                await run_in_threadpool(file.write, bytes(waiting))
                waiting.clear()
        await run_in_threadpool(file.write, bytes(waiting))

    def _refuse_too_large(self, size_bytes: int) -> None:
        if size_bytes > self._most_bytes:
            raise TooLargeError(
                f"The file is larger than {size_words(self._most_bytes)}, the most that this "
                "platform takes."
            )
