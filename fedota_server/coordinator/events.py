"""The events of a problem: numbered, kept in its folder until they are acknowledged."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from google.protobuf import json_format

from fedota_proto.errors import FolderError
from fedota_proto.v1 import fl_status_pb2 as pb
from fedota_server.coordinator.journal import Journal

_COMPACT_AFTER = 2_000
_HEAD = "acknowledged"


class Events:
    """Events in the order in which they happened; numbers go on across processes.

    An appended event survives a killed process at once. Used by one thread.

    Parameters
    ----------
    path
        The file.
    clock
        The date, in Unix seconds.

    Raises
    ------
    FolderError
        The file is damaged or cannot be opened.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._journal = Journal(path)
        self._clock = clock
        self._kept: deque[pb.Event] = deque()
        self._acknowledged = 0
        self._stale_rows = 0
        self._watchers: set[asyncio.Event] = set()
        try:
            for row in self._journal.rows:
                self._take(row)
        except (json_format.ParseError, KeyError, TypeError) as error:
            self._journal.close()
            raise FolderError(
                f"The events in {path.name} are damaged: restore the file from a backup, or "
                "move it away.",
                detail=repr(error),
            ) from error
        self._journal.rows.clear()
        self._last = self._kept[-1].seq if self._kept else self._acknowledged

    def _take(self, row: dict[str, Any]) -> None:
        if _HEAD in row:
            self._acknowledged = int(row[_HEAD])
        else:
            self._kept.append(json_format.ParseDict(row, pb.Event()))

    @property
    def last_seq(self) -> int:
        """Number of the newest event, 0 where there was none."""
        return self._last

    @property
    def acknowledged(self) -> int:
        """Number of the newest event that was acknowledged."""
        return self._acknowledged

    def append(self, event: pb.Event) -> pb.Event:
        """Number, date and keep an event whose body is filled in.

        Returns
        -------
        pb.Event
            The same.

        Raises
        ------
        FolderError
            The file cannot be written.
        """
        event.seq = self._last + 1
        event.unix_s = self._clock()
        self._journal.append([json_format.MessageToDict(event, preserving_proto_field_name=True)])
        self._last = event.seq
        self._kept.append(event)
        for watcher in self._watchers:
            watcher.set()
        return event

    def after(self, seq: int) -> list[pb.Event]:
        """List the kept events with a larger number, oldest first."""
        return [event for event in self._kept if event.seq > seq]

    def acknowledge(self, seq: int) -> None:
        """Forget the events up to a number: they are stored elsewhere.

        The file follows later: an event that is sent twice is stored once.

        Raises
        ------
        FolderError
            The file cannot be written.
        """
        if seq <= self._acknowledged or seq > self._last:
            return
        while self._kept and self._kept[0].seq <= seq:
            self._kept.popleft()
            self._stale_rows += 1
        self._acknowledged = seq
        if self._stale_rows >= _COMPACT_AFTER:
            self._compact()

    def _compact(self) -> None:
        rows = [
            {_HEAD: self._acknowledged},
            *(
                json_format.MessageToDict(event, preserving_proto_field_name=True)
                for event in self._kept
            ),
        ]
        self._journal.replace(rows)
        self._stale_rows = 0

    def watch(self) -> asyncio.Event:
        """Return a flag that is set at each new event, until it is given to `unwatch`."""
        watcher = asyncio.Event()
        self._watchers.add(watcher)
        return watcher

    def unwatch(self, watcher: asyncio.Event) -> None:
        """Forget a flag."""
        self._watchers.discard(watcher)

    def close(self) -> None:
        """Keep what is not acknowledged, and close the file."""
        self._compact()
        self._journal.close()
