"""The arrays that this process still holds, so that only the others travel to it."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from types import MappingProxyType

from fedota_proto.records import ArrayBytes, Records

CONTENTS = 2


class ArrayCache:
    """Arrays of the newest two tasks by the SHA-256 of their bytes.

    A selector leaves out of a task what was in the last two it sent on this stream, and what the
    check-in said this client has until two have come. So what was announced stays until then.
    """

    def __init__(self) -> None:
        self._announced: list[dict[bytes, ArrayBytes]] = []
        self._since: deque[dict[bytes, ArrayBytes]] = deque(maxlen=CONTENTS)

    def announce(self) -> list[bytes]:
        """Start a new stream: return the names of all arrays that are kept for it.

        Returns
        -------
        list of bytes
            SHA-256 digests, 32 bytes each.
        """
        self._announced = [*self._announced, *self._since][-CONTENTS:]
        self._since.clear()
        return list({digest: None for content in self._announced for digest in content})

    def known(self) -> Mapping[bytes, ArrayBytes]:
        """Map the digest of every array held to the array."""
        return MappingProxyType(
            {
                digest: array
                for content in (*self._announced, *self._since)
                for digest, array in content.items()
            }
        )

    def remember(self, records: Records) -> None:
        """Take in a task's arrays that are named by their maker; older ones make room."""
        self._since.append({array.sha256: array for array in records.all_arrays() if array.sha256})
        if len(self._since) == CONTENTS:
            self._announced.clear()
