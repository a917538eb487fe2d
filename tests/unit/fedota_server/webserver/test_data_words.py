"""What data a problem needs, in a few words."""

from __future__ import annotations

import pytest

from fedota_server.webserver.data_words import needs_words

PICTURES = {"kind": "images", "width": 64, "height": 48}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({}, ""),
        (
            {"columns": [{"name": "a"}, {"name": "b", "used": False}, {"name": "y", "target": 1}]},
            "1 column, to predict y",
        ),
        ({**PICTURES, "classes": ["cat", "dog"]}, "pictures of 64 × 48 pixels, 2 classes"),
        (
            {**PICTURES, "targets": [{"name": name} for name in "abcd"]},
            "pictures of 64 × 48 pixels, to predict a, b, c …",
        ),
        ({"kind": "text", "classes": ["ham", "spam"]}, "texts, 2 classes"),
        ({"kind": "arrays", "arrays": [{}, {}]}, "2 arrays in .npz files"),
    ],
)
def test_a_few_words_say_what_is_needed(data: dict[str, object], said: str) -> None:
    assert needs_words(data) == said
