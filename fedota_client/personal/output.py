"""A folder of results that is there whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from fedota_proto.errors import FolderError, UsageError, WorkerError


def check_output(out: Path, names: Collection[str]) -> None:
    """Refuse a folder that holds something else than earlier results, before any work.

    Parameters
    ----------
    out
        Where the results are to go.
    names
        Of the files that results consist of.

    Raises
    ------
    UsageError
        There is something else.
    FolderError
        It cannot be looked into.
    """
    try:
        if out.exists() and not out.is_dir():
            raise UsageError(f"{out} is a file: name a folder with --out.")
        found = sorted(path.name for path in out.iterdir()) if out.exists() else []
    except OSError as error:
        raise FolderError(f"{out} cannot be read ({error.strerror}).") from error
    other = [name for name in found if name not in names]
    if other:
        raise UsageError(
            f"{out} holds {other[0]}, which is no result of an earlier run: name another folder "
            "with --out."
        )


@contextmanager
def whole_or_nothing(out: Path, names: Collection[str]) -> Iterator[Path]:
    """Lend an empty folder beside `out`, and put it in its place once everything is in it.

    Parameters
    ----------
    out
        Where the results go; earlier ones are replaced, and stay if the work fails.
    names
        Of the files that results consist of.

    Yields
    ------
    Path
        The folder to write into.

    Raises
    ------
    UsageError
        `out` holds something else.
    FolderError
        The place cannot be written.
    """
    out = out.absolute()
    check_output(out, names)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    except OSError as error:
        raise _unwritable(out, error) from error
    try:
        try:
            yield beside
        except (FolderError, WorkerError) as error:
            message = error.public_message
            if str(beside) not in message:
                raise
            # The place is told by the name that its owner gave it.
            raise FolderError(message.replace(str(beside), str(out))) from error
        try:
            _replace(beside, out)
        except OSError as error:
            raise _unwritable(out, error) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _replace(beside: Path, out: Path) -> None:
    beside.chmod(0o755)
    if not out.exists():
        os.rename(beside, out)
        return
    old = beside.with_name(f"{beside.name}.old")
    os.rename(out, old)
    try:
        os.rename(beside, out)
    except OSError:
        with contextlib.suppress(OSError):
            os.rename(old, out)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _unwritable(out: Path, error: OSError) -> FolderError:
    return FolderError(
        f"{out} cannot be written ({error.strerror}): name another folder with --out, or check "
        "its owner and free space."
    )
