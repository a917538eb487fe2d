"""Values that stand there twice, in memory and beyond it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedota_client.data.repeats import Repeats, SampledRepeats
from fedota_client.data.spool import Scratch


@given(
    values=st.lists(st.integers(0, 30), max_size=80),
    memory_bytes=st.sampled_from([0, 1 << 20]),
)
def test_every_repetition_is_found_with_the_row_where_its_value_stood_first(
    values: list[int], memory_bytes: int
) -> None:
    repeats = Repeats(Scratch(memory_bytes=memory_bytes))
    hashes = np.array(values, np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    for start in range(0, len(values), 7):
        rows = np.arange(start, min(start + 7, len(values)))
        repeats.add(hashes[rows], rows)
    found = repeats.found()

    again = [row for row, value in enumerate(values) if value and value in values[:row]]
    assert found.count == len(again)
    assert found.rows == tuple(again[:5])
    assert found.earlier == tuple(values.index(values[row]) for row in again[:5])


def test_of_many_a_share_is_kept_and_the_count_scaled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SampledRepeats, "_MOST", 2_000)
    repeats = SampledRepeats()
    hashes = np.random.default_rng(1).integers(1, 2**63, 10_000).astype(np.uint64)
    for part in (hashes, hashes):
        repeats.add(part, np.arange(len(part)))
    assert not repeats.exact
    assert repeats.found().count == pytest.approx(10_000, rel=0.15)
