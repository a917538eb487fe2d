"""A clock that is wrong is told in one sentence."""

from __future__ import annotations

import pytest

from fedota_client.clock_skew import skew_words

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("skew_s", "said"),
    [
        (86_400.0, "This machine's clock is 1 day ahead of the platform's: set it"),
        (-86_400.0, "This machine's clock is 1 day behind the platform's: set it"),
        (-7_300.0, "is 2 hours behind"),
        (330.0, "is 6 minutes ahead of"),
    ],
)
def test_how_far_and_which_way(skew_s: float, said: str) -> None:
    assert said in skew_words(NOW + skew_s, NOW)


@pytest.mark.parametrize(("ours", "theirs"), [(NOW, NOW), (NOW + 299, NOW), (NOW, 0.0)])
def test_clocks_that_agree_and_platforms_that_do_not_tell(ours: float, theirs: float) -> None:
    assert skew_words(ours, theirs) == ""
