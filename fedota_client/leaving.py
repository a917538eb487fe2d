"""Leaving a problem: the membership ends, and the folder may be wiped of all but the receipts."""

from __future__ import annotations

import contextlib
import shutil

from fedota_client.connection import SelectorLink
from fedota_client.dialing import Dialer
from fedota_client.home import ClientHome
from fedota_client.receipts.book import BOOK, HEAD, ReceiptBook
from fedota_proto.errors import FolderError
from fedota_proto.v1 import fl_round_pb2 as pb

KEPT = frozenset({BOOK, HEAD})


async def end_membership(dialer: Dialer, book: ReceiptBook) -> None:
    """Tell the platform that this client leaves for good.

    Parameters
    ----------
    dialer
        Reaches a selector or the webserver.
    book
        Takes the receipt.

    Raises
    ------
    InviteError
        The membership had ended already, or the invite opens nothing.
    FedotaError
        The platform was never reached.
    """

    async def tell(link: SelectorLink) -> None:
        await link.tell(pb.TellRequest.LEAVING)
        book.told("leaving", link.address)

    await dialer.once(tell)


def wipe(home: ClientHome) -> list[str]:
    """Delete everything in a membership's folder but the receipts.

    The key goes last but for the lock, so that a wipe that was cut off can be repeated.

    Parameters
    ----------
    home
        Locked by the caller.

    Returns
    -------
    list of str
        Names of what is left.

    Raises
    ------
    FolderError
        Something cannot be deleted.
    """
    order = sorted(
        home.folder.iterdir(), key=lambda path: (path.name == "lock", path.name == "key.pem")
    )
    try:
        for path in order:
            if path.name in KEPT:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                with contextlib.suppress(FileNotFoundError):
                    path.unlink()
        return sorted(path.name for path in home.folder.iterdir())
    except OSError as error:
        raise FolderError(
            f"{error.filename or home.folder} cannot be deleted ({error.strerror}): check its "
            "owner, and repeat the command."
        ) from error
