"""Quantities as people read them."""

from __future__ import annotations

import pytest

from fedota_proto.units import size_words


@pytest.mark.parametrize(
    ("size_bytes", "words"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (1500, "1.5 kB"),
        (5e7, "50.0 MB"),
        (52_428_800, "52.4 MB"),
        (7e12, "7.0 TB"),
    ],
)
def test_sizes_are_for_people(size_bytes: float, words: str) -> None:
    assert size_words(size_bytes) == words
