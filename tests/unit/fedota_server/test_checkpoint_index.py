"""The rule of which checkpoints are kept, without a file."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fedota_server.checkpoint_index import CheckpointIndex, CheckpointKey


def index_of(*keys: tuple[int, int], keep_bytes: int = 10**9, size: int = 100) -> CheckpointIndex:
    index = CheckpointIndex(keep_bytes)
    for key in keys:
        index.add(CheckpointKey(*key), size, {}, state=True)
    return index


def test_a_generation_begins_with_its_first_round() -> None:
    index = index_of((0, 0), (0, 1), (1, 1), (1, 2))

    assert index.bases == {0: 0, 1: 1}
    assert index.generation == 1
    assert index.line() == ((0, 0), (1, 1), (1, 2))


def test_what_a_generation_left_behind_is_not_in_the_line() -> None:
    index = index_of((0, 0), (0, 1), (0, 2), (0, 3), (1, 1), (1, 2), (2, 0))

    assert index.line() == ((2, 0),)
    assert CheckpointKey(0, 3) in index


def test_bases_outlive_the_rounds_of_their_generation() -> None:
    index = CheckpointIndex(10**9)
    for key in [(0, 4), (0, 5), (0, 6), (2, 7)]:
        index.add(CheckpointKey(*key), 100, {0: 0, 1: 5, 2: 7}, state=True)

    assert index.line() == ((0, 4), (2, 7))


def test_prune_drops_the_oldest_first_until_the_size_fits() -> None:
    index = index_of(*((0, r) for r in range(8)), keep_bytes=650)

    arrays, states = index.prune()

    assert arrays == {(0, 1), (0, 2)}
    assert states == {(0, r) for r in (1, 2, 3, 4)}
    assert index.line() == tuple((0, r) for r in (0, 3, 4, 5, 6, 7))
    assert index.rollback_points() == ((0, 0), (0, 5), (0, 6), (0, 7))
    assert index.prune() == (set(), set())


def test_setting_the_only_one_of_a_generation_aside_ends_it() -> None:
    index = index_of((0, 0), (0, 1), (0, 2), (1, 1))

    index.set_aside(CheckpointKey(1, 1))

    assert index.generation == 0
    assert index.line() == ((0, 0), (0, 1), (0, 2))
    assert len(index) == 3


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 45)), min_size=1, max_size=60),
    st.integers(0, 5000),
)
def test_whatever_is_there_the_newest_and_the_tenths_stay(
    keys: list[tuple[int, int]], keep_bytes: int
) -> None:
    index = index_of(*sorted(set(keys)), keep_bytes=keep_bytes)
    line = index.line()

    arrays, states = index.prune()

    assert not arrays & set(line[-3:])
    assert not {key for key in arrays if key.server_round % 10 == 0}
    assert set(line[-3:]) <= set(index.rollback_points())
    assert index.line() == tuple(key for key in line if key not in arrays)
    assert len(index) == len(set(keys)) - len(arrays)
    kept = len(index) * 100
    assert kept <= keep_bytes or not any(
        key.server_round % 10 and key not in line[-3:]
        for key in map(CheckpointKey._make, keys)
        if key in index
    )
    points = set(index.rollback_points())
    assert points == {k for k in index.line() if k in line[-3:] or k.server_round % 10 == 0}
    assert not points & states
