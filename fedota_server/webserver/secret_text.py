"""Random text that opens something, and the form in which the database keeps it."""

from __future__ import annotations

import hashlib
import secrets

API_PREFIX = "fdt_"

_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # none that looks like another


def new_token() -> str:
    """Make what opens a session: 32 random bytes."""
    return secrets.token_urlsafe(32)


def new_api_token() -> str:
    """Make a token for scripts; its beginning lets scanners of code find it."""
    return API_PREFIX + new_token()


def new_code(groups: int = 5) -> str:
    """Make a code to be read out and typed: groups of four letters or digits, 20 bits each."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(groups))


def code_as_typed(typed: str) -> str:
    """Bring a typed code into one form, whatever its case, dashes and spaces."""
    return "".join(letter for letter in typed.upper() if letter.isalnum())


def sha256_of(token: str) -> str:
    """Return what is kept of a token: random as it is, it needs neither salt nor slowness."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
