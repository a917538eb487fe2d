"""What people type about themselves, checked and brought into one form."""

from __future__ import annotations

import re
import unicodedata

from fedota_proto.errors import UsageError

NAME_MOST = 80

_EMAIL_MOST = 254
_LOCAL = r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}"
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_EMAIL = re.compile(rf"{_LOCAL}@({_LABEL}\.)+{_LABEL}")


def clean_email(typed: str) -> str:
    """Bring an e-mail address into the form in which it is kept: lower case.

    Raises
    ------
    UsageError
        It cannot be one.
    """
    email = typed.strip().lower()
    local = email.partition("@")[0]
    dotted_wrongly = local.startswith(".") or local.endswith(".") or ".." in local
    if len(email) > _EMAIL_MOST or dotted_wrongly or not _EMAIL.fullmatch(email):
        raise UsageError("This is no e-mail address: write it as name@example.org.")
    return email


def clean_name(typed: str, what: str = "name") -> str:
    """Bring a name into the form in which it is kept: no spaces around, one between words.

    Parameters
    ----------
    what
        How the message calls it.

    Raises
    ------
    UsageError
        It is empty, too long, or holds characters that cannot be seen.
    """
    name = " ".join(unicodedata.normalize("NFC", typed).split())
    if not name:
        raise UsageError(f"The {what} is empty: write 1 to {NAME_MOST} characters.")
    if len(name) > NAME_MOST:
        raise UsageError(f"The {what} has {len(name)} characters: at most {NAME_MOST} fit.")
    if not name.isprintable():
        raise UsageError(f"The {what} holds characters that cannot be shown: leave them out.")
    return name


def printable(text: str, most: int = 200) -> str:
    """Cut a text that is only searched for or shown to what can be kept and shown."""
    return "".join(letter for letter in text if letter.isprintable())[:most]
