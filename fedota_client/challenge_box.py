"""Challenges that came along with other messages, so that the next call needs no Hello."""

from __future__ import annotations

# A challenge is valid for 60 s at its selector; what may be older by its arrival is not used.
CHALLENGE_TRUSTED_S = 45.0
_CHALLENGES_MOST = 8


class ChallengeBox:
    """The challenges of one selector, newest first; no clock of its own."""

    def __init__(self) -> None:
        self._held: list[tuple[float, bytes]] = []

    def put(self, challenge: bytes, now: float) -> None:
        """Keep a challenge that has just come; an empty one is nothing."""
        if challenge:
            self._held.append((now, challenge))
            del self._held[:-_CHALLENGES_MOST]

    def take(self, now: float) -> bytes:
        """Take the newest out, empty if none is fresh enough."""
        if self._held:
            came, challenge = self._held.pop()
            if now - came <= CHALLENGE_TRUSTED_S:
                return challenge
            self._held.clear()
        return b""
