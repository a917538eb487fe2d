"""What is put aside: the same from memory and from disk."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedota_client.data.splitting import Splitter
from fedota_client.data.spool import ArraySpool, Scratch, StoredRows, StoredTexts, TextSpool
from fedota_client.examples import Examples, Field, joined
from fedota_client.holdout import holdout_mask
from fedota_proto.errors import FolderError

INDEX = [
    slice(None), slice(2, 5), slice(0, 9, 2), slice(7, 3), np.array([4, 0, 4]),
    np.array([True, False] * 5), np.empty(0, np.int64), slice(8, 99),
]  # fmt: skip


@pytest.mark.parametrize("rows", INDEX)
def test_rows_on_disk_read_like_an_array(rows: slice | np.ndarray) -> None:
    values = np.arange(60, dtype=np.float64).reshape(10, 2, 3)
    kept = ArraySpool((2, 3), values.dtype, Scratch(memory_bytes=100))
    for start in range(0, 10, 2):
        kept.append(values[start : start + 2])
    stored = kept.finish()

    assert isinstance(stored, StoredRows)
    assert (stored.shape, stored.dtype, len(stored)) == ((10, 2, 3), values.dtype, 10)
    assert stored[rows].tolist() == values[rows].tolist()


@pytest.mark.parametrize("rows", INDEX)
def test_texts_on_disk_read_like_an_array(rows: slice | np.ndarray) -> None:
    values = np.array([[f"{'ä' * n}{n}"] for n in range(10)], object)
    kept = TextSpool(Scratch(memory_bytes=150))
    kept.append(values[:1])
    kept.append(values[1:])
    stored = kept.finish()

    assert isinstance(stored, StoredTexts)
    assert stored[rows].tolist() == values[rows].tolist()


def test_what_fits_stays_in_memory() -> None:
    kept = ArraySpool((), np.dtype(np.int8), Scratch(memory_bytes=100))
    kept.append(np.zeros(50, np.int8))
    assert isinstance(kept.finish(), np.ndarray)


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    class FullDisk:
        def write(self, data: memoryview) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(FolderError, match=r"There is no room for the examples in .* \(No space"):
        Scratch(tmp_path).write(FullDisk(), b"x")  # type: ignore[arg-type]
    with pytest.raises(FolderError, match="There is no room"):
        Scratch(tmp_path / "nowhere").open()


@given(
    values=st.lists(st.integers(0, 40), min_size=1, max_size=60),
    fraction=st.floats(0, 0.9),
    memory=st.sampled_from([0, 1 << 20]),
    piece=st.integers(1, 20),
)
def test_a_split_piece_by_piece_is_that_of_all_at_once(
    values: list[int], fraction: float, memory: int, piece: int
) -> None:
    column = np.array(values, np.float32)[:, np.newaxis]
    examples = Examples((Field(("a",), column),), (Field(("y",), column * 2),))
    splitter = Splitter(fraction, Scratch(memory_bytes=memory))
    for start in range(0, len(values), piece):
        splitter.add(examples.take(np.arange(start, min(start + piece, len(values)))))
    split = splitter.finish()

    mask = holdout_mask(examples, fraction)
    assert split is not None
    assert split.train.inputs[0].values[:].tolist() == column[~mask].tolist()
    assert split.held_out.targets[0].values[:].tolist() == (column * 2)[mask].tolist()


def test_parts_of_both_kinds_are_joined() -> None:
    values = np.arange(6, dtype=np.float32)[:, np.newaxis]
    kept = ArraySpool((1,), values.dtype, Scratch(memory_bytes=0))
    kept.append(values[:3])
    parts = [
        Examples((Field(("a",), one),), (Field(("y",), one),))
        for one in (kept.finish(), values[3:])
    ]
    together = joined(parts)
    assert together.inputs[0].values[:].ravel().tolist() == [0, 1, 2, 3, 4, 5]
    assert together.take(np.array([5, 0])).targets[0].values[:].ravel().tolist() == [5, 0]
