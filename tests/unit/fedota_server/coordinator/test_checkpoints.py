"""Checkpoints: durable, pruned by rule, damaged ones set aside, roll-backs as generations."""

from __future__ import annotations

import logging
import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedota_proto.errors import CheckpointError
from fedota_proto.records import ArrayBytes, Arrays
from fedota_server.coordinator.checkpoints import Checkpoint, CheckpointKey, CheckpointStore
from fedota_server.coordinator.history import RoundRow, UpdateEntry
from fedota_server.strategies.state import StrategyState


def arrays_of(server_round: int, size: int = 4) -> Arrays:
    return {
        "b": ArrayBytes.from_numpy(np.full(size, server_round, np.float32)),
        "a": ArrayBytes.from_numpy(np.array(server_round / 7, np.float64)),
    }


def state_of(server_round: int) -> StrategyState:
    return StrategyState(
        "FedAdam",
        {
            "current_arrays": {},
            "m_t": {"b": np.full(4, server_round / 3, np.float64), "a": np.array(0.1, np.float32)},
            "v_t": None,
        },
    )


def checkpoint(server_round: int, generation: int = 0, size: int = 4) -> Checkpoint:
    row = RoundRow(
        generation=generation,
        server_round=server_round,
        attempt=2,
        completed=True,
        ended_unix_s=1000.0 + server_round,
        entries=(UpdateEntry(2**62, 2**63, weight=31.0, update_sha256=b"\x01" * 32),),
    )
    return Checkpoint(
        generation=generation,
        server_round=server_round,
        arrays=arrays_of(server_round, size),
        strategy_state=state_of(server_round),
        metrics={"loss": server_round / 10},
        row=row if server_round else None,
        created_unix_s=1000.5 + server_round,
    )


def assert_same(found: Checkpoint | None, expected: Checkpoint, *, with_state: bool = True) -> None:
    assert found is not None
    assert found.key == expected.key
    assert found.arrays == expected.arrays
    assert list(found.arrays) == list(expected.arrays)
    assert (found.metrics, found.row) == (expected.metrics, expected.row)
    assert found.created_unix_s == expected.created_unix_s
    if not with_state:
        assert found.strategy_state is None
        return
    mine, theirs = found.strategy_state, expected.strategy_state
    assert mine is not None
    assert theirs is not None
    assert mine.outline() == theirs.outline()
    assert {k: (a.dtype, a.tobytes()) for k, a in mine.tensors().items()} == {
        k: (a.dtype, a.tobytes()) for k, a in theirs.tensors().items()
    }


def rounds(keys: tuple[CheckpointKey, ...]) -> list[int]:
    return [key.server_round for key in keys]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "checkpoints"


def filled(folder: Path, last: int, *, keep_bytes: int = 1 << 30) -> CheckpointStore:
    store = CheckpointStore(folder, keep_bytes=keep_bytes)
    for server_round in range(last + 1):
        store.save(checkpoint(server_round))
    return store


def damage(folder: Path, server_round: int, part: str = "arrays") -> None:
    (path,) = folder.glob(f"*r{server_round:06d}.{part}.safetensors")
    data = bytearray(path.read_bytes())
    data[-1] ^= 0xFF
    path.write_bytes(data)


class TestSaveAndLoad:
    def test_nothing_was_saved_yet(self, folder: Path) -> None:
        store = CheckpointStore(folder)

        assert store.latest() is None
        assert (store.kept(), store.rollback_points(), store.generation) == ((), (), 0)

    def test_comes_back_to_the_bit_in_another_process(self, folder: Path) -> None:
        filled(folder, 2)

        found = CheckpointStore(folder).latest()

        assert_same(found, checkpoint(2))

    def test_a_round_can_be_loaded(self, folder: Path) -> None:
        assert_same(filled(folder, 3).load(1), checkpoint(1), with_state=True)

    def test_a_round_that_is_not_there_is_refused(self, folder: Path) -> None:
        with pytest.raises(CheckpointError, match=r"Round 9 has no checkpoint.*: 0, 1, 2\."):
            filled(folder, 2).load(9)

    def test_the_same_round_replaces(self, folder: Path) -> None:
        store = filled(folder, 1)
        other = Checkpoint(0, 1, arrays_of(77), state_of(77))

        store.save(other)

        assert store.load(1).arrays == arrays_of(77)
        assert rounds(store.kept()) == [0, 1]

    def test_a_checkpoint_without_state_is_not_saved(self, folder: Path) -> None:
        with pytest.raises(CheckpointError, match="cannot be saved"):
            CheckpointStore(folder).save(Checkpoint(0, 1, arrays_of(1), None))

    def test_a_full_disk_says_so_and_keeps_the_one_before(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = filled(folder, 1)

        def full(fd: int) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr("os.fsync", full)
            with pytest.raises(CheckpointError, match=r"No space left.*resume"):
                store.save(checkpoint(2))

        assert_same(store.latest(), checkpoint(1))
        assert_same(CheckpointStore(folder).latest(), checkpoint(1))

    def test_a_folder_in_the_way_is_refused(self, folder: Path) -> None:
        folder.write_text("a file")

        with pytest.raises(CheckpointError, match="cannot be opened"):
            CheckpointStore(folder)


class TestCrash:
    """Whatever a crash leaves, a new process starts from a whole checkpoint."""

    def test_half_a_file_is_removed(self, folder: Path) -> None:
        filled(folder, 1)
        (folder / ".g0000-r000002.arrays.safetensors.tmp").write_bytes(b"half")

        store = CheckpointStore(folder)

        assert_same(store.latest(), checkpoint(1))
        assert not list(folder.glob(".*"))

    def test_a_state_without_its_arrays_is_removed(self, folder: Path) -> None:
        filled(folder, 2)
        (folder / "g0000-r000002.arrays.safetensors").unlink()

        store = CheckpointStore(folder)

        assert_same(store.latest(), checkpoint(1))
        assert not list(folder.glob("*r000002*"))

    @pytest.mark.parametrize("part", ["arrays", "state"])
    def test_dying_before_either_file_is_in_place_is_survived(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, part: str
    ) -> None:
        store = filled(folder, 1)
        real = os.replace

        def die(source: Path, target: Path) -> None:
            if f".{part}." in target.name:
                raise KeyboardInterrupt
            real(source, target)

        with monkeypatch.context() as patch:
            patch.setattr("os.replace", die)
            with pytest.raises(KeyboardInterrupt):
                store.save(checkpoint(2))

        assert_same(CheckpointStore(folder).latest(), checkpoint(1))


class TestReadOnly:
    """Beside a coordinator that runs."""

    def test_changes_nothing(self, folder: Path) -> None:
        filled(folder, 3)
        damage(folder, 3)
        (folder / ".g0000-r000004.arrays.safetensors.tmp").write_bytes(b"half")
        (folder / "g0000-r000004.state.safetensors").write_bytes(b"not yet with its arrays")
        before = sorted((p.name, p.read_bytes()) for p in folder.iterdir())

        store = CheckpointStore(folder, read_only=True)

        assert_same(store.latest(), checkpoint(2))
        assert_same(store.load(1), checkpoint(1))
        with pytest.raises(CheckpointError, match="cannot be saved"):
            store.save(checkpoint(4))
        with pytest.raises(CheckpointError, match="cannot be saved"):
            store.roll_back(1, created_unix_s=5.0)
        assert sorted((p.name, p.read_bytes()) for p in folder.iterdir()) == before

    def test_makes_no_folder(self, folder: Path) -> None:
        with pytest.raises(CheckpointError, match="cannot be opened"):
            CheckpointStore(folder, read_only=True)

        assert not folder.exists()


class TestDamage:
    @pytest.mark.parametrize("part", ["arrays", "state"])
    def test_a_damaged_newest_gives_way_to_the_one_before_loudly(
        self, folder: Path, part: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        filled(folder, 3)
        damage(folder, 3, part)

        with caplog.at_level(logging.ERROR):
            found = CheckpointStore(folder).latest()

        assert_same(found, checkpoint(2))
        assert "CHECKPOINT DAMAGED: round 3 of generation 0" in caplog.text
        assert len(list(folder.glob("*r000003*.damaged"))) == 2

    def test_it_is_not_tried_again_and_the_round_can_be_repeated(self, folder: Path) -> None:
        store = filled(folder, 3)
        damage(folder, 3)
        store.latest()

        store.save(checkpoint(3))

        assert_same(CheckpointStore(folder).latest(), checkpoint(3))

    def test_a_file_cut_off_is_damaged(self, folder: Path) -> None:
        filled(folder, 3)
        path = folder / "g0000-r000003.arrays.safetensors"
        path.write_bytes(path.read_bytes()[:-3])

        assert_same(CheckpointStore(folder).latest(), checkpoint(2))

    def test_all_damaged_is_no_fresh_start(self, folder: Path) -> None:
        filled(folder, 0)
        damage(folder, 0)

        with pytest.raises(CheckpointError, match="None of the checkpoints"):
            CheckpointStore(folder).latest()

    def test_a_damaged_round_is_named(self, folder: Path) -> None:
        store = filled(folder, 3)
        damage(folder, 2)

        with pytest.raises(CheckpointError, match="round 2 is damaged"):
            store.load(2)


class TestRetention:
    def test_states_of_the_last_three_and_of_every_tenth(self, folder: Path) -> None:
        store = filled(folder, 25)

        assert rounds(store.rollback_points()) == [0, 10, 20, 23, 24, 25]
        assert rounds(store.kept()) == list(range(26))
        assert store.load(22).strategy_state is None
        assert_same(store.load(20), checkpoint(20))
        assert len(list(folder.glob("*.state.safetensors"))) == 6

    def test_beyond_the_size_only_tenths_and_the_newest(self, folder: Path) -> None:
        store = filled(folder, 25, keep_bytes=1)

        assert rounds(store.kept()) == [0, 10, 20, 23, 24, 25]
        assert_same(store.load(10), checkpoint(10))
        with pytest.raises(CheckpointError, match="Round 22 has no checkpoint"):
            store.load(22)

    def test_up_to_the_size_all(self, folder: Path) -> None:
        size_bytes = [
            path.stat().st_size
            for path in sorted(filled(folder, 25)._folder.glob("*.arrays.safetensors"))
        ]
        tenths = size_bytes[0] + size_bytes[10] + size_bytes[20]
        keep_bytes = tenths + sum(size_bytes[21:])

        store = filled(folder.with_name("other"), 25, keep_bytes=keep_bytes)

        assert rounds(store.kept()) == [0, 10, 20, 21, 22, 23, 24, 25]

    def test_a_new_process_goes_on_with_the_same_rule(self, folder: Path) -> None:
        filled(folder, 12, keep_bytes=1)
        store = CheckpointStore(folder, keep_bytes=1)

        store.save(checkpoint(13))

        assert rounds(store.kept()) == [0, 10, 11, 12, 13]
        assert rounds(store.rollback_points()) == [0, 10, 11, 12, 13]


class TestRollBack:
    def test_opens_a_generation_from_which_numbering_goes_on(self, folder: Path) -> None:
        store = filled(folder, 25)

        opened = store.roll_back(20, created_unix_s=5.0)

        assert opened.key == (1, 20)
        assert (opened.base_round, opened.created_unix_s) == (20, 5.0)
        assert opened.arrays == arrays_of(20)
        newest = CheckpointStore(folder).latest()
        assert newest is not None
        assert (newest.key, newest.base_round) == ((1, 20), 20)
        assert newest.strategy_state is not None
        assert newest.strategy_state.outline() == state_of(20).outline()
        store.save(checkpoint(21, generation=1))
        assert CheckpointStore(folder).kept()[-3:] == ((0, 19), (1, 20), (1, 21))

    def test_superseded_rounds_stay_but_cannot_be_rolled_back_to(self, folder: Path) -> None:
        store = filled(folder, 25)
        store.roll_back(10, created_unix_s=5.0)

        assert rounds(store.rollback_points()) == [0, 10]
        with pytest.raises(CheckpointError, match=r"Round 24 cannot .*these can: 0, 10\."):
            store.roll_back(24, created_unix_s=6.0)
        assert store.load(24, generation=0).arrays == arrays_of(24)
        with pytest.raises(CheckpointError, match="Round 24 has no checkpoint"):
            store.load(24)

    def test_twice(self, folder: Path) -> None:
        store = filled(folder, 5)
        store.roll_back(4, created_unix_s=5.0)
        store.save(checkpoint(5, generation=1))
        store.save(checkpoint(6, generation=1))

        store.roll_back(0, created_unix_s=6.0)
        store.save(checkpoint(1, generation=2))

        reopened = CheckpointStore(folder)
        assert reopened.kept() == ((2, 0), (2, 1))
        assert reopened.rollback_points() == ((2, 0), (2, 1))
        assert reopened.generation == 2

    def test_what_has_no_state_is_refused(self, folder: Path) -> None:
        with pytest.raises(CheckpointError, match=r"Round 3 .*these can: 0, 4, 5, 6\."):
            filled(folder, 6).roll_back(3, created_unix_s=5.0)

    def test_an_older_generation_takes_no_more(self, folder: Path) -> None:
        store = filled(folder, 5)
        store.roll_back(4, created_unix_s=5.0)

        with pytest.raises(CheckpointError, match="newest generation is 1"):
            store.save(checkpoint(6))

    def test_a_damaged_generation_is_not_numbered_again(self, folder: Path) -> None:
        store = filled(folder, 5)
        store.roll_back(4, created_unix_s=5.0)
        (path,) = folder.glob("g0001-*.arrays.safetensors")
        path.write_bytes(b"damaged")

        store = CheckpointStore(folder)
        newest = store.latest()

        assert newest is not None
        assert newest.generation == 0
        assert newest.server_round == 3
        store.save(checkpoint(4))
        assert_same(CheckpointStore(folder).latest(), checkpoint(4))
        assert CheckpointStore(folder).roll_back(3, created_unix_s=6.0).key == (2, 3)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(-3, 1), min_size=1, max_size=40), st.sampled_from([1, 1 << 20]))
def test_any_course_of_rounds_and_roll_backs_can_be_gone_on_from(
    steps: list[int], keep_bytes: int
) -> None:
    """A model of the store: 1 saves the next round, -n rolls back to the n-th newest point."""
    with tempfile.TemporaryDirectory() as name:
        store = CheckpointStore(Path(name), keep_bytes=keep_bytes)
        store.save(checkpoint(0))
        generation, current, value = 0, 0, {0: 0}
        for step in steps:
            points = store.rollback_points()
            if step < 0 and len(points) >= -step:
                point = points[step]
                generation, current = generation + 1, point.server_round
                store.roll_back(current, created_unix_s=1.0)
            else:
                current += 1
                value[current] = current + 100 * generation
                store.save(
                    Checkpoint(generation, current, arrays_of(value[current]), state_of(current))
                )
            reopened = CheckpointStore(Path(name), keep_bytes=keep_bytes)
            newest = reopened.latest()
            assert newest is not None
            assert newest.key == (generation, current)
            assert newest.arrays == arrays_of(value[current])
            assert reopened.kept() == store.kept()
            assert reopened.rollback_points() == store.rollback_points()
            line = rounds(store.kept())
            assert line == sorted(set(line))
            assert set(range(0, current, 10)) <= set(line)
            for key in store.kept():
                assert store.load(key.server_round).arrays == arrays_of(value[key.server_round])
