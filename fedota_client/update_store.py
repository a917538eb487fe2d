"""Updates on disk, from the moment they are there until their outcome is known."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fedota_client.worker_protocol import FrameReader, write_frame
from fedota_proto.errors import FolderError, StreamError

_SUFFIX = ".update"
_KIND = "update"
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC


@dataclass(frozen=True, slots=True)
class KeptUpdate:
    """What a task brought, as it is kept and sent.

    Parameters
    ----------
    task_id, message_type
        Of the task.
    key
        The task's round: generation, server round, attempt.
    update_sha256
        The worker's hash of the payload, 32 bytes; empty for a failure.
    payload
        The worker's payload (see `fedota_client.worker_protocol`); empty for a failure.
    failure
        Code and reason where the task failed.
    model_in
        Hash of the model that the task brought (`fedota_client.receipts.facts`).
    privacy
        What its noise cost, empty without noise.
    """

    task_id: int
    message_type: str
    key: tuple[int, int, int]
    update_sha256: bytes = b""
    payload: memoryview = field(default_factory=lambda: memoryview(b""))
    failure: tuple[str, str] | None = None
    model_in: str = ""
    privacy: dict[str, Any] = field(default_factory=dict)


class UpdateStore:
    """One file per update in a folder that only its owner can read.

    Several threads may use it, each for another task.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # Text, since a path's own work would cost as much as writing a small update.
        self._prefix = f"{folder}/"

    def kept(self) -> list[int]:
        """List the tasks whose update is kept, oldest first."""
        found = [
            (path.stat().st_mtime_ns, int(path.stem))
            for path in self._folder.glob(f"*{_SUFFIX}")
            if path.stem.isdecimal()
        ]
        return [task_id for _, task_id in sorted(found)]

    def keep(self, update: KeptUpdate) -> None:
        """Write an update; one that a crash cuts off is found to be damaged when it is loaded.

        Raises
        ------
        FolderError
            The folder cannot be written.
        """
        fields = {
            "task_id": update.task_id,
            "message_type": update.message_type,
            "round": list(update.key),
            "update_sha256": update.update_sha256.hex(),
            "failure": list(update.failure) if update.failure else None,
            "model_in": update.model_in,
            "privacy": update.privacy,
        }
        try:
            fd = os.open(self._path(update.task_id), _FLAGS, 0o600)
            try:
                write_frame(fd, _KIND, fields, [update.payload])
            finally:
                os.close(fd)
        except OSError as error:
            raise FolderError(
                f"An update cannot be kept in {self._folder} ({error.strerror}): check the "
                "folder's owner and free space."
            ) from error

    def load(self, task_id: int) -> KeptUpdate:
        """Read a kept update.

        Raises
        ------
        FolderError
            There is none, or the file is damaged.
        """
        path = self._path(task_id)
        try:
            fd = os.open(path, os.O_RDONLY)
            try:
                frame = FrameReader(fd).read()
            finally:
                os.close(fd)
            if frame is None or frame.kind != _KIND:
                raise StreamError("The file holds no update.")
            fields = frame.fields
            generation, server_round, attempt = (int(part) for part in fields["round"])
            failure = fields["failure"]
            return KeptUpdate(
                task_id=int(fields["task_id"]),
                message_type=str(fields["message_type"]),
                key=(generation, server_round, attempt),
                update_sha256=bytes.fromhex(fields["update_sha256"]),
                payload=frame.payload,
                failure=(str(failure[0]), str(failure[1])) if failure else None,
                model_in=str(fields.get("model_in", "")),
                privacy=dict(fields.get("privacy") or {}),
            )
        except OSError as error:
            raise FolderError(f"The kept update {path} cannot be read.") from error
        except (StreamError, KeyError, ValueError, TypeError, IndexError) as error:
            raise FolderError(f"The kept update {path} is damaged.", detail=str(error)) from error

    def forget(self, task_id: int) -> None:
        """Delete an update, if it is there."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path(task_id))

    def _path(self, task_id: int) -> str:
        return f"{self._prefix}{task_id}{_SUFFIX}"
