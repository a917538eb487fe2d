"""What comes from the client and what goes to it, on two blocking descriptors."""

from __future__ import annotations

import os
import select
from collections import deque
from collections.abc import Sequence
from typing import Any

from fedota_client.worker_protocol import Frame, FrameReader, write_frame
from fedota_proto.records import Buffer

STDIN, STDOUT, STDERR = 0, 1, 2


class ClientGoneError(Exception):
    """The client has closed its end of a pipe."""


class Mailbox:
    """Reads frames in order, and looks for cancellations while a task runs.

    Parameters
    ----------
    read_fd, write_fd
        The pipe's ends.
    """

    def __init__(self, read_fd: int, write_fd: int) -> None:
        self._read_fd = read_fd
        self._write_fd = write_fd
        self._reader = FrameReader(read_fd)
        self._waiting: deque[Frame] = deque()

    @classmethod
    def on_standard_streams(cls) -> Mailbox:
        """Take standard input and output for the protocol.

        From then on whatever the model or the app prints goes to standard error, and whatever it
        reads from standard input is empty.
        """
        read_fd, write_fd = os.dup(STDIN), os.dup(STDOUT)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, STDIN)
        os.close(null)
        os.dup2(STDERR, STDOUT)
        return cls(read_fd, write_fd)

    def next(self) -> Frame:
        """Wait for the next frame.

        Raises
        ------
        ClientGoneError
            If the client closed the pipe.
        StreamError
            If what came is no frame.
        """
        return self._waiting.popleft() if self._waiting else self._read()

    def is_cancelled(self, task_id: int) -> bool:
        """Say, without waiting, whether the client has cancelled a task.

        Raises
        ------
        ClientGoneError
            If the client closed the pipe.
        StreamError
            If what came is no frame.
        """
        while select.select([self._read_fd], [], [], 0)[0]:
            frame = self._read()
            if frame.kind == "cancel" and frame.fields.get("task_id") == task_id:
                return True
            self._waiting.append(frame)
        return False

    def send(
        self, kind: str, fields: dict[str, Any] | None = None, payload: Sequence[Buffer] = ()
    ) -> None:
        """Write a frame.

        Raises
        ------
        ClientGoneError
            If the client closed the pipe.
        """
        try:
            write_frame(self._write_fd, kind, fields, payload)
        except BrokenPipeError:
            raise ClientGoneError from None

    def _read(self) -> Frame:
        frame = self._reader.read()
        if frame is None:
            raise ClientGoneError
        return frame
