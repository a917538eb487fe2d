"""Where a command's invite comes from: its text, a file, standard input, a folder, a prompt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fedota_client.home import (
    ClientHome,
    known_memberships,
    membership_folder,
    stored_invite,
)
from fedota_proto.errors import FolderError, UsageError
from fedota_proto.invite import Invite

_TEXT_MOST = 1 << 16
_PREFIX = "fedota1:"


def read_invite(argument: str, read_stdin: Callable[[int], str]) -> Invite:
    """Read the invite that a command line names.

    Parameters
    ----------
    argument
        The text itself, the path of a file that holds it, or ``-``.
    read_stdin
        Reads at most so many characters from standard input.

    Raises
    ------
    InviteError
        What is there is no invite.
    UsageError
        There is no such file.
    """
    if argument == "-":
        return Invite.parse(read_stdin(_TEXT_MOST))
    text = argument.strip()
    if text.startswith(_PREFIX):
        return Invite.parse(text)
    path = Path(text).expanduser()
    looks_like_path = "/" in text or "." in text
    # A damaged invite may be longer than any file name can be.
    if len(text) < 1_000 and (path.is_file() or looks_like_path):
        try:
            with path.open(encoding="utf-8", errors="replace") as file:
                return Invite.parse(file.read(_TEXT_MOST))
        except OSError as error:
            raise UsageError(
                f"The invite's file {text} cannot be read ({error.strerror}): pass the invite's "
                "text, a file that holds it, or - for standard input."
            ) from error
    return Invite.parse(text)


def find_home(
    argument: str | None,
    home: Path | None,
    base: Path,
    *,
    read_stdin: Callable[[int], str],
    prompt: Callable[[], str] | None,
    accept: Callable[[Invite], Invite] = lambda invite: invite,
) -> tuple[ClientHome, Invite]:
    """Find the membership that a command is about, and its folder.

    Parameters
    ----------
    argument
        The command's INVITE, None if it was left out.
    home
        ``--home``, None if it was left out.
    base
        Where memberships have their folders unless ``--home`` names one.
    read_stdin
        As in `read_invite`.
    prompt
        Asks for the invite's text; None where there is no terminal.
    accept
        Looks at the invite before it is stored: refuses it, or adds addresses.

    Returns
    -------
    ClientHome, Invite
        The folder, with the invite stored in it.

    Raises
    ------
    UsageError
        No invite was given, and none or several are known.
    InviteError
        What was given is no invite.
    FolderError
        The folder belongs to another membership, or cannot be made.
    """
    if argument is not None:
        invite = read_invite(argument, read_stdin)
    else:
        known = home or _known_home(base)
        stored = stored_invite(known) if known is not None else None
        if known is not None and stored is not None:
            return ClientHome(known), accept(stored)
        invite = _asked(prompt)
    return _adopted(home or membership_folder(base, invite), accept(invite))


def find_invite(
    argument: str | None,
    home: Path | None,
    base: Path,
    *,
    read_stdin: Callable[[int], str],
    prompt: Callable[[], str] | None,
) -> Invite:
    """Find the invite that a command is about, as `find_home` does, and make no folder for it.

    Raises
    ------
    UsageError, InviteError, FolderError
        As `find_home`.
    """
    if argument is not None:
        return read_invite(argument, read_stdin)
    known = home or _known_home(base)
    stored = stored_invite(known) if known is not None else None
    return stored or _asked(prompt)


def _known_home(base: Path) -> Path | None:
    known = known_memberships(base)
    if len(known) > 1:
        listed = ", ".join(str(path) for path in known)
        raise UsageError(f"Several memberships are known: name one with --home ({listed}).")
    return known[0] if known else None


def _asked(prompt: Callable[[], str] | None) -> Invite:
    if prompt is None:
        raise UsageError(
            "No invite was given and none is known here: pass its text, a file that holds it, or "
            "- for standard input."
        )
    return Invite.parse(prompt())


def _adopted(folder: Path, invite: Invite) -> tuple[ClientHome, Invite]:
    if folder.exists() and not folder.is_dir():
        raise FolderError(f"{folder} is a file: choose a folder with --home.")
    home = ClientHome(folder)
    home.adopt(invite)
    return home, invite
