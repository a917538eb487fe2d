"""The platform's folder as it is at one moment, while its servers go on writing."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Self

from fedota_proto.errors import FolderError

# At the top: what is made again, what is only passing through, what holds the place, and backups.
_LEFT_OUT = frozenset({"backups", "client", "client-image.tar", "uploads", "web.lock"})
_LEFT_OUT_OF_PROBLEMS = frozenset({"logs", "serve.lock", "servers"})
_PASSING_PREFIXES = ("intake-", ".")
_STATE_FOLDER = ".fedota"


@dataclass(frozen=True)
class KeptFile:
    """A file of the snapshot.

    Parameters
    ----------
    name
        Its place below the platform's folder.
    path
        Where its bytes are.
    size_bytes
        As many of them belong to the snapshot: it may have grown since.
    mode
        Permission bits.
    modified_unix_s
        When it was last changed.
    """

    name: PurePosixPath
    path: Path
    size_bytes: int
    mode: int
    modified_unix_s: float


class HomeSnapshot:
    """Hold every file that a backup needs; use as a context.

    Files are linked, which takes no time and no space: one that is replaced or removed meanwhile
    stays as it was, and of one that grows, its length is noted. What is linked first is what is
    written last: so the whole is a state in which a killed coordinator could have left its folder,
    and from which it resumes.

    Parameters
    ----------
    home
        The platform's folder.
    without
        Files below it that are not wanted, such as SQLite's.
    """

    def __init__(self, home: Path, without: Collection[Path] = ()) -> None:
        self._home = home
        self._without = {path.absolute() for path in without}
        self._place: Path | None = None
        self.files: list[KeptFile] = []

    def __enter__(self) -> Self:
        """Take the snapshot.

        Raises
        ------
        FolderError
            The folder cannot be read, or not be written.
        """
        try:
            self._place = Path(tempfile.mkdtemp(prefix=".backup-", dir=self._home))
            for number, path in enumerate(sorted(self._found(), key=_order)):
                self._keep(path, self._place / str(number))
        except OSError as error:
            self._remove()
            raise FolderError(
                f"{error.filename or self._home} cannot be read for the backup "
                f"({error.strerror}): run it as the user who runs `fedota up`."
            ) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._remove()

    def _remove(self) -> None:
        if self._place is not None:
            shutil.rmtree(self._place, ignore_errors=True)

    def _found(self) -> Iterator[Path]:
        for entry in sorted(self._home.iterdir()):
            if entry.name in _LEFT_OUT or entry.name.startswith("."):
                continue
            if entry.is_dir():
                yield from self._below(entry)
            elif entry.absolute() not in self._without:
                yield entry

    def _below(self, folder: Path) -> Iterator[Path]:
        for place, folders, names in os.walk(folder, onerror=_raise):
            if os.path.basename(place) == _STATE_FOLDER:
                folders[:] = [name for name in folders if not _is_passing(name)]
                names = [name for name in names if not _is_passing(name)]
            for name in names:
                path = Path(place, name)
                if path.absolute() not in self._without:
                    yield path

    def _keep(self, path: Path, link: Path) -> None:
        # A file that has gone since it was found was about to go anyway.
        with contextlib.suppress(FileNotFoundError):
            status = path.lstat()
            if not stat.S_ISREG(status.st_mode):
                return
            try:
                os.link(path, link, follow_symlinks=False)
            except FileNotFoundError:
                raise
            except OSError:  # another file system, or one without links
                shutil.copyfile(path, link)
            status = link.stat()
            self.files.append(
                KeptFile(
                    PurePosixPath(path.relative_to(self._home)),
                    link,
                    status.st_size,
                    path.stat().st_mode & 0o777,
                    status.st_mtime,
                )
            )


def _is_passing(name: str) -> bool:
    return name in _LEFT_OUT_OF_PROBLEMS or name.startswith(_PASSING_PREFIXES)


def _order(path: Path) -> tuple[int, str]:
    """Put first what is written last: events tell of rounds, which tell of checkpoints."""
    if path.name == "events.jsonl":
        return 0, str(path)
    return 2 if path.parent.name == "checkpoints" else 1, str(path)


def _raise(error: OSError) -> None:
    raise error
