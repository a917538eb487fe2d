"""Challenges are used once, the newest first, and never when they may be too old."""

from __future__ import annotations

from fedota_client.challenge_box import CHALLENGE_TRUSTED_S, ChallengeBox


def test_the_newest_first_and_each_once() -> None:
    box = ChallengeBox()
    box.put(b"old", 0.0)
    box.put(b"new", 1.0)
    assert [box.take(2.0) for _ in range(3)] == [b"new", b"old", b""]


def test_an_old_one_is_not_used() -> None:
    box = ChallengeBox()
    box.put(b"one", 0.0)
    box.put(b"two", 1.0)
    assert box.take(1.0 + CHALLENGE_TRUSTED_S + 0.1) == b""
    assert box.take(1.0) == b""


def test_an_empty_one_is_nothing() -> None:
    box = ChallengeBox()
    box.put(b"", 0.0)
    assert box.take(0.0) == b""


def test_few_are_kept() -> None:
    box = ChallengeBox()
    for number in range(100):
        box.put(bytes([number]), 0.0)
    taken = []
    while challenge := box.take(0.0):
        taken.append(challenge)
    assert taken == [bytes([number]) for number in range(99, 91, -1)]
