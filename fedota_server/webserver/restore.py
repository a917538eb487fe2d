"""`fedota restore`: a backup into an empty folder and an empty database, whole or not at all."""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from sqlmodel import Session

from fedota_proto.errors import ConflictError, DatabaseError, FolderError
from fedota_server.webserver import audit
from fedota_server.webserver.backup_archive import HOME, TABLES, BackupHead, no_backup, place_of
from fedota_server.webserver.database import Database
from fedota_server.webserver.permissions import Action, Actor, require
from fedota_server.webserver.schema import current_revision, known_revisions, migration_config
from fedota_server.webserver.table_dump import (
    database_files,
    is_empty,
    load_table,
    table_order,
)

_MAY_LIE_THERE = frozenset({"client", "uploads", "web.lock", "lost+found"})
_READ_BYTES = 1 << 20


class Restore:
    """Put a backup back.

    Parameters
    ----------
    database
        An empty one: SQLite or PostgreSQL, whichever the backup was made from.
    home
        The platform's folder, empty or to be made.
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

    def put_back(self, actor: Actor, file: Path) -> BackupHead:
        """Restore a backup.

        Returns
        -------
        BackupHead
            What was in it.

        Raises
        ------
        ForbiddenError
            The actor is no administrator.
        ConflictError
            The folder or the database is not empty.
        FolderError
            The file is no backup, is damaged, or something cannot be written; all is as before.
        DatabaseError
            The database does not answer, or the backup is of a newer release.
        """
        require(actor, Action.BACK_UP)
        own = database_files(self._database)
        had_file = any(path.exists() for path in own)
        self._refuse_unless_empty(had_file=had_file)
        with self._workplace() as place:
            head = _extract(file, place)
            _refuse_unknown(head)
            try:
                self._put_in_place(actor, head, place)
            except BaseException:
                self._database.close()
                for path in () if had_file else own:
                    path.unlink(missing_ok=True)
                raise
        self._database.migrate()
        return head

    def _refuse_unless_empty(self, *, had_file: bool) -> None:
        own = database_files(self._database)
        if self._home.exists():
            for entry in sorted(self._home.iterdir()):
                fine = entry.name in _MAY_LIE_THERE or entry.name[0] == "."
                if not fine and entry.absolute() not in own:
                    raise ConflictError(
                        f"{self._home} is not empty ({entry.name} is there): restore into another "
                        "folder with --home, or move that one away first."
                    )
        if (had_file or not own) and not is_empty(self._database):
            raise ConflictError(
                "The database is not empty: name an empty one in FEDOTA_DATABASE_URL. A backup "
                "never overwrites what is there."
            )

    @contextmanager
    def _workplace(self) -> Iterator[Path]:
        """Lend a folder on the same file system, so that what is in it can be renamed."""
        try:
            self._home.mkdir(parents=True, exist_ok=True, mode=0o700)
            place = Path(tempfile.mkdtemp(prefix=".restoring-", dir=self._home))
        except OSError as error:
            raise FolderError(
                f"{self._home} cannot be written ({error.strerror}): check its owner and free "
                "space."
            ) from error
        try:
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def _put_in_place(self, actor: Actor, head: BackupHead, place: Path) -> None:
        """Load the rows and rename the files; the commit comes last."""
        moved: list[Path] = []
        try:
            if self._database.file is not None:
                self._database.file.touch(mode=0o600)
            with self._database.session() as session, session.begin():
                self._load(session, head, place / TABLES)
                audit.record(
                    session,
                    self._clock(),
                    actor,
                    "restore a backup",
                    detail=f"made by release {head.release}",
                )
                for entry in sorted((place / HOME).glob("*")):
                    moved.append(self._home / entry.name)
                    entry.rename(moved[-1])
                os.sync()
        except BaseException as error:
            for path in moved:
                shutil.rmtree(path, ignore_errors=True)
                path.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise FolderError(
                    f"{self._home} cannot be written ({error.strerror}): check its owner and free "
                    "space. Nothing was restored."
                ) from error
            raise

    @staticmethod
    def _load(session: Session, head: BackupHead, tables: Path) -> None:
        connection = session.connection()
        config = migration_config()
        config.attributes["connection"] = connection
        command.upgrade(config, head.revision)
        if current_revision(connection) != head.revision:
            raise ConflictError(
                "The database has the tables of a newer release than the backup: name one without "
                "tables in FEDOTA_DATABASE_URL; they are brought up to date after the restore."
            )
        for name in table_order(connection):
            path = tables / f"{name}.jsonl"
            if not path.exists():
                raise no_backup(f"the rows of {name} are missing")
            with path.open("rb") as lines:
                if load_table(connection, name, lines) != head.tables.get(name):
                    raise no_backup(f"rows of {name} are missing")


def _refuse_unknown(head: BackupHead) -> None:
    if head.revision not in known_revisions():
        raise DatabaseError(
            f"This backup was made by release {head.release}, whose database this one does not "
            "know: restore it with that release, or a newer one."
        )


def _extract(file: Path, place: Path) -> BackupHead:
    """Unpack an archive, every member of which has been looked at before it is written."""
    files = size_bytes = 0
    try:
        with tarfile.open(file, "r:gz") as archive:
            head = BackupHead.read(archive)
            while member := archive.next():
                target = place.joinpath(*place_of(member).parts)
                if member.isdir():
                    continue
                target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                _copy(archive, member, target)
                if member.name.startswith(f"{HOME}/"):
                    files, size_bytes = files + 1, size_bytes + member.size
    except FileNotFoundError as error:
        raise FolderError(f"There is no backup {file}: check the name.") from error
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise no_backup("it is no gzipped tar, or ends too early") from error
    except OSError as error:
        raise FolderError(
            f"{file} cannot be unpacked ({error.strerror or error}): check that it can be read, "
            f"and that there is space in {place.parent}. Nothing was restored."
        ) from error
    if (files, size_bytes) != (head.files, head.size_bytes):
        raise no_backup("files are missing")
    return head


def _copy(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    content = archive.extractfile(member)
    if content is None:
        raise no_backup(f"{member.name!r} has no content")
    mode = (member.mode & 0o755) | 0o600
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(handle, "wb") as out:
        shutil.copyfileobj(content, out, _READ_BYTES)
    os.utime(target, (member.mtime, member.mtime))
