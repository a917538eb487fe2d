"""Passwords: what is asked of them, and their argon2id hashes."""

from __future__ import annotations

import threading
import unicodedata
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from fedota_proto.errors import BusyError, UsageError
from fedota_server.webserver.secret_text import new_token

LEAST_CHARACTERS = 10

_MOST_CHARACTERS = 1000
_LEAST_DIFFERENT = 4
# Each takes 64 MiB and four threads for a tenth of a second: the others wait in line.
_AT_ONCE = 2
_LINE_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class PasswordCheck:
    """What became of a check.

    Parameters
    ----------
    right
        Whether the password is the hash's.
    new_hash
        The same password's hash under today's parameters, if the old one is under others.
    """

    right: bool
    new_hash: str | None = None


class Passwords:
    """Hashes and checks; any thread may ask at any time, a few are served at once.

    Parameters
    ----------
    hasher
        Its parameters; RFC 9106's second recommendation unless told.

    References
    ----------
    RFC 9106, Argon2 Memory-Hard Function for Password Hashing, section 4.
    """

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
        self._places = threading.BoundedSemaphore(_AT_ONCE)
        self._nobodys = self._hasher.hash(new_token())

    def hash(self, password: str) -> str:
        """Hash a password with a new salt.

        Raises
        ------
        BusyError
            Too many ask at once.
        """
        with _Place(self._places):
            return self._hasher.hash(_normal(password))

    def check(self, password_hash: str | None, password: str) -> PasswordCheck:
        """Check a password; where there is no hash, take as long and say no.

        Raises
        ------
        BusyError
            Too many ask at once.
        """
        known = password_hash is not None and len(password) <= _MOST_CHARACTERS
        compared = password_hash if known and password_hash is not None else self._nobodys
        normal = _normal(password[:_MOST_CHARACTERS])
        with _Place(self._places):
            try:
                self._hasher.verify(compared, normal)
            except (VerificationError, InvalidHashError):
                return PasswordCheck(right=False)
            if not known:
                return PasswordCheck(right=False)
            outdated = self._hasher.check_needs_rehash(compared)
            return PasswordCheck(True, self._hasher.hash(normal) if outdated else None)


def refuse_weak(password: str, email: str) -> None:
    """Let a new password pass that is long enough and not its owner's address.

    Raises
    ------
    UsageError
        It is too short, too long, too uniform, or the address.
    """
    if len(password) < LEAST_CHARACTERS:
        raise UsageError(
            f"The password has {len(password)} characters: take {LEAST_CHARACTERS} or more; a "
            "few words in a row are good ones."
        )
    if len(password) > _MOST_CHARACTERS:
        raise UsageError(f"The password is too long: take at most {_MOST_CHARACTERS} characters.")
    if len(set(password)) < _LEAST_DIFFERENT:
        raise UsageError(
            f"The password repeats too few characters: take {_LEAST_DIFFERENT} different ones or "
            "more."
        )
    if password.strip().casefold() in (email.casefold(), email.partition("@")[0].casefold()):
        raise UsageError("The password is the e-mail address: take one that others cannot guess.")


class _Place:
    """One of the few places at the hasher, for as long as the block lasts."""

    def __init__(self, places: threading.BoundedSemaphore) -> None:
        self._places = places

    def __enter__(self) -> None:
        if not self._places.acquire(timeout=_LINE_TIMEOUT_S):
            raise BusyError(
                "Too many people sign in at this moment: try again in a few seconds.",
                retry_after_s=_LINE_TIMEOUT_S,
            )

    def __exit__(self, *_: object) -> None:
        self._places.release()


def _normal(password: str) -> bytes:
    """Bring a password into one form, however its keyboard composes characters."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
