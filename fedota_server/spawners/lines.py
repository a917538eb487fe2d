"""Bytes of a pipe as lines, and the line by which a server says that it serves."""

from __future__ import annotations

_LINE_MAX_BYTES = 1 << 20


class Lines:
    """Cut a byte stream into lines; one that is too long is cut into pieces."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """Take what came; return the lines that are whole now."""
        whole = self._rest + data
        *lines, self._rest = whole.split(b"\n")
        if len(self._rest) > _LINE_MAX_BYTES:
            lines.append(self._rest)
            self._rest = b""
        return [line.decode(errors="replace").rstrip("\r") for line in lines]

    def end(self) -> list[str]:
        """Return the rest, which has no newline."""
        rest, self._rest = self._rest, b""
        return [rest.decode(errors="replace")] if rest else []


def ready_address(line: str) -> str:
    """Return the address of a line ``ready HOST:PORT``; empty for any other line."""
    word, _, address = line.partition(" ")
    host, _, port = address.rpartition(":")
    fits = word == "ready" and host and " " not in address and port.isascii() and port.isdigit()
    return address if fits else ""
