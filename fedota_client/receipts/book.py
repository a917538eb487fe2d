"""The book that the running client writes."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fedota_client.receipts.facts import outcome_facts, update_facts
from fedota_client.receipts.line import FIRST, line_sha256, read_line, sealed
from fedota_client.update_store import KeptUpdate
from fedota_proto.credential import SigningKey
from fedota_proto.errors import FolderError
from fedota_proto.invite import Invite
from fedota_proto.release import release
from fedota_proto.v1 import fl_round_pb2 as pb

BOOK = "receipts.jsonl"
HEAD = "receipts.head"
_TAIL_BYTES = 1 << 20
_OPEN_MOST = 10_000
_FLAGS = os.O_RDWR | os.O_CREAT


class ReceiptBook:
    """Appends lines to a membership's book.

    One process at a time writes it, the one that holds the folder's lock.

    Parameters
    ----------
    folder
        The membership's.
    key
        The client's, which signs each line.
    invite
        Of the membership.
    clock
        Seconds since 1970.

    Raises
    ------
    FolderError
        The book cannot be read or written.
    """

    def __init__(
        self,
        folder: Path,
        key: SigningKey,
        invite: Invite,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._path = folder / BOOK
        self._key = key
        self._invite = invite
        self._clock = clock
        self._sent: dict[int, dict[str, Any]] = {}
        self._settled: dict[int, None] = {}
        self._number, self._newest = 0, FIRST
        try:
            self._fd = os.open(self._path, _FLAGS, 0o600)
            self._head_fd = os.open(folder / HEAD, _FLAGS, 0o600)
        except OSError as error:
            raise self._unwritable(error) from error
        torn_bytes = self._recover()
        if not self._number:
            self._append(self._opening())
        if torn_bytes:
            what = "a line was cut off here, as a crash leaves it"
            self._append({"kind": "note", **self._whose(), "what": what, "bytes": torn_bytes})

    def close(self) -> None:
        """Close the files."""
        os.close(self._fd)
        os.close(self._head_fd)

    def sending(self, update: KeptUpdate, address: str) -> None:
        """Write down an update before it leaves, once.

        Parameters
        ----------
        update
            As it will be sent.
        address
            The selector's.

        Raises
        ------
        FolderError
            It cannot be written: the update must not leave.
        """
        if update.task_id in self._sent or update.task_id in self._settled:
            return
        facts = {**update_facts(update), "to": address}
        self._append({"kind": "sent", **self._whose(), **facts})
        self._remember(self._sent, update.task_id, facts)

    def settled(self, outcome: pb.Outcome) -> bool:
        """Write down a verified outcome, once.

        Returns
        -------
        bool
            Whether it is new.

        Raises
        ------
        FolderError
            The folder cannot be written.
        """
        if outcome.task_id in self._settled:
            return False
        key = outcome.round
        facts = self._sent.pop(outcome.task_id, None) or {
            "task_id": outcome.task_id,
            "round": [key.generation, key.server_round, key.attempt],
            "message_type": outcome.message_type,
        }
        self._append({"kind": "outcome", **self._whose(), **facts, **outcome_facts(outcome)})
        self._remember(self._settled, outcome.task_id, None)
        return True

    def told(self, what: str, address: str, **more: Any) -> None:
        """Write down what else the platform was told.

        Raises
        ------
        FolderError
            The folder cannot be written.
        """
        self._append({"kind": "told", **self._whose(), "what": what, "to": address, **more})

    def _whose(self) -> dict[str, Any]:
        return {
            "unix_s": round(self._clock(), 3),
            "problem_id": self._invite.problem_id,
            "release": release(),
        }

    def _opening(self) -> dict[str, Any]:
        invite = self._invite
        return {
            "kind": "opened",
            **self._whose(),
            "title": invite.title,
            "node_id": invite.node_id,
            "name": invite.name,
            "client_public_key": self._key.public_bytes.hex(),
            "receipt_public_key": invite.receipt_public_key.hex(),
        }

    def _append(self, fields: dict[str, Any]) -> None:
        line = sealed(fields, self._number + 1, self._newest, self._key)
        end = os.lseek(self._fd, 0, os.SEEK_END)
        try:
            if os.write(self._fd, line) != len(line):
                os.ftruncate(self._fd, end)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._number, self._newest = self._number + 1, line_sha256(line)
            os.pwrite(self._head_fd, f"{self._number:012d} {self._newest}\n".encode(), 0)
        except OSError as error:
            raise self._unwritable(error) from error

    def _recover(self) -> int:
        """Find the end of the book, and cut off what a crash left half-written behind it.

        Returns
        -------
        int
            Bytes that were cut off.
        """
        size = os.lseek(self._fd, 0, os.SEEK_END)
        start = max(0, size - _TAIL_BYTES)
        tail = os.pread(self._fd, size - start, start)
        whole = tail.rfind(b"\n") + 1
        if whole < len(tail):
            os.ftruncate(self._fd, start + whole)
        lines = tail[:whole].splitlines()[1 if start else 0 :]
        for line in lines:
            fields = read_line(line) or {}
            task_id = fields.get("task_id")
            if fields.get("kind") == "sent" and isinstance(task_id, int):
                self._remember(self._sent, task_id, _facts(fields))
            elif fields.get("kind") == "outcome" and isinstance(task_id, int):
                self._sent.pop(task_id, None)
                self._remember(self._settled, task_id, None)
        if lines:
            number = (read_line(lines[-1]) or {}).get("number")
            # A damaged book is not mended here: the chain goes on, and checking it tells where.
            self._number = number if isinstance(number, int) else len(lines)
            self._newest = line_sha256(lines[-1])
        return len(tail) - whole

    def _remember(self, among: dict[int, Any], task_id: int, what: Any) -> None:
        among[task_id] = what
        if len(among) > _OPEN_MOST:
            del among[next(iter(among))]

    def _unwritable(self, error: OSError) -> FolderError:
        return FolderError(
            f"The receipts {self._path} cannot be written ({error.strerror}): check the folder's "
            "owner and free space; nothing leaves without a receipt."
        )


_OWN = ("number", "previous", "kind", "unix_s", "problem_id", "release", "client_signature")


def _facts(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in _OWN}
