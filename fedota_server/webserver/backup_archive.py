"""What a backup's archive looks like: a gzipped tar with three kinds of members.

::

    backup.json                 first: format, release, the database's revision, what is counted
    database/<table>.jsonl      a table's rows, one JSON object a line
    home/…                      files of the platform's folder
"""

from __future__ import annotations

import json
import tarfile
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any

from fedota_proto.errors import FolderError

FORMAT = 1
HEAD = "backup.json"
TABLES = "database"
HOME = "home"

_HEAD_MAX_BYTES = 1 << 20


@dataclass(frozen=True)
class BackupHead:
    """What an archive says of itself.

    Parameters
    ----------
    release
        Of Fedota, that made it.
    revision
        Of the database's schema.
    made_unix_s
        When.
    tables
        Rows of each table.
    files, size_bytes
        Of the platform's folder.
    format
        Of the archive.
    """

    release: str
    revision: str
    made_unix_s: float
    tables: dict[str, int]
    files: int
    size_bytes: int
    format: int = FORMAT

    def to_json(self) -> bytes:
        """Write it."""
        return json.dumps(asdict(self), indent=1).encode() + b"\n"

    @classmethod
    def read(cls, archive: tarfile.TarFile) -> BackupHead:
        """Read an archive's first member.

        Raises
        ------
        FolderError
            It is no backup, or one of a newer format.
        """
        member = archive.next()
        file = archive.extractfile(member) if member and member.isreg() else None
        if member is None or member.name != HEAD or file is None or member.size > _HEAD_MAX_BYTES:
            raise no_backup(f"it does not begin with {HEAD}")
        try:
            fields: dict[str, Any] = json.loads(file.read())
            newer = int(fields["format"]) > FORMAT
            head = None if newer else cls(**fields)
        except (ValueError, KeyError, TypeError) as error:
            raise no_backup(f"its {HEAD} cannot be read") from error
        if head is None:
            raise FolderError(
                "This backup was made by a newer release of Fedota: restore it with that one."
            )
        return head


def place_of(member: tarfile.TarInfo) -> PurePosixPath:
    """Return a member's place, once it is sure that it leads nowhere else.

    Raises
    ------
    FolderError
        It is a link or a device, or its name leads out of the archive.
    """
    place = PurePosixPath(member.name)
    if not (member.isreg() or member.isdir()):
        raise no_backup(f"{member.name!r} is neither a file nor a folder")
    if place.is_absolute() or ".." in place.parts or "\\" in member.name or "\0" in member.name:
        raise no_backup(f"{member.name!r} leads out of it")
    if place.parts[:1] not in ((TABLES,), (HOME,)) or len(place.parts) < 2:
        raise no_backup(f"{member.name!r} belongs to none")
    return place


def no_backup(why: str) -> FolderError:
    """Say that an archive is none of ours, or no longer."""
    return FolderError(
        f"This file is no backup made by `fedota backup`, or it was damaged: {why}. Nothing was "
        "restored; use another copy of it."
    )
