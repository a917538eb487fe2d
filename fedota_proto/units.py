"""Quantities as people read them."""

from __future__ import annotations


def size_words(size_bytes: float) -> str:
    """Write a number of bytes for people: ``1.4 MB``.

    Parameters
    ----------
    size_bytes
        0 or more.

    Returns
    -------
    str
        In decimal units up to TB; below 1,000 whole bytes.
    """
    if size_bytes < 1000:
        return f"{size_bytes:.0f} bytes"
    for unit in ("kB", "MB", "GB"):
        size_bytes /= 1000
        if size_bytes < 1000:
            return f"{size_bytes:.1f} {unit}"
    return f"{size_bytes / 1000:.1f} TB"
