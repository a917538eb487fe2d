"""The client's log, in its own folder: two files of bounded size."""

from __future__ import annotations

import logging
import logging.handlers
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fedota_proto.errors import FolderError

_MOST_BYTES = 2 << 20
_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class _LogHandler(logging.handlers.RotatingFileHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (logging's name)
        """Lose a line that the disk does not take: nobody is to be shown a traceback for it."""


@contextmanager
def logging_to(path: Path) -> Iterator[None]:
    """Write all logging to a file while the context lasts; nothing goes to the terminal.

    Raises
    ------
    FolderError
        The file cannot be written.
    """
    try:
        handler = _LogHandler(path, maxBytes=_MOST_BYTES, backupCount=1, encoding="utf-8")
    except OSError as error:
        raise FolderError(f"{path} cannot be written ({error.strerror}).") from error
    handler.setFormatter(logging.Formatter(_FORMAT))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.setLevel(level)
        root.removeHandler(handler)
        handler.close()
