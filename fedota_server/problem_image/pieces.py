"""What an archive is written from: bytes at hand, and stretches of files."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fedota_proto.errors import FolderError

_READ_BYTES = 1 << 20
_BLOCK = 512
_END = b"\0" * (2 * _BLOCK)


@dataclass(frozen=True)
class Piece:
    """Bytes, in memory or in a file.

    Parameters
    ----------
    size_bytes
        How many.
    data
        They themselves; empty where they are in a file.
    path, offset
        The file, and where in it they begin.
    """

    size_bytes: int
    data: bytes = b""
    path: Path | None = None
    offset: int = 0

    @classmethod
    def of(cls, data: bytes) -> Piece:
        """Make one of bytes."""
        return cls(len(data), data)

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes, at most a mebibyte at a time.

        Raises
        ------
        FolderError
            The file is gone, or has become shorter.
        """
        if self.path is None:
            yield self.data
            return
        try:
            with self.path.open("rb") as file:
                file.seek(self.offset)
                left = self.size_bytes
                while left:
                    chunk = file.read(min(left, _READ_BYTES))
                    if not chunk:
                        raise FolderError(
                            f"{self.path} became shorter while it was read: make it again with "
                            "`make images`."
                        )
                    left -= len(chunk)
                    yield chunk
        except OSError as error:
            raise FolderError(f"{self.path} cannot be read ({error.strerror}).") from error

    def read(self) -> bytes:
        """Return all of it; for small ones."""
        return b"".join(self.chunks())

    def sha256(self) -> str:
        """Hash it, hexadecimal."""
        digest = hashlib.sha256()
        for chunk in self.chunks():
            digest.update(chunk)
        return digest.hexdigest()


def tar_pieces(members: dict[str, Piece]) -> Iterator[Piece]:
    """Lay out a tar archive: the same members make the same bytes.

    Parameters
    ----------
    members
        Files by their names, in the archive's order; they belong to root and bear no time.

    References
    ----------
    POSIX.1-1988, ustar; a member may have up to 8 GiB.
    """
    for name, piece in members.items():
        header = tarfile.TarInfo(name)
        header.size = piece.size_bytes
        header.mode = 0o644
        yield Piece.of(header.tobuf(tarfile.USTAR_FORMAT))
        yield piece
        yield Piece.of(b"\0" * (-piece.size_bytes % _BLOCK))
    yield Piece.of(_END)
