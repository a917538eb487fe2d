"""The data holders that a problem's setter has invited, by name."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from fedota_proto.credential import write_secret
from fedota_proto.errors import FolderError, UsageError
from fedota_proto.invite import Invite, sign_invite
from fedota_server.authority import ProblemKeys

_NAME = re.compile(r"\w[\w .@+-]{0,79}")


@dataclass(frozen=True)
class Invited:
    """One invite that was made.

    Parameters
    ----------
    node_id
        The client that it enrols.
    name
        What the setter calls its holder.
    created_unix_s, expires_unix_s
        When it was made, and until when it enrols.
    """

    node_id: int
    name: str
    created_unix_s: float
    expires_unix_s: float


class Members:
    """The list of invites and their files.

    Parameters
    ----------
    folder
        The ``invites`` folder of a problem.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._list = folder / "members.jsonl"
        self._names: dict[int, str] = {}
        self._names_of: tuple[int, int] | None = None

    def all(self) -> list[Invited]:
        """List every invite, oldest first.

        Raises
        ------
        FolderError
            The list cannot be read.
        """
        try:
            lines = self._list.read_text().splitlines()
            return [Invited(**json.loads(line)) for line in lines]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, TypeError) as error:
            raise FolderError(
                f"{self._list} is damaged: restore it from a backup.", detail=repr(error)
            ) from error

    def names(self) -> dict[int, str]:
        """Return the name of each node id; the list is read again when its file has changed."""
        try:
            status = self._list.stat()
        except OSError:
            return {}
        stamp = (status.st_mtime_ns, status.st_size)
        if stamp != self._names_of:
            self._names = {one.node_id: one.name for one in self.all()}
            self._names_of = stamp
        return dict(self._names)

    def find(self, who: str) -> Invited:
        """Find the newest invite by its holder's name, or any by its node id.

        Raises
        ------
        UsageError
            There is none; the message lists the names.
        """
        known = self.all()
        for one in reversed(known):
            if who in (one.name, str(one.node_id)):
                return one
        names = ", ".join(sorted({one.name for one in known})) or "nobody yet"
        raise UsageError(f"No invite was made for {who}; there are: {names}.")

    def path(self, name: str) -> Path:
        """Return where the newest invite of that name is kept."""
        return self._folder / f"{name}.invite"

    def invite(
        self,
        keys: ProblemKeys,
        *,
        title: str,
        name: str,
        valid_s: float,
        selectors: Sequence[tuple[str, str]],
        webserver: str = "",
        again: bool = False,
    ) -> Invite:
        """Make an invite, keep it in a file and note it in the list.

        Parameters
        ----------
        keys
            The problem's.
        title
            The problem's.
        name
            What the setter calls the holder.
        valid_s
            Seconds for which it enrols.
        selectors
            Address and server name of each selector. Each invite begins with another one, which
            its client tries first, so that clients spread over all.
        webserver
            Address of the webserver's fl_round service, if there is one.
        again
            Whether a name may be used again, as after a key was lost; it is then another client.

        Raises
        ------
        UsageError
            The name cannot be used, or is taken.
        FolderError
            The folder cannot be written.
        """
        if not _NAME.fullmatch(name) or name.endswith((".", " ")):
            raise UsageError(
                f"{name!r} cannot name a data holder: use up to 80 letters, digits, spaces and "
                "any of . _ - + @, beginning with a letter or digit."
            )
        invited = self.all()
        if not again and any(one.name == name for one in invited):
            raise UsageError(
                f"{name} has an invite already, in {self.path(name)}: send that one, choose "
                "another name, or pass --again to enrol one more client under this name."
            )
        now = time.time()
        first = len(invited) % max(1, len(selectors))
        invite = sign_invite(
            keys.invite_key,
            Invite(
                problem_id=keys.problem_id,
                title=title,
                node_id=1 + secrets.randbelow((1 << 63) - 1),
                name=name,
                expires_unix_s=now + valid_s,
                ca_pem=keys.ca_pem.decode(),
                receipt_public_key=keys.public_key("receipt"),
                invite_public_key=keys.public_key("invite"),
                selectors=(*selectors[first:], *selectors[:first]),
                webserver=webserver,
            ),
        )
        self._note(Invited(invite.node_id, name, now, invite.expires_unix_s))
        write_secret(self.path(name), invite.text.encode() + b"\n")
        return invite

    def _note(self, invited: Invited) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with self._list.open("a") as file:
                file.write(json.dumps(asdict(invited)) + "\n")
        except OSError as error:
            raise FolderError(
                f"{self._list} cannot be written ({error.strerror}): "
                "check the folder's owner and free space."
            ) from error
