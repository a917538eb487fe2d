"""Texts that are not UTF-8: which encoding it may be, and how to change that in one line."""

from __future__ import annotations

import shlex
from pathlib import Path

from fedota_client.data.findings import Finding

_MARKS = (b"\xff\xfe", b"\xfe\xff")
_NIL = b"\0"


def utf16_of(beginning: bytes) -> str:
    """Recognise UTF-16; without its mark by the nil beside the first letter.

    Parameters
    ----------
    beginning
        At least the first two bytes of the file, if it has them.

    Returns
    -------
    str
        As iconv names it; empty: it is no UTF-16.
    """
    if beginning[:2] in _MARKS:
        return "UTF-16"
    if beginning[:1] == _NIL:
        return "UTF-16BE"
    return "UTF-16LE" if beginning[1:2] == _NIL else ""


def not_utf8(path: Path, name: str, beginning: bytes = b"") -> Finding:
    """Say that a file is in another encoding, and how to change that.

    Parameters
    ----------
    path
        The file.
    name
        How it is called in findings.
    beginning
        Its first bytes.
    """
    encoding = utf16_of(beginning) or "WINDOWS-1252"
    target = f"{path.stem}-utf8{path.suffix}"
    save = "“CSV UTF-8”" if path.suffix.lower() == ".csv" else "UTF-8"
    return Finding(
        "encoding",
        name,
        "it is not UTF-8 text",
        remedy=f"Save it as {save}, or rewrite it and remove the old file:",
        command=f"iconv -f {encoding} -t UTF-8 {shlex.quote(path.name)} > {shlex.quote(target)}",
    )
