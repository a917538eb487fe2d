"""Files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Lend a place beside a file, and put what was written there in its place.

    Parameters
    ----------
    path
        Replaced at the good end, and left as it was at any other.

    Yields
    ------
    Path
        To write to; nothing is there.

    Raises
    ------
    OSError
        It cannot be put in its place.
    """
    beside = path.with_name(f".{path.name}.part")
    try:
        yield beside
        with beside.open("rb+") as file:
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        # On a read-only disk even a file that is not there cannot be deleted.
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        raise
