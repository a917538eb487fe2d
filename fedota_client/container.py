"""The two folders of the client's image, and what to say when they are not mounted as they should.

What a folder is, is looked up by `look`; what to say about it is decided apart from that.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from fedota_client.mount_table import Mount, is_rootless, mount_of, own_mounts
from fedota_proto.errors import FolderError


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder as this process sees it.

    Parameters
    ----------
    path
        As it is named.
    mount
        That it is in.
    exists, readable, writable, empty
        For this process.
    read_only
        Whether the whole file system is.
    owner, mode
        Its owner's user id, and its permission bits.
    """

    path: Path
    mount: Mount
    exists: bool = True
    readable: bool = True
    writable: bool = True
    empty: bool = False
    read_only: bool = False
    owner: int = 0
    mode: int = 0o755


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom this process runs as.

    Parameters
    ----------
    user
        User id.
    rootless
        Whether the engine maps user ids, as rootless Docker and Podman do.
    """

    user: int
    rootless: bool = False


def check_data(path: Path) -> None:
    """Refuse a data folder that is not mounted, empty or unreadable.

    Raises
    ------
    FolderError
        With the part of the command that mends it.
    """
    _refuse(data_mistake(look(path), _caller()))


def check_home(path: Path) -> None:
    """Refuse a folder of the client's own in which its key would be lost.

    Raises
    ------
    FolderError
        With the part of the command that mends it.
    """
    _refuse(home_mistake(look(path), _caller()))


def check_kept(path: Path) -> None:
    """Refuse a folder of the client's own in which nothing can be looked up.

    Raises
    ------
    FolderError
        With the part of the command that mends it.
    """
    _refuse(kept_mistake(look(path), _caller()))


def check_out(path: Path) -> None:
    """Refuse a place for results that is gone with the container.

    Raises
    ------
    FolderError
        With a place that is not.
    """
    _refuse(out_mistake(look(path)))


def out_mistake(folder: Folder) -> str:
    """Say what is wrong with a place for results; empty if nothing is."""
    if folder.mount.outlives:
        return ""
    return (
        f"{folder.path} would be lost with the container: name a place in a mounted folder, "
        f"as --out /fedota/{folder.path.name}, or leave --out away."
    )


def data_mistake(folder: Folder, caller: Caller) -> str:
    """Say what is wrong with a data folder; empty if nothing is."""
    path = folder.path
    if not folder.exists and folder.mount.at != "/":
        return f"There is no {path} in the folder that is mounted at {folder.mount.at}."
    if not folder.exists:
        return (
            f'No data is mounted at {path}: add -v "$PWD/data:{path}:ro" to the command, with your '
            "folder in place of $PWD/data."
        )
    if not folder.readable:
        return f"The data in {path} cannot be read by {_who(caller)}: {_remedy(folder, caller)}"
    if folder.empty:
        return (
            f"The data folder {path} is empty: check the folder before the first colon in "
            f"-v FOLDER:{path}:ro; Docker makes one that is not there, empty."
        )
    return ""


def home_mistake(folder: Folder, caller: Caller) -> str:
    """Say what is wrong with the client's own folder; empty if nothing is."""
    path = folder.path
    add = f'mkdir -p fedota, and add -v "$PWD/fedota:{path}" to the command.'
    if not folder.mount.outlives:
        what = (
            "is not on the host's disk"
            if folder.exists and folder.mount.at != "/"
            else "is not mounted"
        )
        return (
            f"The client's folder {path} {what}: its key and receipts would be lost with the "
            f"container, and with them the membership. Run {add}"
        )
    if folder.read_only:
        return (
            f"The client's folder {path} is mounted to be read alone: leave :ro out of its -v, "
            "since the client's key and receipts are kept there."
        )
    if not folder.readable or not folder.writable:
        return (
            f"The client's folder {path} cannot be written by {_who(caller)}: "
            f"{_remedy(folder, caller)}"
        )
    return ""


def kept_mistake(folder: Folder, caller: Caller) -> str:
    """Say what is wrong with the client's own folder for reading alone; empty if nothing is."""
    path = folder.path
    if not folder.mount.outlives:
        return (
            f"The client's folder {path} is not mounted, so that nothing is known of what has "
            f'left: add -v "$PWD/fedota:{path}" to the command.'
        )
    if not folder.readable:
        return (
            f"The client's folder {path} cannot be read by {_who(caller)}: "
            f"{_remedy(folder, caller)}"
        )
    return ""


def look(path: Path) -> Folder:
    """Look at a folder; of one that is to be made still, at the nearest that is there."""
    path = path.absolute()
    mount = mount_of(path, own_mounts())
    there = next(part for part in (path, *path.parents) if os.path.exists(part))
    status = there.stat()
    enter = os.X_OK if there.is_dir() else 0
    readable = os.access(there, os.R_OK | enter)
    return Folder(
        path=path,
        mount=mount,
        exists=there == path,
        readable=readable,
        writable=os.access(there, os.W_OK | enter),
        empty=readable and there.is_dir() and _is_empty(there),
        read_only=bool(os.statvfs(there).f_flag & os.ST_RDONLY),
        owner=status.st_uid,
        mode=status.st_mode & 0o777,
    )


def _who(caller: Caller) -> str:
    return f"the user id {caller.user}, with which this container runs"


def _remedy(folder: Folder, caller: Caller) -> str:
    """Say how the container gets at a folder."""
    if caller.rootless and caller.user == 0:
        return (
            "this engine is rootless, and 0 stands for the user who runs it, whose folder this is "
            "not; chown it to that user, or run the command as its owner."
        )
    if caller.rootless:
        return (
            "this engine is rootless, where user ids are mapped; with Podman say "
            '--userns=keep-id --user "$(id -u):$(id -g)", with rootless Docker --user 0:0.'
        )
    if _mode_allows(folder, caller.user):
        return (
            "its owner may, so that something else forbids it; on a machine with SELinux add z to "
            f"the mount's options, as in -v FOLDER:{folder.path}:z."
        )
    if folder.owner == 0:
        return (
            "it belongs to root, as one does that Docker made since it was not there; make it "
            'yourself (or chown it), and run with --user "$(id -u):$(id -g)".'
        )
    return (
        f"it belongs to the user id {folder.owner}; run the command as that user, with "
        '--user "$(id -u):$(id -g)".'
    )


def _mode_allows(folder: Folder, user: int) -> bool:
    return folder.owner == user and folder.mode & 0o700 == 0o700


def _is_empty(folder: Path) -> bool:
    with os.scandir(folder) as entries:
        return next(entries, None) is None


def _refuse(mistake: str) -> None:
    if mistake:
        raise FolderError(mistake)


def _caller() -> Caller:
    try:
        uid_map = Path("/proc/self/uid_map").read_text()
    except OSError:
        uid_map = ""
    return Caller(os.getuid(), is_rootless(uid_map))
