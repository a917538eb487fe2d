"""One line of the book: how it is written, signed and chained."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from fedota_proto.credential import SigningKey, verify_signature

SIGNATURE = "client_signature"
FIRST = "0" * 64
_PURPOSE = b"fedota.v1 receipt\0"
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


def sealed(fields: Mapping[str, Any], number: int, previous: str, key: SigningKey) -> bytes:
    """Write a line.

    Parameters
    ----------
    fields
        JSON values, with a ``kind``.
    number
        From 1.
    previous
        `line_sha256` of the line before, `FIRST` for the first.
    key
        The client's.

    Returns
    -------
    bytes
        One line with its end.
    """
    whole = {"number": number, "previous": previous, **fields}
    signature = key.sign(_PURPOSE + _encode(whole).encode())
    return _encode({**whole, SIGNATURE: signature.hex()}).encode() + b"\n"


def line_sha256(line: bytes) -> str:
    """Return the hash by which the next line names this one, in hex."""
    return hashlib.sha256(line.removesuffix(b"\n")).hexdigest()


def read_line(line: bytes) -> dict[str, Any] | None:
    """Return a line's fields, None if it is not as it was written."""
    text = line.removesuffix(b"\n")
    try:
        fields = json.loads(text)
        whole = isinstance(fields, dict) and _encode(fields).encode() == text
    except (ValueError, RecursionError):
        return None
    return fields if whole else None


def is_signed(fields: Mapping[str, Any], public_key: bytes) -> bool:
    """Tell whether a line bears the signature of this key (32 raw bytes) over itself."""
    unsigned = {name: value for name, value in fields.items() if name != SIGNATURE}
    try:
        signature = bytes.fromhex(str(fields.get(SIGNATURE, "")))
    except ValueError:
        return False
    return verify_signature(public_key, signature, _PURPOSE + _encode(unsigned).encode())
