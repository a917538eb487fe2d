"""Updates between the worker and their outcome: in memory until sent, on disk until known."""

from __future__ import annotations

import asyncio

from fedota_client.update_store import KeptUpdate, UpdateStore
from fedota_proto.errors import FolderError

# Larger ones are written and read by a thread, so that the loop goes on meanwhile.
_AT_ONCE_BYTES = 1 << 20


class UpdateKeeper:
    """Keeps updates in a store without ever waiting for the disk on the way to the selector.

    Parameters
    ----------
    store
        The disk; None keeps in memory alone.
    group
        Holds the writing of large updates.
    """

    def __init__(self, store: UpdateStore | None, group: asyncio.TaskGroup) -> None:
        self._store = store
        self._group = group
        self._held: dict[int, KeptUpdate] = {}
        self._writing: dict[int, asyncio.Task[None]] = {}
        self._stored: set[int] = set()
        self._sent: set[int] = set()

    def take(self, update: KeptUpdate) -> None:
        """Take an update from the worker."""
        self._held[update.task_id] = update

    def keep(self, task_id: int) -> None:
        """Put a taken update on disk, a large one in the background.

        Raises
        ------
        FolderError
            The folder cannot be written; the update stays in memory.
        """
        if self._store is None:
            return
        update = self._held[task_id]
        if update.payload.nbytes <= _AT_ONCE_BYTES:
            self._store.keep(update)
            self._stored.add(task_id)
        else:
            self._writing[task_id] = self._group.create_task(self._write(self._store, update))

    async def get(self, task_id: int) -> KeptUpdate:
        """Return an update, from memory if it is still there.

        Raises
        ------
        FolderError
            It is neither there nor readable on disk.
        """
        update = self._held.get(task_id)
        if update is None and self._store is not None:
            update = await asyncio.to_thread(self._store.load, task_id)
        if update is None:
            raise FolderError("The update is not kept here any more.")
        return update

    def release(self, task_id: int) -> None:
        """Take an update that was sent out of memory, as soon as it is on disk."""
        if task_id in self._writing:
            self._sent.add(task_id)
        elif task_id in self._stored:
            self._held.pop(task_id, None)

    def forget(self, task_id: int) -> None:
        """Delete an update from memory and disk."""
        self._held.pop(task_id, None)
        self._stored.discard(task_id)
        self._sent.discard(task_id)
        if self._store is not None and task_id not in self._writing:
            self._store.forget(task_id)

    async def _write(self, store: UpdateStore, update: KeptUpdate) -> None:
        task_id = update.task_id
        try:
            await asyncio.to_thread(store.keep, update)
        except FolderError:
            return  # it stays in memory; the next one says so, if the disk is still full
        finally:
            del self._writing[task_id]
        if task_id not in self._held:
            store.forget(task_id)
            return
        self._stored.add(task_id)
        if task_id in self._sent:
            del self._held[task_id]
