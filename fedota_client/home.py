"""A membership's own folder on the data holder's machine.

::

    key.pem          the client's private key, made here, never sent
    invite           the invite's line of text
    enrolled         exists once a selector has taken this key in: the invite is no longer sent
    consent.json     what the owner agreed to, and the hashes of what it rests on
    updates/         updates whose outcome is not known yet
    outcomes.jsonl   every outcome, as the coordinator signed it
    privacy.jsonl    one line for each update that left with noise: what it cost
    problem/         the problem's file, manifest and model, as fetched
    client.log       the client's log and what the worker printed
    lock             held while a client runs
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fedota_client.update_store import UpdateStore
from fedota_proto.credential import ClientKey, write_secret
from fedota_proto.errors import FolderError
from fedota_proto.invite import Invite
from fedota_proto.v1 import fl_round_pb2 as pb

_TAIL_BYTES = 1 << 18
_HEARD_MOST = 10_000
_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND
_encode = json.JSONEncoder(ensure_ascii=False).encode


class ClientHome:
    """The folder of one membership.

    Parameters
    ----------
    folder
        Made if it does not exist, readable by its owner alone.

    Raises
    ------
    FolderError
        The folder cannot be made or written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            for part in (folder, folder / "updates", folder / "problem"):
                part.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise FolderError(
                f"The client's folder {folder} cannot be made ({error.strerror}): "
                "choose another with --home."
            ) from error
        self.updates = UpdateStore(folder / "updates")
        self.problem_file = folder / "problem" / "problem.toml"
        self.manifest_file = folder / "problem" / "manifest.json"
        self.model_file = folder / "problem" / "model.keras"
        self.log_file = folder / "client.log"
        self.privacy_ledger = folder / "privacy.jsonl"
        self._outcomes = folder / "outcomes.jsonl"
        self._outcomes_fd: int | None = None
        self._heard = _task_ids(self._outcomes)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for this process.

        Raises
        ------
        FolderError
            Another client runs with this folder.
        """
        fd = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise FolderError(
                    f"Another client runs with the folder {self.folder}: stop it, or choose "
                    "another folder with --home."
                ) from None
            yield
        finally:
            os.close(fd)
            self.close()

    def close(self) -> None:
        """Close the file of outcomes; it is opened again when another comes."""
        if self._outcomes_fd is not None:
            os.close(self._outcomes_fd)
            self._outcomes_fd = None

    def key(self) -> ClientKey:
        """Return the client's key, made at the first call.

        Raises
        ------
        FolderError
            It cannot be read or made.
        """
        return ClientKey.load_or_create(self.folder / "key.pem")

    def invite(self) -> Invite | None:
        """Return the stored invite, None if there is none yet.

        Raises
        ------
        InviteError
            The stored line is damaged.
        """
        path = self.folder / "invite"
        try:
            return Invite.parse(path.read_text()) if path.exists() else None
        except OSError as error:
            raise FolderError(f"{path} cannot be read ({error.strerror}).") from error

    def adopt(self, invite: Invite) -> None:
        """Store an invite; a newer one of the same membership replaces it.

        Raises
        ------
        FolderError
            The folder belongs to another membership.
        """
        stored = self.invite()
        mine = (invite.problem_id, invite.node_id)
        if stored is not None and (stored.problem_id, stored.node_id) != mine:
            raise FolderError(
                f"The folder {self.folder} belongs to another membership (“{stored.title}”, "
                f"{stored.name}): choose another folder with --home."
            )
        if stored is None or stored.text != invite.text:
            write_secret(self.folder / "invite", invite.text.encode())

    @property
    def enrolled(self) -> bool:
        """Whether a selector has taken this key in, so that the invite need not be sent."""
        return (self.folder / "enrolled").exists()

    def mark_enrolled(self) -> None:
        """Note that a selector has taken this key in."""
        (self.folder / "enrolled").touch(mode=0o600)

    def consented(self) -> object:
        """Return what the owner's last consent rests on, None before the first."""
        try:
            answer = json.loads((self.folder / "consent.json").read_text())
            return answer["basis"]
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def record_consent(self, basis: dict[str, str], shown: str, given_by: str) -> None:
        """Keep what was shown and agreed to.

        Parameters
        ----------
        basis
            Hashes of what it rests on.
        shown
            The whole text.
        given_by
            ``terminal`` or ``--yes``.

        Raises
        ------
        FolderError
            The folder cannot be written.
        """
        answer = {"basis": basis, "unix_s": time.time(), "given_by": given_by, "shown": shown}
        write_secret(self.folder / "consent.json", json.dumps(answer, ensure_ascii=False).encode())

    def append_outcome(self, outcome: pb.Outcome) -> bool:
        """Append a verified outcome, unless the same task's stands there already.

        Returns
        -------
        bool
            Whether it is new.

        Raises
        ------
        FolderError
            The folder cannot be written.
        """
        if outcome.task_id in self._heard:
            return False
        line = _encode(outcome_fields(outcome)) + "\n"
        try:
            if self._outcomes_fd is None:
                self._outcomes_fd = os.open(self._outcomes, _APPEND, 0o600)
            os.write(self._outcomes_fd, line.encode())
        except OSError as error:
            raise FolderError(
                f"{self._outcomes} cannot be written ({error.strerror}): check its owner and "
                "free space."
            ) from error
        self._heard[outcome.task_id] = None
        if len(self._heard) > _HEARD_MOST:
            del self._heard[next(iter(self._heard))]
        return True


def outcome_fields(outcome: pb.Outcome) -> dict[str, Any]:
    """Write an outcome as JSON fields, with everything that its signature covers."""
    key = outcome.round
    return {
        "unix_s": round(time.time(), 3),
        "task_id": outcome.task_id,
        "round": [key.generation, key.server_round, key.attempt],
        "message_type": outcome.message_type,
        "outcome": pb.OutcomeKind.Name(outcome.kind),
        "code": outcome.code,
        "reason": outcome.reason,
        "weight": outcome.weight,
        "update_sha256": outcome.update_sha256.hex(),
        "signature": outcome.signature.hex(),
    }


def _task_ids(path: Path) -> dict[int, None]:
    """Read the task ids at the end of an outcomes file; a line cut off by a crash is passed."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            lines = file.read().splitlines()
    except OSError:
        return {}
    found: dict[int, None] = {}
    for line in lines:
        try:
            found[int(json.loads(line)["task_id"])] = None
        except (ValueError, KeyError, TypeError):
            continue
    return found


def membership_folder(base: Path, invite: Invite) -> Path:
    """Name the folder of an invite's membership under the common base folder."""
    return base.expanduser() / f"{invite.problem_id}-{invite.node_id:x}"


def known_memberships(base: Path) -> list[Path]:
    """List the folders under the base folder that hold an invite."""
    return sorted(path.parent for path in base.expanduser().glob("*/invite"))
