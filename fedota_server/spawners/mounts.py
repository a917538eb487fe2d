"""Which files and folders are mounted into a container, so that no mount covers another."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def mounts(reads: Iterable[Path], writes: Iterable[Path]) -> tuple[list[str], list[str]]:
    """Leave out what another mount shows already.

    Parameters
    ----------
    reads, writes
        What a server or a job needs, as absolute paths.

    Returns
    -------
    list of str, list of str
        Those to be mounted for reading alone, and those for writing too: outer ones first.
    """
    written = _outermost(writes, ())
    return _outermost(reads, written), written


def _outermost(paths: Iterable[Path], shown: Iterable[str]) -> list[str]:
    kept = list(shown)
    first = len(kept)
    for path in sorted(set(paths)):
        if not any(path.is_relative_to(outer) for outer in kept):
            kept.append(str(path))
    return kept[first:]
