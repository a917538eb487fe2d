"""A log that is written to disk and rotated by size. Loads little: every keeper imports it."""

from __future__ import annotations

import os
from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

_TAIL_BYTES = 64 << 10


class RotatingLog:
    """Append bytes to a file that never grows beyond a size.

    When the next write would go beyond `max_bytes` the file becomes ``<name>.1``, the one before
    that ``<name>.2``, and so on; what is older than `backups` files is deleted. A disk that is full
    costs log lines, never a server.

    Parameters
    ----------
    path
        The newest file.
    max_bytes
        Largest size of one file.
    backups
        How many older files are kept.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, max_bytes: int = 8 << 20, backups: int = 3
    ) -> None:
        self.path = os.fspath(path)
        self._max_bytes = max_bytes
        self._backups = backups
        self._file: BinaryIO | None = None
        self._tail: deque[bytes] = deque()
        self._tail_bytes = 0

    def write(self, data: bytes) -> None:
        """Append `data` and hand it to the operating system."""
        if not data:
            return
        self._remember(data)
        try:
            file = self._opened()
            if file.tell() and file.tell() + len(data) > self._max_bytes:
                file = self._rotated()
            file.write(data)
        except OSError as error:
            self._warn(error)

    def close(self) -> None:
        """Close the file; a later write opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def tail(self, most_bytes: int = _TAIL_BYTES) -> str:
        """Return the end of what this object wrote, at most 64 KiB."""
        return b"".join(self._tail)[-min(most_bytes, _TAIL_BYTES) :].decode(errors="replace")

    def _remember(self, data: bytes) -> None:
        self._tail.append(data)
        self._tail_bytes += len(data)
        while self._tail_bytes - len(self._tail[0]) >= _TAIL_BYTES:
            self._tail_bytes -= len(self._tail.popleft())

    def _opened(self) -> BinaryIO:
        if self._file is None:
            os.makedirs(os.path.dirname(self.path) or ".", exist_ok=True)
            self._file = open(self.path, "ab", buffering=0)  # noqa: SIM115
        return self._file

    def _rotated(self) -> BinaryIO:
        self.close()
        for number in range(self._backups, 0, -1):
            newer = self._numbered(number - 1)
            if os.path.exists(newer):
                os.replace(newer, self._numbered(number))
        if self._backups == 0 and os.path.exists(self.path):
            os.unlink(self.path)
        return self._opened()

    def _numbered(self, number: int) -> str:
        return f"{self.path}.{number}" if number else self.path

    def _warn(self, error: OSError) -> None:
        import logging  # only now: it takes a megabyte

        logger = logging.getLogger(__name__)
        logger.warning("%s cannot be written: %s", self.path, error.strerror)
