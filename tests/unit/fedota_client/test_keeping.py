"""Updates in memory and on disk: written in the background, deleted once and for all."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from fedota_client import keeping
from fedota_client.keeping import UpdateKeeper
from fedota_client.update_store import KeptUpdate, UpdateStore
from fedota_proto.errors import FolderError


def update(task_id: int, size_bytes: int = 10) -> KeptUpdate:
    return KeptUpdate(task_id, "train", (1, 1, 1), b"h" * 32, memoryview(bytes(size_bytes)))


class SlowStore(UpdateStore):
    """Writes only when it is let."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.let = threading.Event()

    def keep(self, update: KeptUpdate) -> None:
        assert self.let.wait(20)
        super().keep(update)


class FullStore(UpdateStore):
    """Has no space left."""

    def keep(self, update: KeptUpdate) -> None:
        raise FolderError("full")


async def test_a_small_one_is_on_disk_at_once(tmp_path: Path) -> None:
    async with asyncio.TaskGroup() as group:
        keeper = UpdateKeeper(UpdateStore(tmp_path), group)
        keeper.take(update(1))
        keeper.keep(1)
        assert UpdateStore(tmp_path).kept() == [1]
        keeper.release(1)
        assert await keeper.get(1) == update(1)
        keeper.forget(1)
        assert UpdateStore(tmp_path).kept() == []


async def test_a_large_one_is_sent_while_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "_AT_ONCE_BYTES", 5)
    store = SlowStore(tmp_path)
    async with asyncio.TaskGroup() as group:
        keeper = UpdateKeeper(store, group)
        given = update(1)
        keeper.take(given)
        keeper.keep(1)
        assert await keeper.get(1) is given
        keeper.release(1)
        assert await keeper.get(1) is given, "it is not on disk yet"
        store.let.set()
    assert store.kept() == [1]
    again = await keeper.get(1)
    assert again == given
    assert again is not given, "memory was not let go"


async def test_one_forgotten_while_it_is_written_is_gone_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "_AT_ONCE_BYTES", 5)
    store = SlowStore(tmp_path)
    async with asyncio.TaskGroup() as group:
        keeper = UpdateKeeper(store, group)
        keeper.take(update(1))
        keeper.keep(1)
        await asyncio.sleep(0)
        keeper.forget(1)
        store.let.set()
    assert store.kept() == []


@pytest.mark.parametrize("at_once_bytes", [5, 1000])
async def test_without_space_it_stays_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once_bytes: int
) -> None:
    monkeypatch.setattr(keeping, "_AT_ONCE_BYTES", at_once_bytes)
    given = update(1)
    async with asyncio.TaskGroup() as group:
        keeper = UpdateKeeper(FullStore(tmp_path), group)
        keeper.take(given)
        if at_once_bytes > given.payload.nbytes:
            with pytest.raises(FolderError):
                keeper.keep(1)
        else:
            keeper.keep(1)
    keeper.release(1)
    assert await keeper.get(1) is given


async def test_without_a_disk_an_update_stays_in_memory_until_its_outcome() -> None:
    async with asyncio.TaskGroup() as group:
        keeper = UpdateKeeper(None, group)
        keeper.take(update(1))
        keeper.keep(1)
        keeper.release(1)
        assert await keeper.get(1) == update(1)
        keeper.forget(1)
        with pytest.raises(FolderError):
            await keeper.get(1)
