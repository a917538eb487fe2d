"""`fedota backup`: the database and the platform's folder in one file, while everything runs."""

from __future__ import annotations

import os
import secrets
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from fedota_proto.errors import DatabaseError, FolderError
from fedota_proto.release import release
from fedota_server.webserver import audit
from fedota_server.webserver.backup_archive import HEAD, HOME, TABLES, BackupHead
from fedota_server.webserver.database import Database
from fedota_server.webserver.home_snapshot import HomeSnapshot, KeptFile
from fedota_server.webserver.permissions import Action, Actor, require
from fedota_server.webserver.schema import newest_revision
from fedota_server.webserver.table_dump import database_files, dump_tables

_COMPRESSION = 3  # most of it are weights, which hardly shrink


class Backup:
    """Write backups.

    The database is read first and the folder after it: what a coordinator told in between is then
    still in its folder, and is told again after a restore. The other way round it would be missing.

    Parameters
    ----------
    database
        As it is, of whatever revision.
    home
        The platform's folder.
    clock
        The date.
    """

    def __init__(
        self,
        database: Database,
        home: Path,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._home = home
        self._clock = clock

    def write(self, actor: Actor, file: Path) -> BackupHead:
        """Write one, which only its owner may read: it holds every key.

        Parameters
        ----------
        file
            What to make.

        Returns
        -------
        BackupHead
            What is in it.

        Raises
        ------
        ForbiddenError
            The actor is no administrator.
        FolderError
            The file is there already, or something cannot be read or written; nothing is left.
        DatabaseError
            The database does not answer, or is empty.
        """
        require(actor, Action.BACK_UP)
        if file.exists():
            raise FolderError(f"{file} is there already: name another file.")
        if not self._home.is_dir():
            raise FolderError(f"{self._home} is not there: nothing can be backed up.")
        made_unix_s = self._clock()
        with tempfile.TemporaryDirectory(prefix="fedota-backup-") as place:
            revision = self._database.revision()
            if not revision:
                raise DatabaseError(
                    "The database is empty: `fedota up` fills it. Check FEDOTA_DATABASE_URL and "
                    "--home."
                )
            tables = dump_tables(self._database, Path(place))
            with HomeSnapshot(self._home, [*database_files(self._database), file]) as snapshot:
                size_bytes = sum(kept.size_bytes for kept in snapshot.files)
                head = BackupHead(
                    release(), revision, made_unix_s, tables, len(snapshot.files), size_bytes
                )
                _write_archive(file, head, Path(place), snapshot.files)
        if revision == newest_revision():
            with self._database.session() as session, session.begin():
                audit.record(session, self._clock(), actor, "back up", detail=str(file))
        return head


def _write_archive(file: Path, head: BackupHead, tables: Path, files: list[KeptFile]) -> None:
    with (
        _secret_file(file) as out,
        tarfile.open(
            fileobj=out, mode="w:gz", compresslevel=_COMPRESSION, format=tarfile.PAX_FORMAT
        ) as archive,
    ):
        _add(archive, HEAD, BytesIO(head.to_json()), len(head.to_json()), head.made_unix_s)
        for name in head.tables:
            path = tables / f"{name}.jsonl"
            with path.open("rb") as rows:
                size = path.stat().st_size
                _add(archive, f"{TABLES}/{path.name}", rows, size, head.made_unix_s)
        for kept in files:
            with kept.path.open("rb") as content:
                name = f"{HOME}/{kept.name}"
                modified = kept.modified_unix_s
                _add(archive, name, content, kept.size_bytes, modified, kept.mode)


def _add(
    archive: tarfile.TarFile,
    name: str,
    content: BinaryIO | BytesIO,
    size_bytes: int,
    modified_unix_s: float,
    mode: int = 0o600,
) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = size_bytes, mode, int(modified_unix_s)
    archive.addfile(member, content)


@contextmanager
def _secret_file(path: Path) -> Iterator[BinaryIO]:
    """Open a new file for its owner alone; it gets its name when it is whole."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.link(beside, path)  # unlike a renaming, it never replaces
    except OSError as error:
        raise FolderError(
            f"{path} cannot be written ({error.strerror or error}): check its folder's owner and "
            "free space."
        ) from error
    finally:
        beside.unlink(missing_ok=True)
