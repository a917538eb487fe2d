"""Updates on disk survive as they are, and damage is told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fedota_client.update_store import KeptUpdate, UpdateStore
from fedota_proto.errors import FolderError


def update(task_id: int, payload: bytes = b"\0\1\2" * 100) -> KeptUpdate:
    return KeptUpdate(task_id, "train", (1, 4, 2), b"h" * 32, memoryview(payload))


def test_what_is_kept_is_loaded_again(tmp_path: Path) -> None:
    store = UpdateStore(tmp_path)
    store.keep(update(7))
    assert store.load(7) == update(7)
    store.forget(7)
    store.forget(7)
    assert store.kept() == []


def test_a_failure_is_kept_with_its_reason(tmp_path: Path) -> None:
    store = UpdateStore(tmp_path)
    failed = KeptUpdate(3, "evaluate", (1, 1, 1), failure=("diverged", "The loss is NaN."))
    store.keep(failed)
    assert store.load(3) == failed


def test_they_are_listed_in_order(tmp_path: Path) -> None:
    store = UpdateStore(tmp_path)
    for place, task_id in enumerate((9, 2, 5)):
        store.keep(update(task_id))
        os.utime(tmp_path / f"{task_id}.update", ns=(0, place))
    (tmp_path / "notes.txt").touch()
    assert store.kept() == [9, 2, 5]


def test_only_the_owner_reads_them(tmp_path: Path) -> None:
    UpdateStore(tmp_path).keep(update(1))
    assert (tmp_path / "1.update").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("damage", [b"", b"\1", b"\x05\0\0\0hello", b"\x02\0\0\0{}"])
def test_a_damaged_one_is_told(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "4.update").write_bytes(damage)
    with pytest.raises(FolderError, match="damaged"):
        UpdateStore(tmp_path).load(4)


def test_a_truncated_one_is_told(tmp_path: Path) -> None:
    store = UpdateStore(tmp_path)
    store.keep(update(4))
    path = tmp_path / "4.update"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(FolderError, match="damaged"):
        store.load(4)


def test_one_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="cannot be read"):
        UpdateStore(tmp_path).load(4)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="owner and free space"):
        UpdateStore(tmp_path / "nowhere").keep(update(1))
