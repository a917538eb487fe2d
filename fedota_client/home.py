"""A membership's own folder on the data holder's machine.

::

    key.pem          the client's private key, made here, never sent
    invite           the invite's line of text
    enrolled         exists once a selector has taken this key in: the invite is no longer sent
    consent.json     what the owner agreed to, and the hashes of what it rests on
    updates/         updates whose outcome is not known yet
    receipts.jsonl   what left, and what became of it (`fedota_client.receipts`)
    receipts.head    number and hash of its newest line
    privacy.jsonl    one line for each update that left with noise: what it cost
    problem/         the problem's file, manifest and model, as fetched
    client.log       the client's log and what the worker printed
    pause            while it exists, a client does not work
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

from fedota_client.receipts.book import BOOK
from fedota_client.update_store import UpdateStore
from fedota_proto.credential import ClientKey, write_secret
from fedota_proto.errors import FolderError, UsageError
from fedota_proto.invite import Invite


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
                f"The client's folder {folder} cannot be used ({error.strerror}): "
                "choose another with --home."
            ) from error
        self.updates = UpdateStore(folder / "updates")
        self.problem_file = folder / "problem" / "problem.toml"
        self.manifest_file = folder / "problem" / "manifest.json"
        self.model_file = folder / "problem" / "model.keras"
        self.log_file = folder / "client.log"
        self.privacy_ledger = folder / "privacy.jsonl"
        self.pause_file = folder / "pause"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for this process.

        Raises
        ------
        FolderError
            Another client runs with this folder, or it cannot be written.
        """
        try:
            fd = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise self._unwritable("lock", error) from error
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
        FolderError
            It cannot be read.
        """
        return stored_invite(self.folder)

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
        """Whether a selector has taken this key in, so that the invite need not be sent.

        It is not so for an invite that somebody has put in the place of an older one.
        """
        try:
            noted = (self.folder / "enrolled").read_text()
        except OSError:
            return False
        return noted in ("", self._membership())

    def mark_enrolled(self) -> None:
        """Note that a selector has taken this key in."""
        if not self.enrolled:
            write_secret(self.folder / "enrolled", self._membership().encode())

    def _unwritable(self, name: str, error: OSError) -> FolderError:
        return FolderError(
            f"{self.folder / name} cannot be written ({error.strerror}): check the folder's owner "
            "and free space, or choose another with --home."
        )

    def _membership(self) -> str:
        invite = self.invite()
        return f"{invite.problem_id} {invite.node_id:x}" if invite is not None else ""

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


def stored_invite(folder: Path) -> Invite | None:
    """Return the invite in a membership's folder, None if there is none; nothing is made there.

    Raises
    ------
    InviteError
        What is there is no invite.
    FolderError
        It cannot be read.
    """
    path = folder / "invite"
    try:
        return Invite.parse(path.read_text(errors="replace")) if path.exists() else None
    except OSError as error:
        raise FolderError(
            f"{path} cannot be read ({error.strerror}): give the user that runs the client the "
            "right to."
        ) from error


def membership_folder(base: Path, invite: Invite) -> Path:
    """Name the folder of an invite's membership under the common base folder."""
    return base.expanduser() / f"{invite.problem_id}-{invite.node_id:x}"


def known_memberships(base: Path) -> list[Path]:
    """List the folders under the base folder that hold an invite."""
    return sorted(path.parent for path in base.expanduser().glob("*/invite"))


def known_receipts(base: Path) -> Path:
    """Find the one folder under the base folder that holds receipts.

    Raises
    ------
    UsageError
        There is none, or there are several.
    """
    found = sorted(path.parent for path in base.expanduser().glob(f"*/{BOOK}"))
    if not found:
        raise UsageError(f"There are no receipts under {base}: name a folder with --home.")
    if len(found) > 1:
        listed = ", ".join(str(path) for path in found)
        raise UsageError(f"Several memberships have receipts: name one with --home ({listed}).")
    return found[0]
