"""Browsers by the names that people know them by."""

from __future__ import annotations

import pytest

from ui.browsers import browser_words

_WINDOWS = "Mozilla/5.0 (Windows NT 10.0)"
_CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        (f"{_WINDOWS} {_CHROME}", "Chrome on Windows"),
        (f"{_WINDOWS} {_CHROME} Edg/140", "Edge on Windows"),
        (f"Mozilla/5.0 (Linux; Android 15) {_CHROME}", "Chrome on Android"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605 Safari/604.1",
            "Safari on iPhone",
        ),
        ("curl/8.1", "curl/8.1"),
        ("", "Unknown browser"),
    ],
)
def test_a_browser_is_named_as_its_owner_would(agent: str, words: str) -> None:
    assert browser_words(agent) == words
