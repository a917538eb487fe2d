"""The client's ends of its worker's pipes, served by the event loop without copies."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from collections.abc import Callable, Sequence
from typing import Any

from fedota_client.worker_protocol import (
    PIPE_BYTES,
    Frame,
    FrameDecoder,
    encode_frame,
    flat,
    write_some,
)
from fedota_proto.errors import StreamError
from fedota_proto.records import Buffer

# After so many reads in a row the loop's other callbacks get their turn.
_READS_MOST = 16


def make_pipe() -> tuple[int, int]:
    """Make a pipe with a large buffer where the system grants one; both ends close on exec."""
    read_fd, write_fd = os.pipe2(os.O_CLOEXEC)
    with contextlib.suppress(OSError):
        fcntl.fcntl(write_fd, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    return read_fd, write_fd


class WorkerPipe:
    """Two descriptors, owned from here on.

    Parameters
    ----------
    read_fd, write_fd
        What the worker writes to and reads from.
    on_frame
        Called with each whole frame; must not block.
    on_end
        Called once, when the worker has closed its end or broken the protocol, with the reason.
    """

    def __init__(
        self,
        read_fd: int,
        write_fd: int,
        on_frame: Callable[[Frame], None],
        on_end: Callable[[str], None],
    ) -> None:
        self._read_fd = read_fd
        self._write_fd = write_fd
        self._on_frame = on_frame
        self._on_end = on_end
        self._decoder = FrameDecoder()
        self._unsent: list[memoryview] = []
        self._open = True
        self._loop = asyncio.get_running_loop()
        os.set_blocking(read_fd, False)
        os.set_blocking(write_fd, False)
        self._loop.add_reader(read_fd, self._readable)

    def send(
        self, kind: str, fields: dict[str, Any] | None = None, payload: Sequence[Buffer] = ()
    ) -> None:
        """Write a frame, what the pipe does not take at once in the background.

        Parameters
        ----------
        kind, fields, payload
            As in `encode_frame`; the payload must not change until the worker answers.
        """
        if not self._open:
            return
        waiting = bool(self._unsent)
        self._unsent += flat(encode_frame(kind, fields, payload))
        if not waiting:
            self._writable()

    def close(self) -> None:
        """Close both ends; neither callback is called again."""
        if self._open:
            self._open = False
            self._loop.remove_reader(self._read_fd)
            self._loop.remove_writer(self._write_fd)
            os.close(self._read_fd)
            os.close(self._write_fd)
            self._unsent.clear()

    def _writable(self) -> None:
        try:
            while self._unsent:
                write_some(self._write_fd, self._unsent)
        except BlockingIOError:
            self._loop.add_writer(self._write_fd, self._writable)
            return
        except OSError:
            # The reading end learns of the worker's death too, and tells it once.
            self._unsent.clear()
        self._loop.remove_writer(self._write_fd)

    def _readable(self) -> None:
        for _ in range(_READS_MOST):
            if not self._open:
                return
            try:
                size_bytes = os.readv(self._read_fd, [self._decoder.wanted()])
                frame = self._decoder.filled(size_bytes) if size_bytes else None
            except BlockingIOError:
                return
            except StreamError as error:
                self._end(error.public_message)
                return
            if size_bytes == 0:
                self._end("")
                return
            if frame is not None:
                self._on_frame(frame)

    def _end(self, reason: str) -> None:
        self.close()
        self._on_end(reason)
