"""What a proxy answers to CONNECT."""

from __future__ import annotations

import re
from dataclasses import dataclass

_STATUS = re.compile(r"HTTP/1\.[01] (\d{3})(?: (.*))?")
# "NTLM", and "Negotiate <token>", and "Basic realm=…, Digest realm=…" in one line.
_SCHEME = re.compile(r"(?:^|,)\s*([A-Za-z][\w-]*)(?=\s+[^=\s,]|\s*$|\s*,)")
_REASON_MOST = 60


@dataclass(frozen=True, slots=True)
class ConnectReply:
    """A status, and which authentication is wanted.

    Parameters
    ----------
    status
        Of HTTP.
    reason
        Its words, as the proxy writes them; printable and short.
    schemes
        Of ``Proxy-Authenticate``, in the proxy's order.
    """

    status: int
    reason: str = ""
    schemes: tuple[str, ...] = ()

    @property
    def lets_through(self) -> bool:
        """Whether the bytes that follow are those of the address."""
        return 200 <= self.status < 300

    @property
    def takes_basic(self) -> bool:
        """Whether a user's name and password in the proxy's address would do."""
        return any(scheme.lower() == "basic" for scheme in self.schemes)

    def __str__(self) -> str:
        """Write status and words."""
        return f"{self.status} {self.reason}".strip()


def read_reply(head: bytes) -> ConnectReply | None:
    """Read the head of an answer; None if it is not HTTP's.

    Parameters
    ----------
    head
        Up to the first empty line; it comes from anywhere and may be anything.
    """
    first, *lines = head.decode("latin-1").split("\r\n")
    matched = _STATUS.fullmatch(first)
    if matched is None:
        return None
    schemes: list[str] = []
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip().lower() == "proxy-authenticate":
            schemes += _SCHEME.findall(value.strip())
    reason = "".join(char for char in matched[2] or "" if char.isprintable())[:_REASON_MOST]
    return ConnectReply(int(matched[1]), reason, tuple(dict.fromkeys(schemes)))
