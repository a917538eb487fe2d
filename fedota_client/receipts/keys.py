"""The keys that a membership's book is checked by."""

from __future__ import annotations

from pathlib import Path

from fedota_client.receipts.checking import Keys
from fedota_proto.credential import ClientKey
from fedota_proto.errors import FolderError
from fedota_proto.invite import Invite


def keys_of(folder: Path) -> Keys | None:
    """Read the client's key and the invite of a membership's folder.

    Returns
    -------
    Keys or None
        None where they are not there any more: the book's first line names them then.

    Raises
    ------
    FolderError
        One of them cannot be read.
    InviteError
        The invite is damaged.
    """
    key, invite = folder / "key.pem", folder / "invite"
    if not key.exists() or not invite.exists():
        return None
    try:
        member = Invite.parse(invite.read_text())
    except OSError as error:
        raise FolderError(f"{invite} cannot be read ({error.strerror}).") from error
    return Keys(
        ClientKey.load(key).public_bytes,
        member.receipt_public_key,
        member.problem_id,
        member.node_id,
    )
