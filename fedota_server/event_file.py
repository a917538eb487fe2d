"""The events of one problem's coordinator in a file of JSON lines."""

from __future__ import annotations

import asyncio
import logging
import os
from collections import deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from fedota_proto.errors import FolderError
from fedota_proto.v1 import fl_status_pb2 as pb
from fedota_server.event_store import EventStore, event_from_line, event_to_line

logger = logging.getLogger(__name__)

_RECENT = 2_000


class EventFile(EventStore):
    """Append events to a file; what was appended survives this process at once.

    Parameters
    ----------
    path
        The file; made where it is not there. Half a last line, left by a crash, is cut off.

    Raises
    ------
    FolderError
        It cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._recent: deque[pb.Event] = deque(maxlen=_RECENT)
        self.last_seq = 0
        self.synced_seq = 0
        self._open()

    async def begin(self, last_seq: int) -> None:
        """Set the file aside if the coordinator counts anew; see `EventStore.begin`.

        Raises
        ------
        FolderError
            It cannot be set aside.
        """
        if last_seq >= self.last_seq:
            return
        aside = self.path.with_name(f"{self.path.stem}-until-{self.last_seq}{self.path.suffix}")
        logger.warning("the coordinator counts its events anew; the old ones are in %s", aside.name)
        self.close()
        try:
            self.path.replace(aside)
        except OSError as error:
            raise self._failed(error) from error
        self._recent.clear()
        self.last_seq = self.synced_seq = 0
        self._open()

    def append(self, event: pb.Event) -> bool:
        """Hand an event to the operating system; see `EventStore.append`.

        Raises
        ------
        FolderError
            It cannot be written.
        """
        if event.seq <= self.last_seq:
            return False
        if event.seq != self.last_seq + 1:
            logger.warning("events %d to %d never came", self.last_seq + 1, event.seq - 1)
        try:
            self._file.write(event_to_line(event).encode() + b"\n")
            self._file.flush()
        except OSError as error:
            raise self._failed(error) from error
        self.last_seq = event.seq
        self._recent.append(event)
        return True

    async def sync(self) -> int:
        """Have the file written to the disk; see `EventStore.sync`.

        Raises
        ------
        FolderError
            The disk refuses.
        """
        seq = self.last_seq
        try:
            await asyncio.to_thread(os.fsync, self._file.fileno())
        except OSError as error:
            raise self._failed(error) from error
        self.synced_seq = max(self.synced_seq, seq)
        return self.synced_seq

    def recent_after(self, seq: int, most: int = 500) -> list[pb.Event] | None:
        """List the oldest events with a number above `seq` from memory.

        Parameters
        ----------
        seq
            0 for all.
        most
            How many at most; ask again from the last one's number.

        Returns
        -------
        list of Event or None
            None where memory does not reach back so far: `stored_after` does.
        """
        if seq >= self.last_seq:
            return []
        if not self._recent or self._recent[0].seq > seq + 1:
            return None
        return list(islice((event for event in self._recent if event.seq > seq), most))

    def stored_after(self, seq: int, most: int = 500) -> list[pb.Event]:
        """List the same from the file; may be called in a thread.

        Raises
        ------
        FolderError
            A line of the file is damaged.
        """
        return list(islice((event for event in self._stored() if event.seq > seq), most))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _open(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._file: BinaryIO = os.fdopen(handle, "a+b")
            self._cut_torn_line()
        except OSError as error:
            raise self._failed(error) from error
        try:
            for event in self._stored():
                self._recent.append(event)
                self.last_seq = max(self.last_seq, event.seq)
        except FolderError:
            self.close()
            raise
        self.synced_seq = self.last_seq

    def _cut_torn_line(self) -> None:
        size = self._file.seek(0, os.SEEK_END)
        end = size
        while end:
            start = max(0, end - 4096)
            self._file.seek(start)
            newline = self._file.read(end - start).rfind(b"\n")
            if newline >= 0:
                end = start + newline + 1
                break
            end = start
        if end < size:
            logger.warning("%s ends in half a line; it is cut off", self.path.name)
            self._file.truncate(end)

    def _stored(self) -> Iterator[pb.Event]:
        with self.path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                try:
                    yield event_from_line(line)
                except ValueError as error:
                    raise FolderError(
                        f"Line {number} of {self.path} is damaged: take that line out.",
                        detail=repr(error),
                    ) from error

    def _failed(self, error: OSError) -> FolderError:
        return FolderError(
            f"{self.path} cannot be written ({error.strerror}): "
            "check the folder's owner and free space."
        )
